# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The report of an evaluation: one HTML file that needs nothing else."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from famda_ros.student.colorize import overlay
from famda_ros.student.label_space import LabelSpace
from famda_ros.student.resize import resize_image
from famda_train.datasets.dataset import Dataset
from famda_train.evaluation.evaluate import (
    FrameScores,
    Predict,
    ScoredFrame,
    frame_errors,
    predict_frame,
    scored_indices,
)
from famda_train.evaluation.protocol import Protocol
from famda_train.evaluation.scoring_space import ScoringSpace
from famda_train.pictures.depth_colors import depth_picture
from famda_train.pictures.reliability_diagram import reliability_diagram
from famda_train.pictures.report_page import Panel, Row, ShownFrame, depth_legend, render_page
from famda_train.pictures.scored_frames import depth_error_title, depth_errors, label_errors

SHOWN, SHOWN_WIDTH = 6, 480


def worst_frames(predict: Predict, data: Dataset, scores: FrameScores, space: LabelSpace) -> list[ShownFrame]:
    """Return the frames with the largest errors, these first, prediction beside ground truth.

    Args:
        predict: the student that was scored.
        data: the frames.
        scores: what :func:`~famda_train.evaluation.evaluate.score_frames` made of both.
        space: label space of the predictions, which colours them where labels are not scored.
    """
    errors, indices = frame_errors(scores), scored_indices(data, gives_depth=scores.depth_sums is not None)
    order = [place for place in np.argsort(-errors, kind='stable') if not np.isnan(errors[place])][:SHOWN]
    scoring = scores.spaces[0] if scores.spaces else None
    shown = []
    for place in order:
        frame = predict_frame(predict, data, indices[place], scores.rules)
        note = f'{errors[place]:.0f} % of the pixels are wrong' if scoring else f'AbsRel {errors[place]:.3f}'
        name = data.frames[indices[place]].stem
        shown.append(ShownFrame(name, note, _panels(frame, scoring, scores.rules, space)))
    return shown


def _panels(frame: ScoredFrame, scoring: ScoringSpace | None, rules: Protocol, space: LabelSpace) -> list[Panel]:
    """Return the mask and depth over their ground truth, and what is wrong; of what there is."""
    image = resize_image(frame.image, *frame.labels.shape[::-1])
    if scoring is None or frame.true_labels is None:
        large, small = [Panel('mask', _small(overlay(image, frame.labels, space)))], []
    else:
        labels = scoring.prediction_table[frame.labels]
        truth = scoring.ground_truth_table[frame.true_labels]
        large = [Panel('mask', *(_small(overlay(image, one, scoring.space)) for one in (labels, truth)))]
        small = [Panel('wrong labels: red', _small(label_errors(labels, truth)))]
    if frame.depth is None:
        return [*large, *small]
    depth = _small(depth_picture(frame.depth))
    if frame.true_depth is None:
        return [*large, Panel('depth', depth), *small]
    large.append(Panel('depth', depth, _small(depth_picture(frame.true_depth))))
    errors = depth_errors(frame.depth, frame.true_depth, rules)
    return [*large, *small, Panel(depth_error_title(), _small(errors))]


def _small(picture: np.ndarray) -> np.ndarray:
    """Return a picture no wider than it is shown; no colours are mixed, as they mean something."""
    width = min(SHOWN_WIDTH, picture.shape[1])
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST)


def evaluation_report(
    about: Mapping[str, Any], results: Sequence[Mapping[str, Any]], frames: Sequence[ShownFrame], scores: FrameScores
) -> str:
    """Return the report as one self-contained HTML page.

    Args:
        about: ``headline``, ``data``, ``names`` of the students, the one that was scored last; ``scores``: (metric,
            a text for each student) pairs; ``sentences`` on them; ``commands``: (what, command) pairs.
        results: of each student, as :func:`~famda_train.evaluation.evaluate.scores_of` gives them.
        frames: of :func:`worst_frames`.
        scores: of the student that was scored.
    """
    result = results[-1]
    space = scores.spaces[0].space if scores.spaces else None
    return render_page(
        Path(__file__).parent / 'templates' / 'evaluation.html',
        **{**about, 'scores': [Row(label, cells) for label, cells in about['scores']]},
        protocol=scores.rules.name,
        rules=scores.rules.summary,
        frames=frames,
        classes=[] if space is None else list(zip(space.classes, space.colors, strict=True)),
        depth=None if scores.depth_sums is None else depth_legend(),
        iou={name: [one.get('iou', {}).get(name) for one in results] for name in result.get('iou', {})},
        bands={
            name: [one.get('bands', {}).get(name, {}).get('delta1') for one in results]
            for name in result.get('bands', {})
        },
        calibration=reliability_diagram(result['calibration']) if 'calibration' in result else None,
    )  # fmt: skip
