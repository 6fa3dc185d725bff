# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints and ONNX files behind one call, so that both are scored by the same code."""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from famda_ros.model_card import ModelCard
from famda_ros.student import Prediction, Student, predict_with

Predictor = Callable[[np.ndarray, 'float | None'], Prediction]
"""(uint8 [H, W, 3] RGB, focal in pixels or None) → prediction at image size."""


def load_predictor(path: str | Path) -> tuple[Predictor, ModelCard]:
    """Return (predictor, card) of an .onnx file or a checkpoint.

    Raises:
        FamdaError: the file is neither.
    """
    path = Path(path)
    if path.suffix == '.onnx':
        student = Student(path)
        return student.predict, student.card
    from famda_train.checkpoint import load_student
    from famda_train.export import model_card, run_torch

    network, spec = load_student(path)
    card = model_card(spec, network, path.stem)
    return partial(predict_with, partial(run_torch, network), card), card
