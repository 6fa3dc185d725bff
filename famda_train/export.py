# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoint → one self-describing ONNX file, checked against torch."""
from __future__ import annotations

import hashlib
import logging
import math
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from famda_ros.errors import FamdaError
from famda_ros.files import atomic_path, make_output_folder
from famda_ros.label_space import get_label_space
from famda_ros.model_card import METADATA_KEY, ModelCard
from famda_ros.student import OUTPUTS, Student, resize_image
from famda_train.checkpoint import StudentSpec, load_student
from famda_train.models.blocks import enlarge

OPSET = 18

MIN_LABEL_AGREEMENT = 0.995
"""Share of pixels on which the file and torch must agree."""

MAX_DEPTH_ERROR = 0.01
"""Largest mean relative difference of depth between the file and torch."""


class StudentGraph(nn.Module):
    """The whole way from a camera image to what the robot uses; design of the model file.

    Args:
        network: gives ``segmentation`` (logits) and ``depth`` (log metres) for float images of 0..1.
        output_range_m: depth is clamped to this range, metres.
    """

    def __init__(self, network: nn.Module, output_range_m: tuple[float, float]):
        super().__init__()
        self.network = network.eval()
        self.near, self.far = map(math.log, output_range_m)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Map uint8 [1, H, W, 3] RGB to labels, confidence (uint8) and depth (float32 metres), each [1, H, W]."""
        size = (image.shape[1], image.shape[2])
        raw = self.network(image.permute(0, 3, 1, 2).float() / 255)
        confidence, labels = enlarge(raw['segmentation'], size).softmax(1).max(1)
        depth = enlarge(raw['depth'], size)[:, 0].clamp(self.near, self.far).exp()
        return labels.to(torch.uint8), (confidence * 255).round().to(torch.uint8), depth


@dataclass(frozen=True)
class Parity:
    """How well a file agrees with torch.

    Attributes:
        frames: frames compared.
        label_agreement: share of pixels with equal labels, 0..1.
        depth_error: mean |file - torch| / torch.
    """

    frames: int
    label_agreement: float
    depth_error: float

    def check(self) -> None:
        """Raise FamdaError if the difference is larger than the limits."""
        if self.label_agreement < MIN_LABEL_AGREEMENT or self.depth_error > MAX_DEPTH_ERROR:
            raise FamdaError(
                f'the exported file differs from the checkpoint: {100 * self.label_agreement:.2f} % of labels agree '
                f'(needed {100 * MIN_LABEL_AGREEMENT}), depth differs by {100 * self.depth_error:.2f} % '
                f'(allowed {100 * MAX_DEPTH_ERROR}); nothing was written'
            )


def weights_sha256(network: nn.Module) -> str:
    """Return the SHA-256 over all parameters and buffers, in state-dict order."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def model_card(spec: StudentSpec, network: nn.Module, name: str, metrics: dict[str, Any] | None = None) -> ModelCard:
    """Return the card of a student."""
    return ModelCard(
        name=name,
        label_space=get_label_space(spec.label_space),
        network_width=spec.width,
        network_height=spec.height,
        focal=spec.focal,
        depth_range_m=spec.depth_range_m,
        domain=spec.domain,
        provenance=spec.provenance,
        metrics=metrics or {},
        licence=spec.licence,
        weights_sha256=weights_sha256(network),
    )


def run_torch(graph: StudentGraph, small: np.ndarray, names: Sequence[str] = OUTPUTS) -> dict[str, np.ndarray]:
    """Run the graph in torch; arguments and result as :meth:`famda_ros.student.Student.run`."""
    with torch.inference_mode():
        arrays = graph(torch.from_numpy(np.ascontiguousarray(small))[None])
    return {name: array[0].numpy() for name, array in zip(OUTPUTS, arrays, strict=True) if name in names}


def measure_parity(graph: StudentGraph, student: Student, images: Iterable[np.ndarray]) -> Parity:
    """Compare a loaded file with torch on images of any size.

    Raises:
        FamdaError: there are no images.
    """
    agreement, error = [], []
    for image in images:
        small = resize_image(image, student.card.network_width, student.card.network_height)
        ours, theirs = run_torch(graph, small), student.run(small)
        agreement.append(np.mean(ours['labels'] == theirs['labels']))
        error.append(np.mean(np.abs(theirs['depth'] - ours['depth']) / ours['depth']))
    if not agreement:
        raise FamdaError('parity needs at least one frame; give a frame folder with images')
    return Parity(len(agreement), float(np.mean(agreement)), float(np.mean(error)))


def write_onnx(graph: StudentGraph, card: ModelCard, path: Path) -> None:
    """Write the graph with its card as one file."""
    example = torch.zeros((1, card.network_height, card.network_width, 3), dtype=torch.uint8)
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)  # says which optional packages it does without
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / 'student.onnx'
        torch.onnx.export(
            graph.eval(),
            (example,),
            str(raw),
            input_names=['image'],
            output_names=list(OUTPUTS),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        model = onnx.load(str(raw))
    onnx.helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def export_student(
    checkpoint: str | Path,
    out: str | Path,
    images: Iterable[np.ndarray],
    name: str | None = None,
    metrics: dict[str, Any] | None = None,
) -> Parity:
    """Export a checkpoint; the file appears only if it passes the parity check.

    Args:
        checkpoint: written by ``famda fit``.
        out: .onnx file to write.
        images: real frames, uint8 [H, W, 3] RGB, for the parity check.
        name: name in the model card; None = the stem of ``out``.
        metrics: measured numbers for the card, with their protocol.

    Raises:
        FamdaError: no readable checkpoint, or the parity check failed.
    """
    network, spec = load_student(checkpoint)
    out = Path(out)
    make_output_folder(out.parent)
    card = model_card(spec, network, name or out.stem, metrics)
    graph = StudentGraph(network, spec.output_range_m)
    with atomic_path(out) as temporary:
        write_onnx(graph, card, temporary)
        parity = measure_parity(graph, Student(temporary), images)
        parity.check()
    return parity
