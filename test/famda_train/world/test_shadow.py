# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Shadows are looked for only where they can fall, and nothing is missed."""
import cv2
import numpy as np
import pytest

from famda_train.world.gbuffer import make_gbuffer
from famda_train.world.open_street import open_scene
from famda_train.world.primitives import Role
from famda_train.world.shadow import LEAF_TRANSMISSION, _casters, _crosses, sun_transmission


@pytest.mark.parametrize('sun', [(0.5, 0.6, -0.62), (-0.7, 0.25, 0.66), (0.1, 0.99, 0.05)])
@pytest.mark.parametrize('seed', range(5))
def test_every_shadow_ray_against_every_caster_gives_the_same(seed, sun):
    direction = np.array(sun, np.float32) / np.float32(np.linalg.norm(sun))
    g = make_gbuffer(*open_scene(seed, 128, 96))
    normal = g.normal[:, ::2, ::2]
    point = g.point[:, ::2, ::2] + np.float32(0.06) * normal
    offset = (g.primitives.center - [g.camera.x, 0.0, g.camera.z]).astype(np.float32)
    light = np.ones(point.shape[1:], np.float32)
    for i in _casters(g, offset):
        dark = _crosses(g.primitives, i, offset[i], direction, *point)
        light[dark] *= LEAF_TRANSMISSION if g.primitives.role[i] == Role.LEAVES else 0
    light[~((np.tensordot(direction, normal, 1) > 0) & (g.depth[::2, ::2] < 90))] = 1
    expected = cv2.resize(light, (128, 96), interpolation=cv2.INTER_LINEAR)
    assert (light < 1).any()
    assert np.allclose(sun_transmission(g, direction), expected, atol=1e-6)
