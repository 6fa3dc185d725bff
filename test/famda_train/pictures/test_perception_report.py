# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The report of a perceived recording keeps the frames that the student is least sure of."""
import numpy as np
from html_page import Page

from famda_ros.student.label_space import FLAT7
from famda_ros.student.runtime import Prediction
from famda_train.pictures.perception_report import SHOWN, PerceptionReport


def perceived(sure, gives_depth=True):
    """Return a report of frames whose confidence is given; None = none."""
    report, (height, width) = PerceptionReport(), (10, 20)
    for number, confidence in enumerate(sure):
        labels = np.zeros((height, width), np.uint8)
        labels[: height // 5] = 4
        depth = np.full((height, width), 2.0 + number, np.float32)
        depth[0] = np.inf
        report.add(
            f'frame {number:02}', np.full((height, width, 3), 90, np.uint8),
            Prediction(
                labels=labels, depth=depth if gives_depth else None,
                confidence=None if confidence is None else np.full((height, width), confidence, np.uint8),
            ),
            FLAT7,
        )  # fmt: skip
    said = {'ran on': 'cpu'}, ['at home', 'and more']
    return Page(report.render('night.onnx', 'drive', *said, 'famda perceive drive'))


def names(page):
    """Return the names of the frames that are shown, in their order."""
    return list(dict.fromkeys(alt.partition(',')[0] for alt in page.pictures if alt.startswith('frame')))


def test_least_sure_frames_come_first():
    sure = [200, 51, 250, 240, 102, 230, 220, 210, 190]
    page = perceived(sure)
    order = sorted(range(len(sure)), key=lambda place: sure[place])[:SHOWN]
    assert names(page) == [f'frame {place:02}' for place in order]
    for word in (
        '9 frames of drive, as night.onnx sees them', 'cpu', 'mean confidence 20 %', 'at home', 'and more',
        'famda perceive drive', 'sky', '80.0', '20.0', '2 → ',
    ):  # fmt: skip
        assert word in page.text, word
    assert sum(tag == 'svg' for tag, _ in page.tags) == 2 and all(value.startswith('data:') for value in page.loaded)


def test_a_student_may_give_labels_alone():
    page = perceived([None] * 8, gives_depth=False)
    assert names(page) == [f'frame {place:02}' for place in range(SHOWN)]
    assert 'depth colours' not in page.pictures and 'Frame by frame' not in page.text
    assert sum(tag == 'input' for tag, _ in page.tags) == SHOWN
