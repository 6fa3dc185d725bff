# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from famda_ros.pipeline.camera_report import ERROR, OK, WARN, Report
from famda_ros.pipeline.road_check import LEAST_PLANES, RoadCheck, height_warning
from famda_ros.student.label_space import LabelSpace
from famda_ros.student.runtime import Prediction

SPACE = LabelSpace('two', ('sky', 'road'), ((0, 0, 0), (1, 1, 1)), ground=('road',))
SEA = LabelSpace('sea', ('sky', 'water'), ((0, 0, 0), (1, 1, 1)))


def info(width=64, height=48, focal=60.0):
    k = [focal, 0.0, (width - 1) / 2, 0.0, focal, (height - 1) / 2, 0.0, 0.0, 1.0]
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    return SimpleNamespace(k=k, p=[0.0] * 12, width=width, height=height, roi=roi, binning_x=0, binning_y=0)


def road(height, width=64, high=48, focal=60.0):
    """Return the prediction of a camera so high above a level road."""
    slope = (np.arange(high) - (high - 1) / 2)[:, None] / focal * np.ones((1, width))
    depth = np.where(slope > 0.02, height / np.maximum(slope, 0.01), np.inf).astype(np.float32)
    return Prediction(np.isfinite(depth).astype(np.uint8), None, depth)


def checked(*heights, camera=None, space=SPACE):
    check = RoadCheck()
    for height in heights:
        check.look(road(height), camera or info(), space)
    return check


def test_the_height_is_a_median_of_enough_frames():
    assert checked(*[1.5] * (LEAST_PLANES - 1)).height is None
    assert checked(1.4, 1.5, 1.6, 9.0, 1.55).height == pytest.approx(1.55, rel=0.01)
    assert checked(*[3.0] * 20, *[1.5] * 20).height == pytest.approx(1.5, rel=0.01)  # old ones are forgotten


def test_nothing_is_measured_without_calibration_road_or_depth():
    assert checked(*[1.5] * 9, space=SEA).height is None
    assert checked(*[1.5] * 9, camera=info(focal=0.0)).height is None
    check = RoadCheck()
    for prediction in [Prediction(None, None, road(1.5).depth), Prediction(road(1.5).labels, None, None)] * 9:
        check.look(prediction, info(), SPACE)
    check.look(road(1.5), None, SPACE)
    assert check.height is None


@pytest.mark.parametrize(('seen', 'warns'), [(1.0, True), (1.3, False), (1.5, False), (1.7, False), (1.8, True)])
def test_heights_that_differ_by_more_than_fifteen_percent(seen, warns):
    assert bool(height_warning(seen, 1.5)) is warns
    check = checked(*[seen] * LEAST_PLANES)
    fine = check.added_to(Report(OK, 'running', {'a': 'b'}), 1.5)
    assert (fine.level, fine.message == 'running') == ((WARN, False) if warns else (OK, True))
    assert fine.values == {'a': 'b', 'camera_height_m': '1.50', 'road_height_m': f'{seen:.2f}'}
    bad = check.added_to(Report(ERROR, 'no image for 5.0 s'), 1.5)
    assert bad.level == ERROR and bad.message.startswith('no image for 5.0 s') and (';' in bad.message) is warns


def test_what_the_warning_says():
    assert height_warning(2.1, 1.5) == (
        'the road lies 2.10 m below the camera, which TF has at 1.50 m: metres are off by a factor of 1.40; '
        'set depth.scale (famda calibrate), or correct the transform'
    )


@pytest.mark.parametrize('mounted', [None, 0.0, -0.3])
def test_no_warning_where_the_mounting_is_not_known(mounted):
    report = checked(*[1.5] * LEAST_PLANES).added_to(Report(OK, 'running'), mounted)
    assert (report.level, report.message) == (OK, 'running')
