# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from famda_ros.errors import FamdaError
from famda_train.world import drive
from famda_train.world.camera import default_camera
from famda_train.world.drive import camera_at, drive_frame, optical_quaternion
from famda_train.world.gbuffer import GROUND, make_gbuffer
from famda_train.world.layout import make_layout
from famda_train.world.primitives import Kind


def moving(g) -> np.ndarray:
    """Return bool [H, W]: pixels on things that move."""
    fast = np.append(np.abs(g.primitives.velocity).max(1) > 0, [False, False])  # SKY = -1, GROUND = -2
    return fast[g.primitive]


@pytest.mark.parametrize('seed', [1, 4])
def test_static_things_reproject_into_the_next_frame(seed):
    layout = make_layout(seed, 40.0)
    camera = default_camera(384, 192)
    first, second = (make_gbuffer(layout, camera_at(seed, t, camera), t) for t in (1.0, 1.1))
    points = first.camera.points(np.where(np.isfinite(first.depth), first.depth, 1))
    u, v, depth = second.camera.project(points)
    inside = (u > 1) & (u < 382) & (v > 1) & (v < 190) & (first.depth < 80) & ~moving(first)
    inside &= (first.primitive == GROUND) | (first.primitive >= 0)
    u, v, depth, ids = u[inside], v[inside], depth[inside], first.primitive[inside]
    c, r = np.floor(u).astype(int), np.floor(v).astype(int)
    corners = [(r, c), (r, c + 1), (r + 1, c), (r + 1, c + 1)]
    same = np.all([second.primitive[p] == ids for p in corners], 0)
    # On planes 1 / depth is linear in the image, so bilinear interpolation of it is exact.
    a, b = v - r, u - c
    weights = [(1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b]
    with np.errstate(divide='ignore'):  # all four corners may be sky
        seen = 1 / sum(w / second.depth[p] for w, p in zip(weights, corners, strict=True))
    plane = same & ((ids == GROUND) | (first.primitives.kind[np.maximum(ids, 0)] == Kind.BOX))
    one_face = np.all([second.normal[:, p[0], p[1]] == first.normal[:, inside] for p in corners], (0, 1))
    assert (plane & one_face).mean() > 0.5
    assert np.allclose(seen[plane & one_face], depth[plane & one_face], rtol=2e-3)
    assert np.median(np.abs(seen[same] / depth[same] - 1)) < 1e-3


def test_things_move_or_stay_as_they_should():
    layout = make_layout(2, 60.0)
    start, later = layout.primitives, layout.primitives.at(2.0)
    step = later.center - start.center
    fast = np.abs(start.velocity).max(1) > 0
    assert fast.any() and not fast.all()
    assert (step[~fast] == 0).all() and np.allclose(step[fast], 2 * start.velocity[fast])
    for thing in np.unique(start.instance[fast]):  # a thing moves as a whole
        assert len(np.unique(start.velocity[start.instance == thing], axis=0)) == 1


def test_materials_and_windows_stay_on_their_place():
    layout = make_layout(3, 40.0)
    camera = default_camera(384, 192)
    first, second = (make_gbuffer(layout, camera_at(3, t, camera), t) for t in (0.5, 0.6))
    points = first.camera.points(np.where(first.depth < 40, first.depth, 1))
    u, v, _ = second.camera.project(points)
    c, r = np.round(u).astype(int), np.round(v).astype(int)
    inside = (c >= 0) & (c < 384) & (r >= 0) & (r < 192) & (first.depth < 40) & ~moving(first)
    r, c = r[inside], c[inside]
    same = second.primitive[r, c] == first.primitive[inside]
    assert (second.material[r, c] == first.material[inside])[same].mean() > 0.93


def test_only_noise_differs_when_nothing_moves():
    first = drive_frame(5, 'night', 20.0, 0.5, 3, 96, 48, None)
    again = drive_frame(5, 'night', 20.0, 0.5, 4, 96, 48, None)
    assert (first.depth == again.depth).all() and (first.image != again.image).any()
    assert np.abs(first.image.astype(int) - again.image).mean() < 12


def test_drive_stamps_and_bytes():
    def go():
        return list(drive(6, 'day', 5, 20.0, 64, 32))

    first, again = go(), go()
    assert [stamp for stamp, _ in first] == pytest.approx([0.0, 0.05, 0.10, 0.15, 0.20])
    assert all((a.image == b.image).all() for (_, a), (_, b) in zip(first, again, strict=True))
    assert first[4][1].camera.z == pytest.approx(8 * 0.2)


def test_camera_never_touches_a_thing():
    for seed in range(6):
        for _, r in drive(seed, 'synthetic', 12, 1.0, 48, 24):
            # Even the road is 2 m away at the bottom of this view.
            assert r.depth.min() > 0.9, seed


def test_optical_quaternion_turns_the_optical_axis_forward():
    for pitch in (0.0, 0.2, -0.3):
        x, y, z, w = optical_quaternion(pitch)
        assert x * x + y * y + z * z + w * w == pytest.approx(1)
        # Images of the optical axes in base_link: right = -y, forward = x turned up by the pitch.
        right = (1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w))
        forward = (2 * (x * z + y * w), 2 * (y * z - x * w), 1 - 2 * (x * x + y * y))
        assert right == pytest.approx((0, -1, 0), abs=1e-9)
        assert forward == pytest.approx((np.cos(pitch), 0, np.sin(pitch)), abs=1e-9)


def test_bad_requests_are_refused():
    with pytest.raises(FamdaError, match='unknown domain'):
        drive(0, 'dusk', 3)
    with pytest.raises(FamdaError, match='at least 1 frame'):
        drive(0, 'day', 0)
    with pytest.raises(FamdaError, match='rate above 0 Hz'):
        drive(0, 'day', 3, 0.0)
