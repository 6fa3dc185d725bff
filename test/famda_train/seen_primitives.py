# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Where the pixels of a rendering lie on the primitives that they show; for tests."""
from __future__ import annotations

import numpy as np

from famda_train.world.gbuffer import GBuffer


def local_points(g: GBuffer) -> tuple[np.ndarray, np.ndarray]:
    """Return (primitive ids [n], points [3, n] in the primitive's axes, float64) of all pixels on primitives."""
    seen = g.primitive >= 0
    ids = g.primitive[seen]
    x, y, z = g.camera.points(g.depth)[:, seen] - g.primitives.center[ids].T
    cos, sin = (f(g.primitives.yaw.astype(np.float64))[ids] for f in (np.cos, np.sin))
    return ids, np.stack([cos * x - sin * z, y, sin * x + cos * z])
