# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Intersection over union from one confusion matrix over the whole data set."""
from __future__ import annotations

import numpy as np
import torch
from torchmetrics.functional.classification import multiclass_confusion_matrix

from famda_ros.student.label_space import IGNORE


def confusion_matrix(
    prediction: np.ndarray, truth: np.ndarray, classes: int, truth_classes: int | None = None
) -> np.ndarray:
    """Count the pixels of one or more frames.

    Args:
        prediction: integer ids, any shape; ids that are no class (255 among them) are misses.
        truth: uint8 train ids of the same shape; 255 = not scored.
        classes: number of classes of the prediction.
        truth_classes: number of classes of the truth, where it has a label space of its own.

    Returns:
        int64 [truth classes, classes + 1]; row = truth, column = prediction, last column = no class.
    """
    truth_classes = classes if truth_classes is None else truth_classes
    if prediction.shape != truth.shape:
        raise ValueError(f'labels of shape {prediction.shape} cannot be scored against truth of shape {truth.shape}')
    unknown = (truth >= truth_classes) & (truth != IGNORE)
    if unknown.any():
        raise ValueError(f'the truth holds id {truth[unknown][0]}, but there are {truth_classes} classes')
    no_class = classes
    predicted = np.where(prediction < classes, prediction, no_class).astype(np.int64)
    counts = multiclass_confusion_matrix(
        torch.from_numpy(predicted),
        torch.from_numpy(truth.astype(np.int64)),
        num_classes=max(classes + 1, truth_classes),
        ignore_index=IGNORE,
        validate_args=False,
    )
    return counts.numpy()[:truth_classes, : classes + 1].astype(np.int64)


def project_counts(
    counts: np.ndarray, truth_table: np.ndarray, prediction_table: np.ndarray, classes: int
) -> np.ndarray:
    """Return the confusion matrix that the same pixels have in another label space.

    Truth without a class there is not scored; predictions without a class there are misses.

    Args:
        counts: as :func:`confusion_matrix` returns it.
        truth_table, prediction_table: uint8 [256], train ids to those of the other space; 255 = no class.
        classes: number of classes of the other space.

    Returns:
        int64 [classes, classes + 1].
    """
    rows = truth_table[: len(counts)].astype(np.int64)
    columns = np.append(prediction_table[: counts.shape[1] - 1], IGNORE).astype(np.int64)
    columns[columns == IGNORE] = classes
    scored = rows != IGNORE
    projected = np.zeros((classes, classes + 1), np.int64)
    np.add.at(projected, (rows[scored, None], columns[None]), counts[scored])
    return projected


def iou_percent(counts: np.ndarray) -> np.ndarray:
    """Return the IoU of every class in percent; NaN for a class in neither truth nor prediction.

    Args:
        counts: as :func:`confusion_matrix` returns it, summed over frames.
    """
    classes = len(counts)
    hits = np.diagonal(counts)
    union = counts.sum(axis=1) + counts[:, :classes].sum(axis=0) - hits
    with np.errstate(invalid='ignore', divide='ignore'):
        return np.where(union > 0, 100.0 * hits / union, np.nan)


def mean_iou_percent(iou: np.ndarray) -> float:
    """Return the mean IoU over the classes that occur; NaN when none does."""
    return float(np.mean(iou[~np.isnan(iou)])) if not np.isnan(iou).all() else float('nan')


class SegmentationMetric:
    """Add up frames; the IoU is taken once, over all of them.

    Args:
        classes: number of classes of the predictions.
        truth_classes: number of classes of the truth, where that has a label space of its own; the
            counts must then be projected before there is an IoU.
    """

    def __init__(self, classes: int, truth_classes: int | None = None):
        self.classes = classes
        self.counts = np.zeros((classes if truth_classes is None else truth_classes, classes + 1), np.int64)

    def update(self, prediction: np.ndarray, truth: np.ndarray) -> None:
        """Add one frame or more; see :func:`confusion_matrix`."""
        self.counts += confusion_matrix(prediction, truth, self.classes, len(self.counts))

    def iou(self) -> np.ndarray:
        """Return IoU per class in percent; NaN for absent classes."""
        return iou_percent(self.counts)

    def miou(self) -> float:
        """Return the mean IoU in percent over the classes that occur."""
        return mean_iou_percent(self.iou())

    def compute(self) -> dict[str, float]:
        """Return ``miou`` (percent)."""
        return {'miou': self.miou()}
