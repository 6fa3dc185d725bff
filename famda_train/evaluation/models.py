# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints and ONNX files behind one call, so that both are scored by the same code."""
from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.student.model_card import ModelCard
from famda_ros.student.runtime import Prediction, Student, predict_with
from famda_train.evaluation.evaluate import Predict


def load_predictor(path: str | Path, provider: str = 'cpu') -> tuple[Predict, ModelCard]:
    """Return (predict, card) of an .onnx file or a checkpoint.

    Args:
        path: the file.
        provider: what an .onnx file runs on, see :class:`famda_ros.student.runtime.Student`.

    Raises:
        FamdaError: the file is neither, or the provider cannot run it.
    """
    path = Path(path)
    if path.suffix == '.onnx':
        student = Student(path, provider=provider)
        run, card = student.run, student.card
    elif provider != 'cpu':
        raise FamdaError(f"'{path}' runs in PyTorch; export it to score it on the provider '{provider}'")
    else:
        from famda_train.models.card import model_card
        from famda_train.models.checkpoint import load_student
        from famda_train.models.student_graph import StudentGraph, run_torch

        network, spec = load_student(path)
        run, card = partial(run_torch, StudentGraph(network, spec.output_range_m)), model_card(spec, network, path.stem)

    def predict(image: np.ndarray, focal: float | None) -> Prediction:
        return predict_with(run, card, image, focal)

    return predict, card
