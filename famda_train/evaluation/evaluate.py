# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Score anything that turns an image into labels and depth."""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.messages.frame_index import focal_at
from famda_ros.student.label_space import LabelSpace
from famda_ros.student.resize import enlarge_depth, resize_image, resize_nearest
from famda_train.datasets.checks import check_files, checked_image, checked_layer, nothing_known
from famda_train.datasets.dataset import Dataset
from famda_train.evaluation.depth import DepthMetric
from famda_train.evaluation.depth_bands import DepthBands
from famda_train.evaluation.protocol import Protocol, get_protocol
from famda_train.evaluation.scoring_space import ScoringSpace, scoring_spaces
from famda_train.evaluation.segmentation import SegmentationMetric, iou_percent, mean_iou_percent, project_counts

Predict = Callable[[np.ndarray, 'float | None'], 'tuple[np.ndarray, np.ndarray]']
"""(uint8 [H, W, 3] RGB, focal in pixels or None) -> (labels uint8 [H, W], depth float32 [H, W] metres)."""


@dataclass(frozen=True)
class ScoredFrame:
    """One frame as a protocol sees it: all arrays of one size, except that the image may be smaller.

    Attributes:
        image: uint8 [H, W, 3] RGB.
        labels, depth: predicted, in the predictions' label space and metres.
        true_labels, true_depth: in the ground truth's label space and metres; None = there is none.
    """

    image: np.ndarray
    labels: np.ndarray
    depth: np.ndarray
    true_labels: np.ndarray | None
    true_depth: np.ndarray | None


def predict_frame(predict: Predict, data: Dataset, index: int, rules: Protocol) -> ScoredFrame:
    """Run ``predict`` on one frame and bring prediction and ground truth to the size of the protocol.

    Raises:
        FamdaError: an image that has not the shape of its record, ground truth that has not that of its image, or a
            prediction that has not the size of its image.
    """
    frame, image = data.frames[index], checked_image(data, index)
    true_labels = checked_layer(data, 'labels', index, image) if _has_labels(data, index) else None
    true_depth = checked_layer(data, 'depth', index, image) if data.has_at('depth', index) else None
    if rules.size is not None:
        image = resize_image(image, *rules.size)
    focal = focal_at(frame, image.shape[1])
    labels, depth = predict(image, focal)
    if labels.shape != image.shape[:2] or depth.shape != image.shape[:2]:
        raise FamdaError(
            f"frame '{frame.stem}' of '{data.path}': labels of shape {labels.shape} and depth of shape {depth.shape} "
            f'were predicted for an image of shape {image.shape[:2]}'
        )
    if rules.size is not None:
        true_labels = None if true_labels is None else resize_nearest(true_labels, *rules.size)
        true_depth = None if true_depth is None else resize_nearest(true_depth, *rules.size)
    if true_labels is not None:
        labels = resize_nearest(labels, *true_labels.shape[::-1])
    if true_depth is not None:
        depth = enlarge_depth(depth, *true_depth.shape[::-1])
    return ScoredFrame(image, labels, depth, true_labels, true_depth)


def evaluate(
    predict: Predict,
    data: Dataset,
    protocol: str = 'metric',
    progress: Callable[[int, int], None] | None = None,
    label_space: LabelSpace | None = None,
) -> dict[str, Any]:
    """Run ``predict`` over a data set and score it.

    Args:
        predict: gives labels, and depth for the focal it is handed.
        data: frames with labels, depth or both; only what is there is scored.
        protocol: name of the protocol.
        progress: called after every frame with (frames done, frames in all).
        label_space: that of the predicted labels; None = that of the data.

    Returns:
        ``protocol``, ``frames`` (those with ground truth, which are scored), ``frames_in_all``, ``label_space``;
        with labels those of :func:`segmentation_scores`;
        with depth the protocol's metrics, by default ``abs_rel``, ``sq_rel`` (m), ``rmse`` (m),
        ``rmse_log`` and ``delta1``, ``delta2``, ``delta3`` (percent), and where depth is not scaled what
        :meth:`DepthBands.compute` gives.  Everything fits into JSON.

    Raises:
        FamdaError: nothing to score, files that are missing or of another shape, no pixel with ground truth, label
            spaces that do not fit, or a prediction that has not the size of its frame.
    """
    rules = get_protocol(protocol)
    segmentation, depth, spaces = None, DepthMetric(rules) if data.has('depth') else None, []
    bands = DepthBands(rules)
    if data.label_space is not None and data.has('labels'):
        predicted_space = label_space or data.label_space
        spaces = shared_scoring_spaces(predicted_space, data.label_space)
        segmentation = SegmentationMetric(len(predicted_space), len(data.label_space))
    if segmentation is None and depth is None:
        raise FamdaError(f"'{data.path}' has neither labels nor depth to score against; choose another folder or split")
    check_files(data, ('labels', 'depth'))
    indices = scored_indices(data)
    for done, index in enumerate(indices, 1):
        frame = predict_frame(predict, data, index, rules)
        try:
            if segmentation is not None and frame.true_labels is not None:
                segmentation.update(frame.labels, frame.true_labels)
            if depth is not None and frame.true_depth is not None:
                depth.update(frame.depth, frame.true_depth)
                bands.update(frame.depth, frame.true_depth)
        except ValueError as error:
            raise FamdaError(f"frame '{data.frames[index].stem}' of '{data.path}': {error}") from error
        if progress is not None:
            progress(done, len(indices))
    result: dict[str, Any] = {
        'protocol': rules.name, 'frames': len(indices), 'frames_in_all': len(data), 'label_space': None,
    }  # fmt: skip
    if segmentation is not None:
        if not segmentation.counts.any():
            raise FamdaError(nothing_known(data, 'labels'))
        result.update(segmentation_scores(segmentation.counts, spaces))
    if depth is not None:
        scores = depth.compute()
        if any(math.isnan(value) for value in scores.values()):
            raise FamdaError(
                f"no pixel of '{data.path}' has depth from {rules.depth_min_m:g} to {rules.depth_max_m:g} m; write its "
                'depth again'
            )
        result.update(scores)
        if not rules.median_scaling:
            result.update(bands.compute())
    return result


def scored_indices(data: Dataset) -> list[int]:
    """Return the indices of the frames that have labels, depth or both."""
    return [index for index in range(len(data)) if _has_labels(data, index) or data.has_at('depth', index)]


def _has_labels(data: Dataset, index: int) -> bool:
    return data.label_space is not None and data.has_at('labels', index)


def shared_scoring_spaces(predicted: LabelSpace, ground_truth: LabelSpace) -> list[ScoringSpace]:
    """Return where predictions and ground truth can be compared; see :func:`scoring_spaces`.

    Raises:
        FamdaError: nowhere.
    """
    spaces = scoring_spaces(predicted, ground_truth)
    if not spaces:
        raise FamdaError(
            f'predictions in {predicted.name} cannot be scored against ground truth in {ground_truth.name}: '
            'there is no label space that both project to'
        )
    return spaces


def segmentation_scores(counts: np.ndarray, spaces: list[ScoringSpace]) -> dict[str, Any]:
    """Return the scores of one confusion matrix in several label spaces.

    Args:
        counts: int64 [classes of the ground truth, classes of the predictions + 1].
        grounds: label spaces of the scores, the main one first.

    Returns:
        ``label_space``, ``miou``, ``iou`` (class name -> percent, None for a class that the ground
        truth does not show) and ``not_scored`` (classes of the ground truth that were left out as they
        have no counterpart) of the main label space; ``projections``: name of a further label space -> the
        same three, and ``miou_within`` where its classes are some of the main one's: the mean
        of the main IoU over them, which is what tables of 16-class methods give for 13 classes.
    """
    (main, *others), ious = spaces, [_iou_on(counts, shared) for shared in spaces]
    main_iou = dict(zip(main.space.classes, ious[0].tolist(), strict=True))
    projections = {}
    for shared, iou in zip(others, ious[1:], strict=True):
        scores = _scores(shared, iou)
        if set(shared.space.classes) < set(main.space.classes):
            within = np.array([main_iou[name] for name in shared.space.classes])
            scores['miou_within'] = _json_number(mean_iou_percent(within))
        projections[shared.space.name] = scores
    return {'label_space': main.space.name, **_scores(main, ious[0]), 'projections': projections}


def _iou_on(counts: np.ndarray, shared: ScoringSpace) -> np.ndarray:
    projected = project_counts(counts, shared.ground_truth_table, shared.prediction_table, len(shared.space))
    return np.where(shared.labelled(), iou_percent(projected), np.nan)


def _scores(shared: ScoringSpace, iou: np.ndarray) -> dict[str, Any]:
    return {
        'miou': _json_number(mean_iou_percent(iou)),
        'iou': {name: _json_number(value) for name, value in zip(shared.space.classes, iou.tolist(), strict=True)},
        'not_scored': list(shared.not_scored),
    }


def _json_number(value: float) -> float | None:
    return None if math.isnan(value) else value
