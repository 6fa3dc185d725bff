# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from famda_ros.errors import FamdaError
from famda_ros.profiles.auto_profile import LONGEST_STEP_S, AutoProfile, AutoSettings

SETTINGS = AutoSettings(dark_below=50, bright_above=75, dwell_s=5, max_confidence_drop=0.15)
NAN = math.nan


def run(auto, measurements, begin=0.0, period=0.5):
    """Feed (brightness, confidence) every ``period`` seconds; return [(time, profile)] of the switches."""
    switches = []
    for i, (brightness, confidence) in enumerate(measurements):
        now = begin + i * period
        decision = auto.update(brightness, confidence, now)
        assert decision.profile == auto.profile and decision.reason
        if decision.switched:
            switches.append((now, decision.profile))
    return switches


def test_darkness_that_lasts_is_night_and_light_is_day_again():
    auto = AutoProfile(SETTINGS)
    assert run(auto, [(120, 0.9)] * 20) == []
    assert run(auto, [(20, 0.9)] * 30, begin=10) == [(15.0, 'night')]
    assert 'below 50 for 5.0 s' in auto.reason
    assert run(auto, [(120, 0.9)] * 30, begin=25) == [(30.0, 'day')]
    assert 'above 75' in auto.reason


def test_a_tunnel_shorter_than_the_dwell_time_changes_nothing():
    assert run(AutoProfile(SETTINGS), [(120, 0.9)] * 10 + [(10, 0.9)] * 10 + [(120, 0.9)] * 40) == []


def test_a_flickering_light_changes_nothing():
    assert run(AutoProfile(SETTINGS), [(120, 0.9), (10, 0.9)] * 200) == []
    assert run(AutoProfile(SETTINGS, 'night'), [(120, 0.9), (60, 0.9)] * 200) == []


def test_between_the_thresholds_the_profile_stays():
    for profile in ('day', 'night'):
        assert run(AutoProfile(SETTINGS, profile), [(60, 0.1), (50, 0.9), (75, NAN)] * 100) == []


def test_unknown_brightness_changes_nothing_and_does_not_break_a_streak():
    assert run(AutoProfile(SETTINGS), [(NAN, 0.9), (math.inf, 0.9)] * 100) == []
    assert run(AutoProfile(SETTINGS), [(20, NAN), (NAN, NAN)] * 100) != []


def test_a_pause_or_a_jump_of_the_clock_decides_nothing():
    auto = AutoProfile(SETTINGS)
    auto.update(20, 0.9, 0.0)
    assert not auto.update(20, 0.9, 3600.0).switched  # two measurements are not an hour of night
    assert not auto.update(20, 0.9, 0.0).switched  # nor is the way back
    switches = [auto.update(20, 0.9, 0.1 * i).switched for i in range(1, 100)]
    assert switches.count(True) == 1


def test_the_old_profile_comes_back_if_the_new_one_is_less_sure():
    auto = AutoProfile(SETTINGS)
    switches = []
    for i in range(200):
        confidence = 0.8 if auto.profile == 'day' else 0.5
        decision = auto.update(20, confidence, 0.5 * i)
        if decision.switched:
            switches.append((0.5 * i, decision.profile, decision.reason))
    assert [(time, profile) for time, profile, _ in switches] == [(5.0, 'night'), (10.0, 'day')]
    assert 'fell from 0.80 to 0.50' in switches[1][2]
    # After it has been bright again the next night is a new one.
    assert run(auto, [(120, 0.9)] * 4, begin=100) == []
    assert run(auto, [(20, 0.9)] * 20, begin=102) == [(107.0, 'night')]


@pytest.mark.parametrize('after', [0.7, 0.9, NAN])
def test_a_small_drop_or_none_is_no_objection(after):
    auto = AutoProfile(SETTINGS)
    switches = [
        auto.update(20, 0.8 if auto.profile == 'day' else after, 0.5 * i).profile
        for i in range(100)
    ]  # fmt: skip
    assert switches[-1] == 'night' and switches.count('day') == 10


def test_the_objection_is_of_the_same_light_only():
    """Night came for a moment: by day the confidence is compared with nothing."""
    auto = AutoProfile(SETTINGS)
    assert run(auto, [(20, 0.9)] * 12) == [(5.0, 'night')]
    assert run(auto, [(120, 0.3)] * 40, begin=6) == [(11.0, 'day')]


def test_a_switch_that_failed_is_not_tried_again_and_again():
    auto = AutoProfile(SETTINGS)
    assert run(auto, [(20, 0.9)] * 11) == [(5.0, 'night')]
    auto.refuse('the model file is broken')
    assert auto.profile == 'day' and 'the model file is broken' in auto.reason
    assert run(auto, [(20, 0.9)] * 100, begin=6) == []
    assert run(auto, [(60, 0.9)] * 100, begin=60) == []
    assert run(auto, [(20, 0.9)] * 100, begin=120) == []  # the band between is not the other side
    assert run(auto, [(120, 0.9)], begin=180) == []
    assert run(auto, [(20, 0.9)] * 30, begin=181) == [(186.0, 'night')]


numbers = st.floats(0, 255) | st.sampled_from([NAN, math.inf, -math.inf])
steps = st.floats(0, 3) | st.sampled_from([0.1, 0.5, 1.0, -5.0, 3600.0])


@settings(max_examples=400)
@given(
    st.floats(0, 200),
    st.floats(0.5, 50),
    st.floats(0.2, 10),
    st.floats(0, 1),
    st.lists(st.tuples(numbers, st.floats(0, 1) | st.just(NAN), steps, st.integers(1, 12)), max_size=30),
)
def test_never_inside_the_band_and_never_faster_than_the_dwell_time(dark, band, dwell, drop, phases):
    auto = AutoProfile(AutoSettings(dark, dark + band, dwell, drop))
    now, since_switch, profile = 0.0, 0.0, auto.profile
    for brightness, confidence, step, times in phases:
        for _ in range(times):
            now += step
            since_switch += min(max(step, 0.0), LONGEST_STEP_S)
            decision = auto.update(brightness, confidence, now)
            assert decision.switched == (decision.profile != profile)
            if decision.switched:
                assert brightness < dark or brightness > dark + band
                assert since_switch >= dwell - 1e-6
                since_switch, profile = 0.0, decision.profile


@settings(max_examples=100)
@given(st.floats(0, 255), st.floats(0.02, 0.9), st.sampled_from(['day', 'night']))
def test_a_steady_light_is_decided_once_and_for_all(brightness, period, profile):
    auto = AutoProfile(SETTINGS, profile)
    switches = run(auto, [(brightness, 0.8)] * int(30 / period), period=period)
    expected = 'night' if brightness < 50 else 'day' if brightness > 75 else profile
    assert auto.profile == expected and len(switches) == (expected != profile)


@pytest.mark.parametrize(
    ('values', 'sentence'),
    [
        ({'dark_below': 80.0}, 'auto.dark_below must be below auto.bright_above'),
        ({'bright_above': 300.0}, 'from 0 to 255'),
        ({'dark_below': NAN}, 'auto.dark_below'),
        ({'dwell_s': 0.0}, 'auto.dwell_s must be greater than 0'),
        ({'dwell_s': math.inf}, 'auto.dwell_s'),
        ({'max_confidence_drop': 2.0}, 'from 0 to 1, not 2.0'),
    ],
)
def test_settings_that_make_no_sense(values, sentence):
    with pytest.raises(FamdaError, match=sentence):
        AutoSettings(**values)
