# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from famda_ros.pipeline.camera_report import ERROR, NOT_YET, OK, WARN, DiagnosticLimits
from famda_ros.pipeline.camera_statistics import COUNTERS, FAINT_IMAGES, CameraStatistics
from famda_ros.pipeline.drift import DomainState

TIMES = {'preprocess': 1.0, 'inference': 20.0, 'postprocess': 4.0}
SLOW = {'preprocess': 1.0, 'inference': 300.0, 'postprocess': 4.0}


def listening(limits=None) -> CameraStatistics:
    statistics = CameraStatistics(limits)
    statistics.listen(True, 0.0)
    return statistics


def test_before_the_first_frame():
    report = listening().report(0.5, 0, None)
    assert (report.level, report.message) == (OK, 'waiting for images')
    counts = {key: value for key, value in report.values.items() if key.startswith(('frames_', 'calibrations_'))}
    assert set(counts.values()) == {'0'}
    assert report.values['domain'] == 'waiting'
    times = [value for key, value in report.values.items() if key not in {*counts, 'domain'}]
    assert len(times) == 21 and set(times) == {NOT_YET}  # never 0 where nothing was measured
    assert report.values['inference_time_ms'] == report.values['brightness'] == NOT_YET


def test_counters_times_and_light():
    statistics = listening()
    for _ in range(6):
        statistics.received(10.0)
    statistics.idle()
    statistics.stale()
    statistics.malformed('step is 3')
    statistics.answered(10.1, TIMES, 12.0, 31.0, 123.45, 0.8765)
    values = statistics.report(10.2, 2, 500.0).values
    expected = {'received': '6', 'answered': '1', 'dropped': '2', 'stale': '1', 'malformed': '1', 'idle': '1'}
    assert {name: values[f'frames_{name}'] for name in COUNTERS} == expected
    assert values['processing_time_ms'] == '25.00' and values['inference_time_ms'] == '20.00'
    assert values['input_age_ms'] == '12.00' and values['pipeline_latency_ms'] == '31.00'
    assert values['camera_focal_px'] == '500.0'
    assert values['brightness'] == '123.5' or values['brightness'] == '123.4'
    assert values['mean_confidence'] == '0.876' or values['mean_confidence'] == '0.877'


def test_the_keys_are_those_of_autoware_and_keep_their_order():
    """Names that Autoware's diagnostic graphs look for; a change here breaks users."""
    keys = list(CameraStatistics().report(0.0, 0, None).values)
    assert keys[:6] == [f'frames_{name}' for name in COUNTERS]
    assert keys[6:10] == [
        'processing_time_ms',
        'is_processing_time_ms_in_expected_range',
        'consecutive_processing_delay_ms',
        'is_consecutive_processing_delay_in_range',
    ]
    assert {'preprocess_time_ms', 'inference_time_ms', 'postprocess_time_ms', 'pipeline_latency_ms'} <= set(keys)
    statistics = listening()
    statistics.received(1.0)
    statistics.answered(1.0, TIMES)
    assert list(statistics.report(1.1, 0, 500.0).values) == keys


def test_ages_of_a_recording_are_not_those_of_the_node():
    statistics = listening()
    statistics.received(1.0)
    statistics.answered(1.0, TIMES, 60_001.0, 1e12)
    values = statistics.report(1.1, 0, 500.0).values
    assert values['input_age_ms'] == values['pipeline_latency_ms'] == NOT_YET


def test_a_calibration_for_another_shape_is_a_warning_until_it_is_mended():
    statistics = listening()
    statistics.received(1.0)
    statistics.calibration_of_shape('another shape')
    statistics.answered(1.0, TIMES)
    for _ in range(2):  # as long as it lasts, not once
        report = statistics.report(1.1, 0, 500.0)
        assert (report.level, report.message) == (WARN, 'another shape')
    statistics.calibration_of_shape('')
    assert statistics.report(1.2, 0, 500.0).level == OK


def test_mean_and_maximum_are_of_the_last_second():
    statistics = listening()
    for now, inference in ((1.0, 500.0), (2.5, 10.0), (2.8, 30.0), (2.9, 20.0)):
        statistics.received(now)
        statistics.answered(now, {'preprocess': 1.0, 'inference': inference, 'postprocess': 0.0})
    values = statistics.report(3.0, 0, 500.0).values
    assert values['inference_time_ms'] == '20.00'
    assert (values['inference_time_mean_ms'], values['inference_time_max_ms']) == ('20.00', '30.00')
    assert (values['processing_time_mean_ms'], values['processing_time_max_ms']) == ('21.00', '31.00')
    later = statistics.report(9.0, 0, 500.0).values
    assert later['inference_time_mean_ms'] == NOT_YET and later['inference_time_ms'] == '20.00'


def test_a_camera_that_falls_silent_is_an_error_within_two_seconds():
    statistics = listening()
    seen = None
    for tick in range(1, 100):  # frames at 10 Hz until 4.35 s, a report every second from 0.7 s on
        now = tick / 10
        if now <= 4.35:
            statistics.received(now)
            statistics.answered(now, TIMES)
        if tick % 10 == 7:
            report = statistics.report(now, 0, 500.0)
            if report.level == ERROR:
                seen = seen or (now, report.message)
            else:
                assert now <= 4.35 + 1.0 and report.level == OK
    assert seen is not None and seen[0] <= 4.35 + 2
    assert seen[1].startswith('no image for 1.4 s, more than 1.0 s: check the camera')
    statistics.received(10.0)
    assert statistics.report(10.1, 0, 500.0).level == OK  # and it is forgiven when it comes back


def test_a_camera_that_never_sends_is_an_error_too():
    statistics = listening()
    assert statistics.report(0.9, 0, None).level == OK
    report = statistics.report(2.0, 0, None)
    assert report.level == ERROR and 'no image for 2.0 s' in report.message and 'topic name' in report.message


def test_silence_is_no_fault_while_nobody_listens():
    statistics = CameraStatistics()
    assert statistics.report(100.0, 0, None).level == OK
    assert 'nobody listens' in statistics.report(100.0, 0, None).message
    statistics.listen(True, 100.0)
    statistics.received(100.1)
    statistics.listen(False, 101.0)
    assert statistics.report(200.0, 0, None).level == OK
    statistics.listen(True, 200.0)
    statistics.listen(True, 200.9)  # again is not anew
    assert statistics.report(200.5, 0, None).level == OK  # the pause does not count
    assert statistics.report(201.5, 0, None).level == ERROR


def test_a_slow_frame_warns_and_slow_frames_for_long_are_an_error():
    statistics = listening(DiagnosticLimits(200.0, 1000.0, 10.0))
    statistics.received(1.0)
    statistics.answered(1.0, SLOW)
    report = statistics.report(1.1, 0, 500.0)
    assert report.level == WARN and 'took 305.0 ms, more than 200.0 ms' in report.message
    assert report.values['is_processing_time_ms_in_expected_range'] == 'False'
    assert report.values['consecutive_processing_delay_ms'] == '100.00'
    assert report.values['is_consecutive_processing_delay_in_range'] == 'True'
    statistics.answered(2.2, SLOW)
    report = statistics.report(2.3, 0, 500.0)
    assert report.level == ERROR and 'too slow for 1300 ms, more than 1000 ms' in report.message.split(';')[0]
    assert report.values['is_consecutive_processing_delay_in_range'] == 'False'
    statistics.answered(2.4, TIMES)
    report = statistics.report(2.5, 0, 500.0)
    assert report.level == OK and report.values['consecutive_processing_delay_ms'] == '0.00'


def test_what_is_new_since_the_last_report_warns_once():
    statistics = listening()
    for _ in range(3):
        statistics.received(0.1)
    statistics.malformed('step is 3')
    statistics.malformed('step is 4')
    statistics.stale()
    report = statistics.report(0.2, 0, 500.0)
    assert report.level == WARN
    assert '2 malformed images, the last: step is 4' in report.message and '1 images were older' in report.message
    again = statistics.report(0.3, 0, 500.0)
    assert (again.level, again.message) == (OK, 'running') and again.values['frames_malformed'] == '2'


def test_no_calibration_warns_when_frames_are_answered():
    statistics = listening()
    assert statistics.report(0.1, 0, None).level == OK
    statistics.received(0.1)
    statistics.answered(0.1, TIMES)
    report = statistics.report(0.2, 0, None)
    assert report.level == WARN and 'no calibrated camera_info' in report.message


def test_the_worst_comes_first():
    statistics = listening()
    statistics.answered(0.1, SLOW)
    statistics.malformed('x')
    report = statistics.report(5.0, 0, None)
    assert report.level == ERROR and report.message.startswith('no image for 5.0 s')
    assert report.message.count(';') == 4


@pytest.mark.parametrize('timeout_s', [0.5, 3.0])
def test_limits_may_be_replaced(timeout_s):
    statistics = listening()
    statistics.limits = DiagnosticLimits(timeout_s=timeout_s)
    assert statistics.report(timeout_s - 0.1, 0, None).level == OK
    assert statistics.report(timeout_s + 0.1, 0, None).level == ERROR


events = st.sampled_from(['received', 'idle', 'stale', 'malformed', 'answered', 'listen', 'deaf', 'report'])


@settings(max_examples=150)
@given(st.lists(st.tuples(events, st.floats(-2, 5)), max_size=40))
def test_every_order_of_events_gives_a_complete_report(sequence):
    statistics, now, keys = CameraStatistics(), 0.0, None
    for event, step in sequence:
        now += step
        if event == 'answered':
            statistics.answered(now, {'inference': 10 * abs(step)}, None, None, None, float('nan'))
        elif event == 'malformed':
            statistics.malformed('x')
        elif event in ('listen', 'deaf'):
            statistics.listen(event == 'listen', now)
        elif event == 'received':
            statistics.received(now)
        elif event != 'report':
            getattr(statistics, event)()
        report = statistics.report(now, 0, 1.0)
        assert report.level in (OK, WARN, ERROR) and report.message
        assert all(isinstance(value, str) for value in report.values.values())
        keys = keys or list(report.values)
        assert list(report.values) == keys


def test_threads_lose_no_count():
    statistics = listening()

    def work():
        for i in range(500):
            statistics.received(i)
            statistics.idle()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    values = statistics.report(499.5, 0, None).values
    assert (values['frames_received'], values['frames_idle']) == ('2000', '2000')


def test_why_nothing_arrives_holds_until_something_does():
    statistics = CameraStatistics()
    statistics.listen(True, 10.0)
    statistics.silent_because("nobody publishes '/image'")
    assert "no image for 4.0 s, more than 1.0 s: nobody publishes '/image'" in statistics.report(14.0, 0, None).message
    assert (statistics.silent_s(14.0), statistics.listening_s(14.0)) == (4.0, 4.0)
    statistics.received(15.0)
    assert 'no image for 3.0 s, more than 1.0 s: check the camera' in statistics.report(18.0, 0, None).message
    statistics.listen(False, 19.0)
    assert (statistics.silent_s(20.0), statistics.listening_s(20.0)) == (0.0, 0.0)


def test_why_there_is_no_calibration_is_reported_while_there_is_none():
    statistics = CameraStatistics()
    statistics.answered(10.0, TIMES)
    statistics.uncalibrated_because('no calibration is published anywhere')
    assert statistics.report(10.0, 0, None).message.endswith('focal length; no calibration is published anywhere')
    statistics.uncalibrated_because('')
    assert statistics.report(10.0, 0, None).message.endswith("depth is for the model's focal length")
    assert statistics.calibrations_refused == 0
    statistics.malformed_calibration('NaN')
    assert statistics.calibrations_refused == 1


def test_a_stream_of_faint_images_is_a_warning_and_one_dark_image_is_not():
    statistics = CameraStatistics()
    for _ in range(FAINT_IMAGES - 1):
        statistics.faint('never exceed 4095')
    assert statistics.faint_fault == '' and statistics.report(1.0, 0, 100.0).level == OK
    statistics.faint('never exceed 4095')
    assert statistics.faint_fault == statistics.report(1.0, 0, 100.0).message == 'never exceed 4095'
    statistics.faint('')
    assert statistics.faint_fault == ''


def test_another_domain_is_a_warning_once_frames_are_answered():
    statistics = listening()
    statistics.domain(DomainState('unlike', 1.0, "looks unlike what this student was adapted to ('day'): x", 2.5))
    assert statistics.report(0.5, 0, 100.0).level == OK  # nothing was published yet
    statistics.received(0.6)
    statistics.answered(0.6, {'preprocess': 1.0, 'inference': 1.0, 'postprocess': 1.0})
    report = statistics.report(0.7, 0, 100.0)
    assert (report.level, report.message) == (WARN, "looks unlike what this student was adapted to ('day'): x")
    assert (report.values['domain'], report.values['domain_score']) == ('unlike', '2.50')
    statistics.domain(DomainState('home', 2.0, 'looks like it', 0.0))
    assert statistics.report(0.8, 0, 100.0).level == OK
    statistics.restart()
    assert statistics.report(0.9, 0, 100.0).values['domain'] == 'waiting'
