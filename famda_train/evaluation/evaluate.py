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
from famda_ros.student.label_space import IGNORE, LabelSpace
from famda_ros.student.resize import resize_depth, resize_image, resize_nearest
from famda_ros.student.runtime import Prediction
from famda_train.datasets.checks import (
    check_depth_unit,
    check_files,
    checked_image,
    checked_layer,
    nothing_known,
    stray_fault,
)
from famda_train.datasets.dataset import Dataset
from famda_train.evaluation.bootstrap import LEAST_FRAMES, RESAMPLES, block_length, block_weights, interval
from famda_train.evaluation.confidence import LEVELS, confidence_counts, reliability
from famda_train.evaluation.depth import depth_error_sums, depth_scores
from famda_train.evaluation.depth_bands import DepthBands, DepthGroups
from famda_train.evaluation.protocol import Protocol, get_protocol
from famda_train.evaluation.scoring_space import ScoringSpace, scoring_spaces
from famda_train.evaluation.segmentation import confusion_matrix, iou_percent, mean_iou_percent, project_counts

Predict = Callable[[np.ndarray, 'float | None'], Prediction]
"""(uint8 [H, W, 3] RGB, focal in pixels or None) -> labels, and depth and confidence or None."""


@dataclass(frozen=True)
class ScoredFrame:
    """One frame as a protocol sees it: all arrays of one size, except that the image may be smaller.

    Attributes:
        image: uint8 [H, W, 3] RGB.
        labels, depth: predicted, in the predictions' label space and metres; depth None = there is none.
        true_labels, true_depth: in the ground truth's label space and metres; None = there is none.
        confidence: predicted, uint8, 255 = certain; None = there is none.
    """

    image: np.ndarray
    labels: np.ndarray
    depth: np.ndarray | None
    true_labels: np.ndarray | None
    true_depth: np.ndarray | None
    confidence: np.ndarray | None = None


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
    prediction = predict(image, focal)
    labels, confidence, depth = prediction.labels, prediction.confidence, prediction.depth
    assert labels is not None
    for what, array in (('labels', labels), ('depth', depth)):
        if array is not None and array.shape != image.shape[:2]:
            raise FamdaError(
                f"frame '{frame.stem}' of '{data.path}': {what} of shape {array.shape} were predicted for an image of "
                f'shape {image.shape[:2]}'
            )
    if rules.size is not None:
        true_labels = None if true_labels is None else resize_nearest(true_labels, *rules.size)
        true_depth = None if true_depth is None else resize_nearest(true_depth, *rules.size)
    if true_labels is not None:
        labels = resize_nearest(labels, *true_labels.shape[::-1])
        confidence = None if confidence is None else resize_nearest(confidence, *true_labels.shape[::-1])
    if true_depth is not None and depth is not None:
        depth = resize_depth(depth, *true_depth.shape[::-1])
    return ScoredFrame(image, labels, depth, true_labels, true_depth, confidence)


@dataclass(frozen=True)
class FrameScores:
    """What scores are made of, frame by frame, so that frames can be drawn again; None = there is no such ground truth.

    Attributes:
        rules: the protocol.
        frames_in_all: those with ground truth and those without.
        spaces: where labels are compared, the main label space first.
        counts: int64 [F, classes of the ground truth, classes of the predictions + 1], confusion matrices.
        confidence: int64 [F, 2, 256], see :func:`confidence_counts`.
        depth_sums: float64 [F, 8], see :func:`depth_error_sums`.
        bands, classes: of depth.
        classes_of: whose labels the classes of depth are: 'ground truth' or 'prediction'.
    """

    rules: Protocol
    frames_in_all: int
    spaces: list[ScoringSpace]
    counts: np.ndarray | None
    confidence: np.ndarray | None
    depth_sums: np.ndarray | None
    bands: DepthBands
    classes: DepthGroups
    classes_of: str

    @property
    def frames(self) -> int:
        """Frames with ground truth."""
        return next(len(array) for array in (self.counts, self.depth_sums) if array is not None)


def evaluate(
    predict: Predict,
    data: Dataset,
    protocol: str = 'metric',
    progress: Callable[[int, int], None] | None = None,
    label_space: LabelSpace | None = None,
    block: int | None = None,
) -> dict[str, Any]:
    """Run ``predict`` over a data set and score it: :func:`score_frames`, then :func:`scores_of`."""
    return scores_of(score_frames(predict, data, protocol, progress, label_space), block)


def score_frames(
    predict: Predict,
    data: Dataset,
    protocol: str = 'metric',
    progress: Callable[[int, int], None] | None = None,
    label_space: LabelSpace | None = None,
    gives_depth: bool = True,
) -> FrameScores:
    """Run ``predict`` over a data set and compare every frame with its ground truth.

    Args:
        predict: gives labels, and depth for the focal it is handed.
        data: frames with labels, depth or both; only what is there is scored.
        protocol: name of the protocol.
        progress: called after every frame with (frames done, frames in all).
        label_space: that of the predicted labels; None = that of the data.
        gives_depth: whether ``predict`` gives depth; if it does not, labels alone are scored.

    Raises:
        FamdaError: nothing to score, files that are missing or of another shape, no pixel with ground truth, label
            spaces that do not fit, or a prediction that has not the size of its frame.
    """
    data.require()
    rules = get_protocol(protocol)
    scores_depth, scores_labels = data.has('depth'), data.label_space is not None and data.has('labels')
    if not (scores_depth or scores_labels):
        stray = filter(None, (stray_fault(data, kind) for kind in ('labels', 'depth')))
        what = f"'{data.path}' has neither labels nor depth to score against; choose another folder or split"
        raise FamdaError(next(stray, what))
    scores_depth = scores_depth and gives_depth
    if not (scores_depth or scores_labels):
        raise FamdaError(f"'{data.path}' has depth alone, which the model does not give; choose data with labels")
    truth_space, spaces = data.label_space, []
    predicted_space = label_space or truth_space
    if scores_labels:
        assert predicted_space is not None and truth_space is not None
        spaces = shared_scoring_spaces(predicted_space, truth_space)
    check_files(data, ('labels', 'depth'))
    if scores_depth:
        check_depth_unit(data)
    indices = scored_indices(data, gives_depth)
    with_truth = scores_labels and all(_has_labels(data, index) for index in indices if data.has_at('depth', index))
    class_space = truth_space if with_truth else predicted_space
    classes = DepthGroups(() if class_space is None else class_space.classes, rules)
    bands, counts, confidence, depth_sums = DepthBands(rules), [], [], []
    for done, index in enumerate(indices, 1):
        frame = predict_frame(predict, data, index, rules)
        try:
            if scores_labels:
                assert predicted_space is not None and truth_space is not None
                counts.append(_confusion(frame, predicted_space, truth_space))
                confidence.append(_confidence(frame, spaces[0]))
            if scores_depth:
                depth_sums.append(np.zeros(8))
            if scores_depth and frame.true_depth is not None and frame.depth is not None:
                depth_sums[-1] = depth_error_sums(frame.depth, frame.true_depth, rules)
                bands.update(frame.depth, frame.true_depth)
                labels = frame.true_labels if with_truth else frame.labels
                assert labels is not None
                classes.update(frame.depth, frame.true_depth, resize_nearest(labels, *frame.true_depth.shape[::-1]))
        except ValueError as error:
            raise FamdaError(f"frame '{data.frames[index].stem}' of '{data.path}': {error}") from error
        if progress is not None:
            progress(done, len(indices))
    if scores_labels and not any(one.any() for one in counts):
        raise FamdaError(nothing_known(data, 'labels'))
    if scores_depth and not any(one[0] for one in depth_sums):
        raise FamdaError(
            f"no pixel of '{data.path}' has depth from {rules.depth_min_m:g} to {rules.depth_max_m:g} m; write its "
            'depth again'
        )
    return FrameScores(
        rules, len(data), spaces,
        np.stack(counts) if counts else None,
        np.stack(confidence) if confidence else None,
        np.stack(depth_sums) if depth_sums else None,
        bands, classes, 'ground truth' if with_truth else 'prediction',
    )  # fmt: skip


def _confusion(frame: ScoredFrame, predicted: LabelSpace, ground_truth: LabelSpace) -> np.ndarray:
    if frame.true_labels is None:
        return np.zeros((len(ground_truth), len(predicted) + 1), np.int64)
    return confusion_matrix(frame.labels, frame.true_labels, len(predicted), len(ground_truth))


def _confidence(frame: ScoredFrame, shared: ScoringSpace) -> np.ndarray:
    """Return the :func:`confidence_counts` of one frame, zeros without confidence or labels."""
    if frame.confidence is None or frame.true_labels is None:
        return np.zeros((2, LEVELS), np.int64)
    ground_truth = shared.ground_truth_table[frame.true_labels]
    scored = ground_truth != IGNORE
    right = shared.prediction_table[frame.labels[scored]] == ground_truth[scored]
    return confidence_counts(frame.confidence[scored], right)


def scores_of(scores: FrameScores, block: int | None = None) -> dict[str, Any]:
    """Return the scores of all frames together.

    Args:
        scores: of the frames.
        block: neighbouring frames that are drawn together for the intervals; None = the cube root of their number.

    Returns:
        ``protocol``, ``frames`` (those with ground truth, which are scored), ``frames_in_all``, ``label_space``;
        with labels those of :func:`segmentation_scores` and, where there is confidence, ``calibration``
        (:func:`~famda_train.evaluation.confidence.reliability`);
        with depth the protocol's metrics, by default ``abs_rel``, ``sq_rel`` (m), ``rmse`` (m),
        ``rmse_log`` and ``delta1``, ``delta2``, ``delta3`` (percent), and where depth is not scaled what
        :meth:`DepthBands.compute` gives and ``depth_classes``: class → the same numbers, and ``depth_classes_of``;
        ``interval`` (from 5 frames on): ``miou``, ``abs_rel`` → [low, high] of 95 %, and ``block``, ``resamples``.
        Everything fits into JSON.
    """
    rules = scores.rules
    result: dict[str, Any] = {
        'protocol': rules.name, 'frames': scores.frames, 'frames_in_all': scores.frames_in_all, 'label_space': None,
    }  # fmt: skip
    if scores.counts is not None:
        result.update(segmentation_scores(scores.counts.sum(0), scores.spaces))
        if scores.confidence is not None and scores.confidence.any():
            result['calibration'] = reliability(scores.confidence.sum(0))
    if scores.depth_sums is not None:
        result.update(depth_scores(scores.depth_sums, rules))
        if not rules.median_scaling:
            result.update(scores.bands.compute())
            result.update(depth_classes=scores.classes.compute(), depth_classes_of=scores.classes_of)
    if scores.frames >= LEAST_FRAMES:
        resampled = _resampled(scores, block)
        about = {'block': block or block_length(scores.frames), 'resamples': RESAMPLES}
        result['interval'] = {**{name: interval(values) for name, values in resampled.items()}, **about}
    return result


def frame_errors(scores: FrameScores) -> np.ndarray:
    """Return what is wrong in each frame, float64 [F]: percent of the labelled pixels, or AbsRel where no labels are.

    NaN where a frame has no such ground truth; in the order of :func:`scored_indices`.
    """
    errors = np.full(scores.frames, np.nan)
    for place in range(scores.frames):
        if scores.counts is not None:
            shared = scores.spaces[0]
            tables = shared.ground_truth_table, shared.prediction_table, len(shared.space)
            counts = project_counts(scores.counts[place], *tables)
            if counts.any():
                errors[place] = 100 * (1 - np.trace(counts) / counts.sum())
        elif scores.depth_sums is not None and scores.depth_sums[place, 0]:
            errors[place] = depth_scores(scores.depth_sums[place : place + 1], scores.rules)['abs_rel']
    return errors


def difference(scores: FrameScores, baseline: FrameScores, block: int | None = None) -> dict[str, list[float]]:
    """Return [low, high] of 95 % of ``scores`` - ``baseline`` for ``miou`` (points) and ``abs_rel``, if both have it.

    Both are scored on the same resamples: what is hard in a frame is hard for both.  {} with fewer than 5 frames.

    Raises:
        ValueError: of other frames.
    """
    if scores.frames != baseline.frames:
        raise ValueError(f'{scores.frames} frames cannot be compared with {baseline.frames}')
    if scores.frames < LEAST_FRAMES:
        return {}
    ours, theirs = _resampled(scores, block), _resampled(baseline, block)
    return {name: interval(values - theirs[name]) for name, values in ours.items() if name in theirs}


def _resampled(scores: FrameScores, block: int | None) -> dict[str, np.ndarray]:
    """Return the scores ``miou`` and ``abs_rel`` of every resample, float64 [resamples]."""
    weights, values = block_weights(scores.frames, block), {}
    if scores.counts is not None:
        flat = weights @ scores.counts.reshape(scores.frames, -1)
        counts = flat.reshape(len(weights), *scores.counts.shape[1:])
        values['miou'] = np.array([mean_iou_percent(_iou_on(one, scores.spaces[0])) for one in counts])
    if scores.depth_sums is not None:
        rows = [depth_scores(np.repeat(scores.depth_sums, row, 0), scores.rules)['abs_rel'] for row in weights]
        values['abs_rel'] = np.array(rows)
    return values


def scored_indices(data: Dataset, gives_depth: bool = True) -> list[int]:
    """Return the indices of the frames that have labels, depth or both; labels, if no depth is given."""
    return [i for i in range(len(data)) if _has_labels(data, i) or (gives_depth and data.has_at('depth', i))]


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
