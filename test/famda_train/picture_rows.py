# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Predictions to draw."""
import numpy as np

SIZE = (24, 40)


def picture_rows(keys, names=('first', 'second')):
    """Return frames with void, sky and unknown depth, and outputs under the given keys."""
    rng = np.random.default_rng(0)

    def output():
        labels = rng.integers(0, 4, SIZE).astype(np.uint8)
        depth = rng.uniform(0, 90, SIZE).astype(np.float32)
        labels[0], depth[0], depth[1] = 255, np.inf, np.nan
        return {'labels': labels, 'depth': depth}

    image = rng.integers(0, 255, (*SIZE, 3)).astype(np.uint8)
    return [{'name': name, 'image': image, **{key: output() for key in keys}} for name in names]
