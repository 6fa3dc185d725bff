# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The shipped depth teacher of the street world: a stand-in for a foundation model."""
from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from famda_ros.errors import FamdaError
from famda_ros.files import sha256_of
from famda_ros.student.depth_units import rescale_to_focal
from famda_train.label_store.licences import APACHE, UNKNOWN, licence
from famda_train.models.stand_in_depth import StandInDepthNetwork
from famda_train.teachers.agreement import SMALLER, Views, match_median, reliability
from famda_train.teachers.weights import Weights

STAND_IN_WEIGHTS = Path(__file__).parents[1] / 'weights' / 'street_world_depth.safetensors'


class StreetWorldDepth:
    """The stand-in teacher, pre-trained on randomised street worlds.

    It plays the role of Depth Anything where none can be downloaded.  It shares the
    renderer with the demo's domains (not their styles), so it is a generous stand-in:
    do not read its gains as those of a foundation model on real images.  A small network:
    it runs on the CPU.

    Args:
        kind: ``depth`` for metres, ``disparity`` for the relative head.
        weights: safetensors file written by ``famda pretrain-depth``; null = the shipped ones.
        reliability: none, mirror, scale or both: readings that say how far it agrees with itself.
    """

    def __init__(
        self,
        kind: Literal['depth', 'disparity'] = 'depth',
        weights: str | None = None,
        reliability: Views = 'none',
    ):
        path = STAND_IN_WEIGHTS if weights is None else Path(weights)
        state = read_weights(path)
        with safe_open(path, 'pt') as file:
            metadata = file.metadata()
        self._width, self._focal = int(metadata['width']), float(metadata['focal'])
        self._network = StandInDepthNetwork().eval()
        self._network.load_state_dict(state)
        self._kind, self._views = kind, reliability
        self.identity = {
            'name': 'street-world' if kind == 'depth' else 'street-world-relative',
            'kind': kind,
            'settings': {'reliability': reliability},
            'weights_sha256': sha256_of(path),
            'licence': licence(APACHE if weights is None else UNKNOWN),
            'note': 'stand-in trained on the same renderer, randomised styles; mean of image and mirror image',
        }

    def __call__(self, image: np.ndarray, focal: float | None = None) -> np.ndarray:
        """Return float32 [H, W] metres (or disparity) at image size, the mean of image and mirror image."""
        return self._read(image, focal)[0]

    def with_reliability(self, image: np.ndarray, focal: float | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Return (values as by a call, reliability); see famda_train.teachers.depth_teachers.read_depth."""
        values, *readings = self._read(image, focal)
        others = [readings] if self._views in ('mirror', 'both') else []
        if self._views in ('scale', 'both'):
            smaller = self._read(image, focal, SMALLER)[0]
            others.append([values, match_median(smaller, values) if self._kind == 'depth' else smaller])
        agreements = [reliability(pair, self._kind) for pair in others]
        return values, np.minimum.reduce(agreements) if agreements else None

    @staticmethod
    def weights() -> list[Weights]:
        """Return the shipped ones."""
        is_here = STAND_IN_WEIGHTS.is_file()
        return [Weights('in the package', APACHE, available=is_here, advice='install famda_ros again')]

    @torch.inference_mode()
    def _read(self, image: np.ndarray, focal: float | None, scale: float = 1.0) -> list[np.ndarray]:
        """Return the mean, the reading of the image and that of its mirror image, float32 [H, W]."""
        height, width = image.shape[:2]
        to_network = scale * self._width / width
        size = (round(self._width * scale), max(16, round(height * to_network)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if size != (width, height) else image
        tensor = torch.from_numpy(np.ascontiguousarray(small)).permute(2, 0, 1)[None].float() / 255
        prediction = self._network(torch.cat([tensor, tensor.flip(-1)]))
        values = prediction.log_depth if self._kind == 'depth' else prediction.disparity
        one, other = values[0], values[1].flip(-1)
        # The mean has 2 % less error at night than one reading.
        readings = [reading.exp() if self._kind == 'depth' else reading for reading in ((one + other) / 2, one, other)]
        large = [cv2.resize(r.numpy(), (width, height), interpolation=cv2.INTER_LINEAR) for r in readings]
        if self._kind == 'depth' and focal:
            large = [rescale_to_focal(reading, self._focal, focal * to_network) for reading in large]
        return [reading.astype(np.float32) for reading in large]


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the float32 weights of the stand-in.

    Raises:
        FamdaError: there is no such file.
    """
    if not path.is_file():
        raise FamdaError(f"the stand-in depth teacher's weights are missing: {path}")
    return {name: value.float() for name, value in load_file(path).items()}
