# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from famda_ros.frame_statistics import NOT_YET, OK, WARN, FrameStatistics

TIMES = {'preprocess': 1.0, 'inference': 20.0, 'postprocess': 4.0}


def test_before_the_first_frame():
    report = FrameStatistics().report(0, 100.0, None)
    assert (report.level, report.message) == (OK, 'waiting for images')
    assert report.values['inference_time_ms'] == report.values['processing_time_ms'] == NOT_YET


def test_counters_and_times():
    statistics = FrameStatistics()
    for _ in range(4):
        statistics.count('received')
    statistics.count('idle')
    statistics.answered(TIMES, 31.0)
    report = statistics.report(2, 100.0, 500.0)
    assert report.level == OK
    values = report.values
    assert [values[f'frames_{n}'] for n in ('received', 'answered', 'dropped', 'idle')] == ['4', '1', '2', '1']
    assert values['processing_time_ms'] == '25.00' and values['inference_time_ms'] == '20.00'
    assert values['pipeline_latency_ms'] == '31.00' and values['camera_focal_px'] == '500.0'


def test_warnings():
    statistics = FrameStatistics()
    statistics.malformed('step is 3')
    report = statistics.report(0, 100.0, 500.0)
    assert report.level == WARN and 'step is 3' in report.message
    assert statistics.report(0, 100.0, 500.0).level == OK  # the warning is about new ones
    statistics.answered(TIMES, None)
    assert '25.0 ms, more than 20.0 ms' in statistics.report(0, 20.0, 500.0).message
    assert 'camera_info' in statistics.report(0, 100.0, None).message
