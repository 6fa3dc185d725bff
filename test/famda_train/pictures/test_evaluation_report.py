# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The report of an evaluation shows the frames that are worst, and what is wrong in them."""
import numpy as np
import pytest
from small_street import write_street

from famda_ros.student.label_space import FLAT7
from famda_ros.student.runtime import Prediction
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.evaluation.evaluate import frame_errors, score_frames
from famda_train.pictures.evaluation_report import worst_frames
from famda_train.pictures.scored_frames import RIGHT_RGB, WRONG_RGB

SPOILT = {1: 8, 2: 24}
"""Frame → rows that are predicted wrong."""


@pytest.fixture(scope='module')
def street(tmp_path_factory):
    return FrameFolder(write_street(tmp_path_factory.mktemp('street') / 'night', 'night', 4))


def predictor(data):
    """Return what predicts the ground truth, but for the rows of SPOILT."""
    place = {data.image(index).tobytes(): index for index in range(len(data))}

    def predict(image, focal):
        index = place[image.tobytes()]
        labels, depth = data.labels(index).copy(), data.depth(index).copy()
        rows = SPOILT.get(index, 0)
        labels[:rows] = (labels[:rows] + 1) % len(FLAT7)
        return Prediction(labels=labels, confidence=None, depth=depth)

    return predict


def test_the_worst_frame_comes_first(street):
    predict = predictor(street)
    scores = score_frames(predict, street)
    errors = frame_errors(scores)
    assert errors[0] == errors[3] == 0 and 0 < errors[1] < errors[2]
    shown = worst_frames(predict, street, scores, FLAT7)
    assert [frame.name for frame in shown] == [street.frames[index].stem for index in (2, 1, 0, 3)]
    assert shown[0].note == f'{errors[2]:.0f} % of the pixels are wrong'
    mask, depth, wrong, _ = shown[0].panels
    colors = {tuple(color) for color in wrong.picture[: SPOILT[2]].reshape(-1, 3)} - {(0, 0, 0)}
    assert colors == {WRONG_RGB} and {tuple(color) for color in wrong.picture[-4:].reshape(-1, 3)} == {RIGHT_RGB}
    assert (mask.picture[-4:] == mask.before[-4:]).all() and (mask.picture != mask.before).any()
    np.testing.assert_array_equal(depth.picture, depth.before)
