# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Ground truth as masks: what a perfect mask source could bring."""
from __future__ import annotations

from typing import Any

import numpy as np

from famda_ros.errors import FamdaError
from famda_train.datasets.dataset import Dataset
from famda_train.teachers.weights import NO_WEIGHTS, Weights


class Instances:
    """The true ids of single things, from data sets that have them.  For upper bounds only, never for results."""

    def __init__(self):
        self.identity: dict[str, Any] = {
            'name': 'instances',
            'kind': 'segments',
            'settings': {},
            'licence': NO_WEIGHTS.licence,
            'note': 'ground truth, for upper bounds only',
        }

    def read(self, dataset: Dataset, index: int) -> np.ndarray:
        """Return uint16 [H, W] ids of a frame, 0 = no thing.

        Raises:
            FamdaError: the data set has no such truth.
        """
        dataset.require('instances')
        return dataset.instances(index).astype(np.uint16)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Refuse: an image alone has no ground truth; see :meth:`read`."""
        raise FamdaError('the mask teacher instances reads ground truth; give it a data set, not an image')

    @staticmethod
    def weights() -> list[Weights]:
        """Return that it needs none."""
        return [NO_WEIGHTS]
