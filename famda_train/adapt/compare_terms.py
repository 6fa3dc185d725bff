# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What tells the better of two students where nobody has labelled anything: pure functions of their predictions.

Mean confidence does not: self-training sells confidence.  These do: how diverse and how certain the rows of the softmax
are together, once calibrated on the same frames (the nuclear norm: Cui et al., CVPR 2020, arXiv 2003.12237; as a score
of students without labels: Deng et al., arXiv 2510.02956), and how much of the labels is told by class-agnostic masks
(a cousin of ClassAMI, Musgrave et al., arXiv 2208.07360).
"""
from __future__ import annotations

import cv2
import numpy as np

from famda_train.evaluation.depth_checks import consistent, optical_flow

LEAST_FLOW = 0.5
"""Share of a picture's pixels whose flow must come home again; otherwise the picture before shows something else."""


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return float64 [N, C] probabilities of logits [N, C]."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def nuclear_norm(logits: np.ndarray, temperature: float = 1.0) -> float:
    """Return the nuclear norm of the softmax of logits [N, C] over sqrt(N C), 0..1.

    1 = every row certain, and all classes equally frequent.  Logits that are twice as large count as more certain, so
    students are compared at the temperatures that calibrate them on the same labelled frames.
    """
    rows = softmax(logits, temperature)
    singular = np.sqrt(np.clip(np.linalg.eigvalsh(rows.T @ rows), 0, None))  # C x C: fast however many rows
    return float(singular.sum() / np.sqrt(rows.size))


def mask_information(labels: np.ndarray, segments: np.ndarray, classes: int) -> float:
    """Return the mutual information of class and mask over log(classes), 0..1.

    Args:
        labels: uint8 [F, H, W] train ids; others do not count.
        segments: uint16 [F, H, W] ids of class-agnostic masks, of each frame its own; 0 = no mask, does not count.
        classes: how many.
    """
    counts = np.concatenate([_joint(*pair, classes) for pair in zip(labels, segments, strict=True)]).astype(float)
    total = counts.sum()
    if not total:
        return 0.0
    return float((_entropy(counts.sum(0) / total) - _within(counts) / total) / np.log(classes))


def _joint(labels: np.ndarray, segments: np.ndarray, classes: int) -> np.ndarray:
    """Return int64 [segments, classes]: pixels of each mask by class."""
    there = (segments > 0) & (labels < classes)
    _, place = np.unique(segments[there], return_inverse=True)
    rows = int(place.max()) + 1 if place.size else 0
    return np.bincount(place * classes + labels[there], minlength=rows * classes).reshape(rows, classes)


def _entropy(shares: np.ndarray) -> float:
    return float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())


def _within(counts: np.ndarray) -> float:
    """Return the entropy of the classes within each mask, summed over all pixels."""
    sizes = counts.sum(1, keepdims=True)
    return float(-(counts[counts > 0] * np.log((counts / sizes)[counts > 0])).sum())


def temporal_agreement(image: np.ndarray, labels: np.ndarray, later: np.ndarray, later_labels: np.ndarray) -> float:
    """Return the share of pixels that keep their label to the next picture, along optical flow; NaN = no telling.

    A cousin of Varghese et al. (CVPR workshops 2020): it falls where labels flicker.

    Args:
        image, later: uint8 [H, W, 3] RGB.
        labels, later_labels: uint8 [H, W].
    """
    grey, other = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (image, later))
    flow, back = optical_flow(grey, other), optical_flow(other, grey)
    home = consistent(flow, back)
    if home.mean() < LEAST_FLOW:
        return float('nan')
    height, width = labels.shape
    column = flow[..., 0] + np.arange(width, dtype=np.float32)
    row = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    moved = cv2.remap(later_labels, column, row, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    return float((moved == labels)[home].mean())


def class_shares(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return float64 [classes]: the share of pixels of each class in uint8 [...] train ids."""
    return np.bincount(labels.ravel(), minlength=256)[:classes] / max(labels.size, 1)


def frames_to_label(ours: np.ndarray, theirs: np.ndarray, count: int) -> list[int]:
    """Return the places of frames on which two students differ most, no neighbours, most difference first.

    Args:
        ours, theirs: uint8 [F, H, W] labels.
        count: how many at most.
    """
    differing = (ours != theirs).reshape(len(ours), -1).mean(1)
    chosen: list[int] = []
    for apart in (2, 1):  # neighbours only where nothing else is left
        for place in np.argsort(-differing, kind='stable').tolist():
            if len(chosen) < count and all(abs(place - other) >= apart for other in chosen):
                chosen.append(place)
    return chosen
