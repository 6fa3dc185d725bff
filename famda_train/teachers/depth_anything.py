# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Depth Anything (V1, arXiv 2401.10891; V2, arXiv 2406.09414) and other depth models of transformers."""
from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch

from famda_ros.errors import FamdaError
from famda_ros.student.depth_units import rescale_to_focal
from famda_train.label_store.licences import APACHE, CC_BY_NC, UNKNOWN, licence
from famda_train.teachers.agreement import Views, read_views
from famda_train.teachers.hub import find_model, load_model
from famda_train.teachers.torch_runtime import FittingBatch, Precision, autocast, choose_device, choose_precision
from famda_train.teachers.weights import Weights

SIZES = ('small', 'base', 'large')

_V2 = 'depth-anything/Depth-Anything-V2'

SHORT_NAMES = {
    **{f'v1-{size}': f'LiheYoung/depth-anything-{size}-hf' for size in SIZES},
    **{f'v2-{size}': f'{_V2}-{size.title()}-hf' for size in SIZES},
    **{f'v2-metric-outdoor-{size}': f'{_V2}-Metric-Outdoor-{size.title()}-hf' for size in SIZES},
    **{f'v2-metric-indoor-{size}': f'{_V2}-Metric-Indoor-{size.title()}-hf' for size in SIZES},
}
"""Short name → id on the Hugging Face hub."""

# The cards of some metric models name another licence than the project's page: the stricter one counts.
LICENCES = {
    model: licence(APACHE) if name.startswith('v1') or name.endswith('small') else licence(CC_BY_NC, True)
    for name, model in SHORT_NAMES.items()
}
"""Hub id → licence of the weights."""

KINDS = {
    'depth_anything': None,
    'depth_pro': 'depth',
    'dpt': None,
    'glpn': 'depth',
    'zoedepth': 'depth',
}
"""Type of model → what it gives; None = not all models of the type give the same."""

NO_FOCAL = {'depth_pro': 'estimates the focal length itself', 'zoedepth': 'enlarges its images by a margin'}
"""Types of model that the setting focal does not fit."""

Kind = Literal['depth', 'disparity']


class DepthAnything:
    """A monocular depth model through transformers' AutoModelForDepthEstimation.

    The values are those of transformers' own processor, model and post-processing.

    Args:
        model: short name (v1-, v2-, v2-metric-outdoor-, v2-metric-indoor-, each with small, base or large),
            id on the Hugging Face hub, or folder written by ``save_pretrained``.
        revision: commit, tag or branch on the hub; null = the one in the hub's cache, or else the newest.
        output: what the model gives; auto = what its configuration says, needed only where it says nothing (DPT).
        focal: fx in pixels, at the size of the network's input, of the camera that a metric model was
            trained for: metres are brought from it to the frame's own camera; null = they stay as they are.
        size: shorter side of the network's input in pixels, about; null = the model's own.
        reliability: none, mirror, scale or both: readings that say how far the model agrees with itself.
        device: auto, cpu, cuda, cuda:1.
        precision: auto (fp16 on a GPU, fp32 elsewhere), fp32, fp16 or bf16.
    """

    def __init__(
        self,
        model: str = 'v2-small',
        revision: str | None = None,
        output: Literal['auto', 'depth', 'disparity'] = 'auto',
        focal: float | None = None,
        size: int | None = None,
        reliability: Views = 'none',
        device: str = 'auto',
        precision: Precision = 'auto',
    ):
        self._device = choose_device(device)
        self._precision = choose_precision(precision, self._device)
        folder = find_model(model, revision, SHORT_NAMES)
        self._processor, self._network = load_model(folder, 'AutoModelForDepthEstimation', 'depth model')
        config = self._network.config
        self._kind = kind_of(config, output, folder.model)
        check_settings(config.model_type, self._kind, focal, size, reliability, folder.model)
        self._network.to(self._device).eval()
        self._focal, self._size, self._views = focal, size, reliability
        self._batch = FittingBatch(
            2, f"depth teacher 'depth-anything' ({folder.model})", 'give a smaller size or model, or device cpu'
        )
        self.identity: dict[str, Any] = {
            'name': 'depth-anything',
            'kind': self._kind,
            'settings': {'focal': focal, 'size': size, 'reliability': reliability, 'precision': self._precision},
            **folder.identity(),
            'licence': LICENCES.get(folder.model, licence(UNKNOWN)),
        }

    def __call__(self, image: np.ndarray, focal: float | None = None) -> np.ndarray:
        """Return float32 [H, W] metres (NaN = unknown) or disparity of uint8 [H, W, 3]."""
        return self._read([image], focal)[0]

    def with_reliability(self, image: np.ndarray, focal: float | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Return (values as by a call, reliability); see famda_train.teachers.depth_teachers.read_depth."""
        return read_views(self._read, image, focal, self._kind, self._views)

    @staticmethod
    def weights() -> list[Weights]:
        """Return those that have a short name."""
        advice = 'taken from the Hugging Face hub at first use, or give a folder; setting model'
        return [
            Weights(name, entry['weights'], entry['non_commercial'], available=None, advice=advice)
            for name, entry in ((name, LICENCES[model]) for name, model in SHORT_NAMES.items())
        ]

    @torch.inference_mode()
    def _read(self, images: list[np.ndarray], focal: float | None, scale: float = 1.0) -> list[np.ndarray]:
        inputs = self._processor(
            images=images, input_data_format='channels_last', return_tensors='pt', **self._input_size(scale)
        )
        pixels = inputs['pixel_values']
        size = images[0].shape[:2]
        readings = self._batch.run(
            lambda batch: [reading for part in pixels.split(batch) for reading in self._predict(part, size)]
        )
        return [self._typed(reading, focal, pixels.shape[-1] / size[1]) for reading in readings]

    def _input_size(self, scale: float) -> dict[str, Any]:
        if self._size is None and scale == 1.0:
            return {}
        side = round((self._size or self._processor.size['height']) * scale)
        return {'size': {'height': side, 'width': side}}

    def _predict(self, pixels: torch.Tensor, size: tuple[int, int]) -> list[dict[str, Any]]:
        """Return what transformers makes of each image at its own size: ``predicted_depth`` [H, W] and more."""
        with autocast(self._device, self._precision):
            outputs = self._network(pixels.to(self._device))
        outputs.predicted_depth = outputs.predicted_depth.float()
        sizes = {'target_sizes': [size] * len(pixels)}
        if self._network.config.model_type == 'zoedepth':  # to cut its margin off
            sizes['source_sizes'] = sizes['target_sizes']
        return self._processor.post_process_depth_estimation(outputs, **sizes)

    def _typed(self, reading: dict[str, Any], focal: float | None, to_input: float) -> np.ndarray:
        values = reading['predicted_depth'].float().cpu().numpy()
        if self._kind == 'disparity':
            return values
        estimated = reading.get('focal_length')  # as wide as the image
        trained = float(estimated) if estimated is not None else self._focal and self._focal / to_input
        if focal and trained:
            values = rescale_to_focal(values, trained, focal)
        return np.where(values > 0, values, np.float32(np.nan))


def kind_of(config: Any, output: Literal['auto', 'depth', 'disparity'], model: str) -> Kind:
    """Return what a model gives, by its configuration, never by its name.

    Args:
        config: the model's configuration in transformers.
        output: what the user says it is.
        model: name of the model, for messages.

    Raises:
        FamdaError: an unknown type of model, the configuration does not tell, or it contradicts the user.
    """
    if config.model_type not in KINDS:
        raise FamdaError(
            f"'{model}' is of the type {config.model_type}, which this teacher does not know; "
            f'it takes {", ".join(KINDS)}'
        )
    configured = KINDS[config.model_type]
    if configured is None:
        configured = {'metric': 'depth', 'relative': 'disparity'}.get(getattr(config, 'depth_estimation_type', ''))
    if configured is None and output == 'auto':
        raise FamdaError(
            f"the configuration of '{model}' does not say whether it gives metres or disparity; "
            'look at its model card, and give the setting output: depth or disparity'
        )
    if configured is not None and output not in ('auto', configured):
        raise FamdaError(
            f"'{model}' gives {configured} by its configuration, not {output}; leave out the setting output"
        )
    return configured or output  # type: ignore[return-value]


def check_settings(
    model_type: str, kind: Kind, focal: float | None, size: int | None, reliability: Views, model: str
) -> None:
    """Raise FamdaError for settings that do not fit a model."""
    if focal is not None:
        why = 'gives disparity, which has no metres' if kind == 'disparity' else NO_FOCAL.get(model_type)
        if why:
            raise FamdaError(f"leave out the setting focal: '{model}' {why}")
        if not 0 < focal < float('inf'):
            raise FamdaError(f'the setting focal must be pixels above 0, not {focal}')
    if model_type != 'depth_anything':  # the others' inputs have one size
        if size is not None:
            raise FamdaError(f"leave out the setting size: the input of '{model}' has one size")
        if reliability in ('scale', 'both'):
            raise FamdaError(f"the input of '{model}' has one size; of the readings for reliability it has mirror only")
    if size is not None and size < 28:
        raise FamdaError(f'the setting size must be 28 pixels or more, not {size}')
