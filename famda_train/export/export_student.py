# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoint → one self-describing ONNX file, checked against torch."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from famda_ros.errors import FamdaError, choose
from famda_ros.files import atomic_path, make_output_folder
from famda_ros.student.camera_geometry import network_size
from famda_ros.student.model_card import METADATA_KEY, ModelCard
from famda_ros.student.parity import PROBES_KEY, Agreement, Limits, compare, encode_probes
from famda_ros.student.resize import resize_image
from famda_ros.student.runtime import OUTPUTS, Student, predict_with
from famda_train.datasets.dataset import Dataset
from famda_train.evaluation.evaluate import evaluate
from famda_train.export.graph_passes import trace
from famda_train.export.precision import convert
from famda_train.export.reference import drift_reference
from famda_train.export.temperature import SHIFTS, Shift, find_temperature
from famda_train.export.weight_storage import check_weights, store
from famda_train.models.card import model_card
from famda_train.models.checkpoint import load_student
from famda_train.models.student_graph import StudentGraph, run_torch

LIMITS = {
    'fp32': Limits(labels=0.995, confidence=0.01, depth=0.01),
    'fp16': Limits(labels=0.99, confidence=0.01, depth=0.01),
    'int8': Limits(labels=0.95, confidence=0.05, depth=0.05),
}
"""Precision → how far a file may be from the checkpoint."""

PROBES = 2
"""Frames of the parity check that travel in the file, to compare a robot's accelerator with its CPU."""


@dataclass(frozen=True)
class Exported:
    """What became of a checkpoint.

    Attributes:
        agreement: of the file with torch.
        metrics: measured numbers of the card.
        temperature, ece: those of the card.
    """

    agreement: Agreement
    metrics: dict[str, Any]
    temperature: float = 1.0
    ece: dict[str, Any] = field(default_factory=dict)


def with_metadata(model: onnx.ModelProto, card: ModelCard, probes: str) -> onnx.ModelProto:
    """Give ``model`` its card and its probe frames (:func:`famda_ros.student.parity.encode_probes`), in place."""
    onnx.helper.set_model_props(model, {METADATA_KEY: card.to_json(), PROBES_KEY: probes})
    onnx.checker.check_model(model)
    return model


def accuracy_cost(scores: dict[str, Any], reference: dict[str, Any]) -> dict[str, float]:
    """Return what smaller numbers cost: mIoU lost in points, AbsRel gained in percent of the reference's."""
    cost = {}
    if scores.get('miou') is not None:
        cost['miou'] = reference['miou'] - scores['miou']
    if scores.get('abs_rel') is not None:
        cost['abs_rel_percent'] = 100 * (scores['abs_rel'] / reference['abs_rel'] - 1)
    return cost


def export_student(
    checkpoint: str | Path,
    out: str | Path,
    images: Iterable[np.ndarray],
    name: str | None = None,
    metrics: dict[str, Any] | None = None,
    precision: str = 'fp32',
    weights: str = 'fp32',
    calibration: Iterable[np.ndarray] | None = None,
    evaluation: Dataset | None = None,
    progress: Callable[[int, int], None] | None = None,
    confidence: Sequence[Dataset] = (),
    confidence_progress: Callable[[int, int], None] | None = None,
    reference: Dataset | None = None,
    reference_progress: Callable[[int, int], None] | None = None,
    shifts: Sequence[Shift] = SHIFTS,
    pixels: int | None = None,
) -> Exported:
    """Export a checkpoint; the file appears only if it passes the parity check.

    Args:
        checkpoint: written by ``famda fit``.
        out: .onnx file to write.
        images: real frames, uint8 [H, W, 3] RGB, for the parity check; the first ones travel in the file.
        name: name in the model card; None = the stem of ``out``.
        metrics: measured numbers for the card, with their protocol.
        precision: 'fp32', 'fp16' or 'int8'.
        weights: how precision 'fp32' stores its weights: 'fp32', or 'fp16' for a file of half the size.
        calibration: frames of the target for int8; None = ``images``.
        evaluation: labelled frames; the scores of the file on them, and what smaller numbers cost, go into the card.
        progress: called while evaluating with (frames done, frames in all).
        confidence: labelled frames that were not trained on, first those of home, on which one temperature of the
            confidence is fitted, see :func:`find_temperature`; () = the softmax as it is, temperature 1.
        confidence_progress: called meanwhile with (frames done, frames in all).
        reference: frames of the domain that the student was adapted to, for the drift monitor; None = no reference.
        reference_progress: called meanwhile with (frames done, frames in all).
        shifts: of the temperature, see :func:`find_temperature`; () for a student that was adapted without labels.
        pixels: that the robot lets the student see of a camera, about, see ModelCard; None = as in the checkpoint.

    Raises:
        FamdaError: no readable checkpoint, no frames, the parity check failed, or a precision whose weights are not
            stored so.
    """
    limits = choose(LIMITS, precision, 'precision')
    check_weights(weights, precision)
    network, spec = load_student(checkpoint)
    if pixels is not None:
        spec = replace(spec, pixels=pixels)
    out = Path(out)
    make_output_folder(out.parent)
    card = model_card(spec, network, name or out.stem, metrics, precision, weights)
    graph = StudentGraph(network, spec.output_range_m)
    if confidence:
        found = find_temperature(graph, card, confidence[0], confidence[1:], confidence_progress, shifts)
        card = replace(card, temperature=found.value, ece=found.ece)
        graph = StudentGraph(network, spec.output_range_m, found.value)
    size = (card.network_width, card.network_height)
    images = list(images)
    frames = [resize_image(image, *network_size(card, image.shape[1], image.shape[0])) for image in images]
    calibrated_on = [resize_image(image, *size) for image in (images if calibration is None else calibration)]
    probes = encode_probes([resize_image(image, *size) for image in images[:PROBES]])
    model = store(convert(trace(graph, size[::-1], OUTPUTS, card.stride), precision, calibrated_on), weights)
    with atomic_path(out) as temporary:
        onnx.save(with_metadata(model, card, probes), str(temporary))
        student = Student(temporary, provider='cpu')
        agreement = compare(partial(run_torch, graph), student.run, frames)
        if fault := agreement.fault(limits):
            raise FamdaError(f'the exported file differs from the checkpoint: {fault}; nothing was written')
        if evaluation is not None:
            card = replace(card, metrics=measure(graph, student, evaluation, progress))
        if reference is not None:
            card = replace(card, reference=drift_reference(student, reference, reference_progress))
        if evaluation is not None or reference is not None:
            onnx.save(with_metadata(model, card, probes), str(temporary))
    return Exported(agreement, card.metrics, card.temperature, card.ece)


def measure(
    graph: StudentGraph, student: Student, data: Dataset, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Return the scores of a file; unless all is float32, with what it loses to the checkpoint as ``cost``."""
    card = student.card
    exact = card.precision == card.weights == 'fp32'
    runs = [student.run] if exact else [student.run, partial(run_torch, graph)]
    scores = []
    for number, run in enumerate(runs):

        def predict(image, focal, run=run):
            return predict_with(run, card, image, focal)

        def advance(done: int, total: int, number=number) -> None:
            if progress is not None:
                progress(number * total + done, len(runs) * total)

        scores.append(evaluate(predict, data, 'metric', advance, card.label_space))
    about = {'data': data.info.get('name') or str(data.path)}
    cost = {'cost': accuracy_cost(*scores)} if len(scores) > 1 else {}
    return {**about, **scores[0], **cost}
