# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The ground truth is exact: every pixel's depth times its ray is a point of the primitive that its id names."""
from __future__ import annotations

import numpy as np
import pytest
import seen_primitives
from hypothesis import given, settings
from hypothesis import strategies as st

from famda_ros.student.label_space import FLAT7, IGNORE
from famda_train.world.camera import Camera, default_camera
from famda_train.world.gbuffer import GROUND, SKY, GBuffer, make_gbuffer
from famda_train.world.layout import make_layout
from famda_train.world.materials import CLASS_OF_MATERIAL, Material
from famda_train.world.primitives import Kind
from famda_train.world.render import static_camera

some_seeds = settings(max_examples=12, deadline=None, derandomize=True)


def look(seed: int, width: int = 192, height: int = 96, focal: float | None = None) -> GBuffer:
    return make_gbuffer(make_layout(seed), static_camera(seed, default_camera(width, height, focal)))


@some_seeds
@given(st.integers(0, 10**6), st.sampled_from([90.0, 134.4, 250.0]))
def test_points_lie_on_their_primitive(seed, focal):
    g = look(seed, focal=focal)
    ids, point = seen_primitives.local_points(g)
    half = g.primitives.half[ids].T.astype(np.float64)
    kind = g.primitives.kind[ids]
    ratio = np.abs(point) / half
    distance = np.where(
        kind == Kind.BOX, (np.abs(point) - half).max(0),
        np.where(kind == Kind.CYLINDER, np.hypot(point[0], point[2]) - half[0],
                 (np.sqrt((ratio**2).sum(0)) - 1) * half.min(0)),
    )  # fmt: skip
    tolerance = 2e-4 + 2e-5 * g.depth[g.primitive >= 0]
    seen_primitives.assert_on_primitives(g, distance, tolerance)
    assert (ratio[:, kind == Kind.BOX] <= 1 + 1e-3 + tolerance.max() / half[:, kind == Kind.BOX]).all()


@some_seeds
@given(st.integers(0, 10**6))
def test_ground_is_the_plane_below_the_camera(seed):
    g = look(seed)
    ground = g.primitive == GROUND
    # The depth of a plane in closed form: height over the slope of the ray below the horizon.
    rows = np.arange(g.camera.height)[:, None]
    up = (g.camera.cy - rows) / g.camera.focal
    slope = np.sin(g.camera.pitch) + up * np.cos(g.camera.pitch)
    expected = np.broadcast_to(-g.camera.y / slope, g.depth.shape)[ground]
    assert np.allclose(g.depth[ground], expected, rtol=2e-4)


@some_seeds
@given(st.integers(0, 10**6))
def test_labels_follow_materials_and_normals_face_the_camera(seed):
    g = look(seed)
    seen_primitives.assert_normals_face_the_camera(g)
    seen_primitives.assert_labels_follow_materials(g)
    assert (g.depth[g.primitive != SKY] > 0.29).all()
    reach = np.hypot(*(g.depth * g.rays[[0, 2]])[:, g.primitive == GROUND])
    assert (reach <= 400.01).all()


def test_every_material_has_a_class():
    assert len(CLASS_OF_MATERIAL) == len(Material)
    own_car = [Material.OWN_PAINT, Material.OWN_DARK]
    assert set(np.delete(CLASS_OF_MATERIAL, own_car)) == set(range(len(FLAT7)))
    assert set(CLASS_OF_MATERIAL[own_car]) == {IGNORE}


@some_seeds
@given(st.integers(0, 10**6))
def test_twice_the_resolution_and_focal_sees_the_same(seed):
    small, large = look(seed), look(seed, 384, 192, 2 * 134.4)

    # A pixel of the small view is a block of 2 x 2; on flat surfaces 1 / depth is linear in the image.
    def blocks(a):
        return a.reshape(96, 2, 192, 2).transpose(0, 2, 1, 3).reshape(96, 192, 4)

    same = (blocks(large.primitive) == small.primitive[..., None]).all(-1) & np.isfinite(small.depth)
    flat = same & (small.primitive == GROUND)
    boxes = same & (small.primitive >= 0)
    boxes[boxes] = small.primitives.kind[small.primitive[boxes]] == Kind.BOX
    one_face = (blocks(large.normal[0]) == small.normal[0][..., None]).all(-1)
    one_face &= (blocks(large.normal[1]) == small.normal[1][..., None]).all(-1)
    flat |= boxes & one_face
    assert flat.mean() > 0.3
    inverse = (1 / blocks(large.depth)).mean(-1)
    assert np.allclose(inverse[flat], 1 / small.depth[flat], rtol=1e-3)
    rest = same & ~flat
    if rest.any():
        assert np.median(np.abs(blocks(large.depth).mean(-1)[rest] / small.depth[rest] - 1)) < 5e-3


def test_class_shares_are_those_of_a_street():
    labels = np.stack([look(seed).labels for seed in range(60)])
    share = dict(zip(FLAT7.classes, np.bincount(labels.ravel(), minlength=7) / labels.size, strict=True))
    expected = {
        'flat': (0.30, 0.45), 'construction': (0.14, 0.32), 'object': (0.008, 0.04), 'nature': (0.05, 0.18),
        'sky': (0.08, 0.24), 'human': (0.004, 0.03), 'vehicle': (0.08, 0.20),
    }  # fmt: skip
    for name, (low, high) in expected.items():
        assert low < share[name] < high, (name, share[name])


@pytest.mark.parametrize('yaw, pitch', [(0.0, 0.0), (0.3, -0.2), (-1.0, 0.1)])
def test_camera_projects_its_own_rays_back(yaw, pitch):
    camera = Camera(40, 30, 35.0, 19.0, 14.0, x=1.0, y=2.0, z=3.0, yaw=yaw, pitch=pitch)
    assert np.allclose(camera.axes() @ camera.axes().T, np.eye(3))
    depth = np.random.default_rng(0).uniform(1, 50, (30, 40))
    u, v, z = camera.project(camera.points(depth))
    assert np.allclose(u, np.arange(40)[None], atol=1e-4) and np.allclose(v, np.arange(30)[:, None], atol=1e-4)
    assert np.allclose(z, depth, rtol=1e-5)
