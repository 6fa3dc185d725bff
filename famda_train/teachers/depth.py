# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Depth teachers: image → metric depth, or affine-invariant disparity."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from famda_ros.depth_units import rescale_to_focal
from famda_ros.errors import FamdaError, choose
from famda_ros.files import sha256_of
from famda_train.models.stand_in_depth import StandInDepthNetwork

STAND_IN_WEIGHTS = Path(__file__).parents[1] / 'weights' / 'street_world_depth.safetensors'


class DepthTeacher(Protocol):
    """What a depth teacher offers; ``identity['kind']`` says what the values are."""

    identity: dict[str, Any]

    def __call__(self, image: np.ndarray, focal: float | None = None) -> np.ndarray:
        """Return float32 [H, W] metres or disparity for uint8 [H, W, 3] RGB.

        Args:
            image: any size.
            focal: fx in pixels at image resolution; None = that of the training images.
        """
        ...


class StreetWorldDepth:
    """The stand-in teacher, pre-trained on randomised street worlds.

    It plays the role of Depth Anything where none can be downloaded.  It shares the
    renderer with the demo's domains (not their styles), so it is a generous stand-in:
    do not read its gains as those of a foundation model on real images.

    Args:
        kind: ``depth`` for metres, ``disparity`` for the relative head.
        weights: safetensors file written by ``famda pretrain-depth``.
    """

    def __init__(self, kind: str = 'depth', weights: Path = STAND_IN_WEIGHTS):
        state = read_weights(weights)
        with safe_open(weights, 'pt') as file:
            metadata = file.metadata()
        self._width, self._focal = int(metadata['width']), float(metadata['focal'])
        self._network = StandInDepthNetwork().eval()
        self._network.load_state_dict(state)
        self._kind = kind
        self.identity = {
            'name': 'street-world' if kind == 'depth' else 'street-world-relative',
            'kind': kind,
            'weights_sha256': sha256_of(weights),
            'averaged_over': ['image', 'mirror image'],
            'note': 'stand-in trained on the same renderer, randomised styles',
            'licence': 'Apache-2.0',
        }

    @torch.inference_mode()
    def __call__(self, image: np.ndarray, focal: float | None = None) -> np.ndarray:
        """Return float32 [H, W] metres (or disparity) at image size."""
        height, width = image.shape[:2]
        scale = self._width / width
        size = (self._width, max(16, round(height * scale)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if size != (width, height) else image
        tensor = torch.from_numpy(np.ascontiguousarray(small)).permute(2, 0, 1)[None].float() / 255
        values = cv2.resize(self._predict(tensor), (width, height), interpolation=cv2.INTER_LINEAR)
        if self._kind == 'depth' and focal:
            values = rescale_to_focal(values, self._focal, focal * scale)
        return values.astype(np.float32)

    def _predict(self, image: torch.Tensor) -> np.ndarray:
        # The mean of the image's reading and its mirror image's: 2 % less error at night.
        prediction = self._network(torch.cat([image, image.flip(-1)]))
        values = prediction.log_depth if self._kind == 'depth' else prediction.disparity
        mean = (values[0] + values[1].flip(-1)) / 2
        return (mean.exp() if self._kind == 'depth' else mean).numpy()


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the float32 weights of the stand-in.

    Raises:
        FamdaError: there is no such file.
    """
    if not path.is_file():
        raise FamdaError(f"the stand-in depth teacher's weights are missing: {path}")
    return {name: value.float() for name, value in load_file(path).items()}


DEPTH_TEACHERS = {
    'street-world': lambda: StreetWorldDepth('depth'),
    'street-world-relative': lambda: StreetWorldDepth('disparity'),
}


def build_depth_teacher(name: str) -> DepthTeacher:
    """Return a depth teacher by name.

    Raises:
        FamdaError: no such teacher.
    """
    return choose(DEPTH_TEACHERS, name, 'depth teacher')()
