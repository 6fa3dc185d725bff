# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Where the pixels of a rendering lie on the primitives that they show, and whether they should; for tests."""
from __future__ import annotations

import numpy as np

from famda_ros.student.label_space import FLAT7
from famda_train.world.gbuffer import SKY, GBuffer
from famda_train.world.materials import CLASS_OF_MATERIAL
from famda_train.world.primitives import Kind


def local_points(g: GBuffer) -> tuple[np.ndarray, np.ndarray]:
    """Return (primitive ids [n], points [3, n] in the primitive's axes, float64) of all pixels on primitives."""
    seen = g.primitive >= 0
    ids = g.primitive[seen]
    x, y, z = g.camera.points(g.depth)[:, seen] - g.primitives.center[ids].T
    cos, sin = (f(g.primitives.yaw.astype(np.float64))[ids] for f in (np.cos, np.sin))
    return ids, np.stack([cos * x - sin * z, y, sin * x + cos * z])


def assert_on_primitives(g: GBuffer, distance: np.ndarray, tolerance: np.ndarray) -> None:
    """Fail unless all pixels lie on their primitives, those of cylinders between the ends, too.

    Args:
        g: the rendering.
        distance: float [n] metres from the primitive's surface, of the pixels that :func:`local_points` returns.
        tolerance: float [n] metres.
    """
    ids, point = local_points(g)
    assert (np.abs(distance) <= tolerance).all()
    upright = g.primitives.kind[ids] == Kind.CYLINDER
    assert (np.abs(point[1]) <= g.primitives.half[ids].T[1] + tolerance)[upright].all()


def assert_normals_face_the_camera(g: GBuffer) -> None:
    """Fail unless all normals are unit vectors that face the camera.

    A pixel on the very edge of a box may have the normal of the face behind the edge; there are one or two at most.
    """
    seen = g.primitive != SKY
    assert np.allclose(np.linalg.norm(g.normal, axis=0)[seen], 1, atol=1e-4)
    assert ((g.normal * g.rays).sum(0)[seen] >= 0.02).sum() <= 2


def assert_labels_follow_materials(g: GBuffer) -> None:
    """Fail unless every thing has one class, that of its material, and the sky alone has no thing and no depth."""
    assert (g.labels == CLASS_OF_MATERIAL[g.material]).all()
    for thing in np.unique(g.instance):
        assert len(np.unique(g.labels[g.instance == thing])) == 1, thing
    sky = g.labels == FLAT7.classes.index('sky')
    assert (np.isinf(g.depth) == sky).all() and (sky == (g.instance == 0)).all() and (sky == (g.primitive == SKY)).all()
