# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Intersection over union from one confusion matrix over the whole data set."""
from __future__ import annotations

import numpy as np
import torch
from torchmetrics.functional.classification import multiclass_confusion_matrix

from famda_ros.student.label_space import IGNORE


def confusion_matrix(
    prediction: np.ndarray, ground_truth: np.ndarray, classes: int, ground_truth_classes: int | None = None
) -> np.ndarray:
    """Count the pixels of one or more frames.

    Args:
        prediction: integer ids, any shape; ids that are no class (255 among them) are misses.
        ground_truth: uint8 train ids of the same shape; 255 = not scored.
        classes: number of classes of the prediction.
        ground_truth_classes: number of classes of the ground truth, where it has a label space of its own.

    Returns:
        int64 [ground truth classes, classes + 1]; row = ground truth, column = prediction, last column = no class.
    """
    ground_truth_classes = classes if ground_truth_classes is None else ground_truth_classes
    if prediction.shape != ground_truth.shape:
        raise ValueError(
            f'labels of shape {prediction.shape} cannot be scored against ground truth of shape {ground_truth.shape}'
        )
    unknown = (ground_truth >= ground_truth_classes) & (ground_truth != IGNORE)
    if unknown.any():
        found = ground_truth[unknown][0]
        raise ValueError(f'the ground truth holds id {found}, but there are {ground_truth_classes} classes')
    no_class = classes
    predicted = np.where(prediction < classes, prediction, no_class).astype(np.int64)
    counts = multiclass_confusion_matrix(
        torch.from_numpy(predicted),
        torch.from_numpy(ground_truth.astype(np.int64)),
        num_classes=max(classes + 1, ground_truth_classes),
        ignore_index=IGNORE,
        validate_args=False,
    )
    return counts.numpy()[:ground_truth_classes, : classes + 1].astype(np.int64)


def project_counts(
    counts: np.ndarray, ground_truth_table: np.ndarray, prediction_table: np.ndarray, classes: int
) -> np.ndarray:
    """Return the confusion matrix that the same pixels have in another label space.

    Truth without a class there is not scored; predictions without a class there are misses.

    Args:
        counts: as :func:`confusion_matrix` returns it.
        ground_truth_table, prediction_table: uint8 [256], train ids to those of the other space; 255 = no class.
        classes: number of classes of the other space.

    Returns:
        int64 [classes, classes + 1].
    """
    rows = ground_truth_table[: len(counts)].astype(np.int64)
    columns = np.append(prediction_table[: counts.shape[1] - 1], IGNORE).astype(np.int64)
    columns[columns == IGNORE] = classes
    scored = rows != IGNORE
    projected = np.zeros((classes, classes + 1), np.int64)
    np.add.at(projected, (rows[scored, None], columns[None]), counts[scored])
    return projected


def iou_percent(counts: np.ndarray) -> np.ndarray:
    """Return the IoU of every class in percent; NaN for a class that the ground truth does not show.

    A class that is there and never predicted has an IoU of 0.  Which classes have an IoU depends on
    the ground truth alone, so that means of several students are means over the same classes;
    pixels that are given a class that is not there are misses of their true classes.

    Args:
        counts: as :func:`confusion_matrix` returns it, summed over frames.
    """
    classes = len(counts)
    hits, there = np.diagonal(counts), counts.sum(axis=1)
    union = there + counts[:, :classes].sum(axis=0) - hits
    with np.errstate(invalid='ignore', divide='ignore'):
        return np.where(there > 0, 100.0 * hits / union, np.nan)


def mean_iou_percent(iou: np.ndarray) -> float:
    """Return the mean of ``iou``, float [C] percent, over the classes that the ground truth shows; NaN = none."""
    return float(np.mean(iou[~np.isnan(iou)])) if not np.isnan(iou).all() else float('nan')


class SegmentationMetric:
    """Add up frames; the IoU is taken once, over all of them.

    Args:
        classes: number of classes of the predictions.
        ground_truth_classes: number of classes of the ground truth, where that has a label space of its own; the
            counts must then be projected before there is an IoU.
    """

    def __init__(self, classes: int, ground_truth_classes: int | None = None):
        self.classes = classes
        rows = classes if ground_truth_classes is None else ground_truth_classes
        self.counts = np.zeros((rows, classes + 1), np.int64)

    def update(self, prediction: np.ndarray, ground_truth: np.ndarray) -> None:
        """Add one frame or more; see :func:`confusion_matrix`."""
        self.counts += confusion_matrix(prediction, ground_truth, self.classes, len(self.counts))

    def iou(self) -> np.ndarray:
        """Return IoU per class in percent, float64 [C]; NaN for absent classes."""
        return iou_percent(self.counts)

    def miou(self) -> float:
        """Return the mean IoU in percent over the classes that the ground truth shows."""
        return mean_iou_percent(self.iou())

    def compute(self) -> dict[str, float]:
        """Return ``miou`` (percent)."""
        return {'miou': self.miou()}
