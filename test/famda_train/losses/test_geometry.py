# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from famda_train.losses.geometry import normals_from_depth, points_from_depth
from famda_train.world.camera import default_camera

HEIGHT, WIDTH, FOCAL = 24, 32, 25.0


def rays(focal=FOCAL, cx=None, cy=None):
    """Return float [3, H, W]: directions with component 1 along the axis."""
    return points_from_depth(torch.ones(1, HEIGHT, WIDTH, dtype=torch.float64), focal, cx, cy)[0]


def plane(normal, distance, **camera):
    """Return float [1, H, W]: depth of the plane normal . X = -distance; NaN behind the camera."""
    depth = -distance / torch.einsum('c,chw->hw', normal, rays(**camera))
    return torch.where(depth > 0, depth, torch.nan)[None]


def test_points_project_back_to_their_pixels():
    depth = 1 + 50 * torch.rand(2, HEIGHT, WIDTH)
    focal, cx, cy = torch.tensor([20.0, 30.0]), 12.5, torch.tensor([9.0, 11.0])
    x, y, z = points_from_depth(depth, focal, cx, cy).unbind(1)
    u = cx + focal.view(2, 1, 1) * x / z
    v = cy.view(2, 1, 1) + focal.view(2, 1, 1) * y / z
    torch.testing.assert_close(u, torch.arange(WIDTH).float().expand_as(u), atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(v, torch.arange(HEIGHT).float()[:, None].expand_as(v), atol=1e-3, rtol=1e-4)
    assert torch.equal(z, depth)


def test_the_middle_of_the_image_lies_on_the_optical_axis():
    points = points_from_depth(torch.full((1, 5, 7), 4.0), FOCAL)[0]
    assert points[:, 2, 3].tolist() == [0, 0, 4]


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1), st.floats(0.5, 50), st.floats(8, 28))
def test_a_plane_has_its_own_normal_everywhere(x, y, z, distance, cy):
    normal = torch.tensor([x, y, z], dtype=torch.float64)
    assume(normal.norm() > 0.1)
    normal = normal / normal.norm()
    depth = plane(normal, distance, cy=cy)  # the normal points to the camera wherever the plane is seen
    depth = torch.where(depth < 100 * distance, depth, torch.nan)
    normals = normals_from_depth(depth, FOCAL, cy=cy)
    valid = torch.isfinite(normals).all(1)
    assert not (valid & torch.isnan(depth)).any()
    expected = normal.view(1, 3, 1, 1).expand_as(normals)
    torch.testing.assert_close(normals.movedim(1, -1)[valid], expected.movedim(1, -1)[valid], atol=1e-6, rtol=0)


def test_a_wall_in_front_is_valid_up_to_the_border():
    normals = normals_from_depth(torch.full((2, HEIGHT, WIDTH), 7.0), torch.tensor([20.0, 30.0]))
    torch.testing.assert_close(normals, torch.tensor([0.0, 0.0, -1.0]).view(1, 3, 1, 1).expand_as(normals))


def test_a_sphere_is_round():
    center, radius = torch.tensor([0.5, -0.3, 8.0], dtype=torch.float64), 2.0
    focal = 200.0
    direction = rays(focal, cx=WIDTH / 2, cy=HEIGHT / 2)
    along = torch.einsum('c,chw->hw', center, direction)
    length = (direction**2).sum(0)
    root = along**2 - length * (center @ center - radius**2)
    depth = torch.where(root > 0, (along - root.clamp_min(0).sqrt()) / length, torch.nan)[None]
    expected = (depth * direction - center.view(3, 1, 1)) / radius
    normals = normals_from_depth(depth, focal, WIDTH / 2, HEIGHT / 2)[0]
    facing = torch.isfinite(normals).all(0)
    assert facing.float().mean() > 0.9
    cosine = (normals * expected).sum(0)[facing]
    assert cosine.min() > 0.999


@given(st.integers(0, 10**6))
def test_normals_are_unit_and_face_the_camera(seed):
    depth = 5 + 3 * torch.rand(1, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    normals = normals_from_depth(depth, FOCAL, max_ratio=2.0)[0]
    torch.testing.assert_close(normals.norm(dim=0), torch.ones_like(normals[0]))
    assert ((normals * rays()).sum(0) < 0).all()


def test_each_side_of_a_jump_keeps_its_own_normal():
    slopes = torch.tensor([[0.6, 0.0, -0.8], [-0.6, 0.0, -0.8]], dtype=torch.float64)
    left, right = plane(slopes[0], 4.0), plane(slopes[1], 20.0)
    depth = torch.where(torch.arange(WIDTH) < 16, left, right)
    normals = normals_from_depth(depth, FOCAL)[0]
    expected = torch.where(torch.arange(WIDTH) < 16, *slopes[:, 0]).expand(HEIGHT, WIDTH)
    torch.testing.assert_close(normals[0], expected)
    # Without the limit the jump itself would be taken for a surface.
    assert (normals_from_depth(depth, FOCAL, max_ratio=math.inf)[0, 0] - expected)[:, 15:17].abs().min() > 0.05


def test_pixels_without_a_surface_have_no_normal():
    depth = torch.full((1, 8, 8), 5.0)
    depth[0, 0, 0], depth[0, 3, 3], depth[0, 5:, 5:] = torch.nan, torch.inf, 0.0
    depth[0, 2, 5] = 50.0  # a pixel with jumps on all sides
    invalid = torch.isnan(normals_from_depth(depth, FOCAL)[0]).all(0)
    expected = ~torch.isfinite(depth[0]) | (depth[0] == 0)
    expected[2, 5] = True
    assert torch.equal(invalid, expected)


def test_the_gradient_is_finite_beside_holes():
    depth = (5 + torch.rand(1, 8, 8)).requires_grad_()
    holes = depth.clone()
    holes[0, 2, 2], holes[0, 4] = torch.nan, torch.inf
    normals = normals_from_depth(holes, FOCAL)
    normals[torch.isfinite(normals)].square().sum().backward()
    assert torch.isfinite(depth.grad).all()


@pytest.mark.parametrize('width', [64, 128])
def test_the_road_of_the_street_world_points_up(width):
    camera = default_camera(width, width // 2)
    ray = torch.from_numpy(camera.rays())
    depth = -camera.y / ray[1]  # where the ray meets the road, in world axes (y up)
    depth = torch.where((depth > 0) & (depth < 80), depth, torch.nan)[None]
    normals = normals_from_depth(depth, camera.focal, camera.cx, camera.cy)[0]
    valid = torch.isfinite(normals).all(0)
    assert valid.float().mean() > 0.35
    assert (normals[1, valid] < -0.999).all()
