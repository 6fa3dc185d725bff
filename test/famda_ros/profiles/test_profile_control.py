# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Profiles and the students behind them, without ROS."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from tiny_student import TINY_SPACE, save_tiny, tiny_card, tiny_masks_card

from famda_ros.errors import FamdaError
from famda_ros.profiles.parameters import PARAMETERS
from famda_ros.profiles.profile_control import LIGHT_MAX_AGE_S, ProfileControl
from famda_ros.resources import resource

IMAGE = np.full((8, 8, 3), 204, np.uint8)  # of which the tiny student is sure to 0.8


@pytest.fixture
def values(tmp_path):
    """Parameters with a model of their own, and profiles for day and night."""
    for name in ('own', 'day', 'night'):
        save_tiny(tmp_path / f'{name}.onnx', card=tiny_card(name=name))
        (tmp_path / f'{name}.yaml').write_text(f'model: {name}.onnx\n')
    with open(tmp_path / 'night.yaml', 'a') as night:
        night.write('min_confidence: 0.5\nexposure: {target_brightness: 90.0}\n')
    return {
        **{parameter.name: parameter.default for parameter in PARAMETERS},
        'model': str(tmp_path / 'own.onnx'),
        'threads': 1,
        'auto.day': str(tmp_path / 'day.yaml'),
        'auto.night': str(tmp_path / 'night.yaml'),
        'auto.dwell_s': 0.1,
    }


def start(values, **options):
    return ProfileControl(values, ThreadPoolExecutor(1), **options)


def switch(control, profile):
    attempt = control.begin(profile)
    assert attempt.done.wait(60)
    return attempt.fault


def test_parameters_and_overlays(tmp_path, values):
    control = start(values)
    assert control.settings.student.card.name == 'own' and control.settings.profile == ''
    assert switch(control, values['auto.night']) == ''
    assert control.settings.student.card.name == 'night' and control.settings.profile == 'night'
    assert (control.settings.min_confidence, control.settings.target_brightness) == (0.5, 90.0)
    # What the profile does not set follows the parameter, what it sets does not.
    control.set_values({**values, 'max_age_ms': 7.0, 'min_confidence': 0.1})
    assert (control.settings.max_age_ms, control.settings.min_confidence) == (7.0, 0.5)
    assert switch(control, '') == ''
    assert control.settings.student.card.name == 'own' and control.settings.min_confidence == 0.1
    assert control.switches == 2


def test_the_same_file_is_not_loaded_again(tmp_path, values):
    (tmp_path / 'strict.yaml').write_text('min_confidence: 0.9\n')
    control = start(values)
    student = control.student
    assert switch(control, str(tmp_path / 'strict.yaml')) == ''
    assert control.student is student and control.settings.min_confidence == 0.9
    # A file that was replaced is another one.
    save_tiny(tmp_path / 'new.onnx', card=tiny_card(name='new'))
    os.replace(tmp_path / 'new.onnx', tmp_path / 'own.onnx')
    assert switch(control, '') == ''
    assert control.student.card.name == 'new'


def test_a_refused_student_stays_refused(tmp_path, values):
    """Asking twice for a model that was refused does not get the old one under the new name."""
    space = replace(TINY_SPACE, name='other', classes=('a', 'b'))
    save_tiny(tmp_path / 'night.onnx', card=tiny_card(label_space=space))
    control = start(values)
    for _ in range(2):
        assert 'label space' in switch(control, values['auto.night'])
        assert control.settings.profile == '' and control.describe()['profile_fault'] != 'none'
    assert switch(control, values['auto.day']) == ''
    assert control.describe()['profile_fault'] == 'none'


def test_a_student_is_tried_on_what_the_camera_sees(tmp_path, values):
    """Depth that is negative for this image only is found before the student takes over."""
    save_tiny(tmp_path / 'night.onnx', card=tiny_card(name='night'), depth_offset=-60.0)  # positive where grey
    control = start(values)
    control.measured('', 0.0, 0.0, np.zeros((48, 64, 3), np.uint8))
    assert 'negative depth' in switch(control, values['auto.night'])
    control.measured('', 200.0, 200 / 255, np.full((48, 64, 3), 200, np.uint8))
    assert switch(control, values['auto.night']) == ''


def test_one_switch_at_a_time(tmp_path, values):
    save_tiny(tmp_path / 'night.onnx', load_work=1500)
    control = start(values)
    first = control.begin(values['auto.night'])
    with pytest.raises(FamdaError, match='under way'):
        control.begin(values['auto.day'])
    assert control.loading and first.done.wait(60) and not control.loading
    assert switch(control, values['auto.day']) == ''


def test_closing_stops_a_switch(tmp_path, values):
    save_tiny(tmp_path / 'night.onnx', load_work=1500)
    control = start(values)
    attempt = control.begin(values['auto.night'])
    control.close()
    assert attempt.done.wait(60) and 'cleaned up' in attempt.fault
    assert control.settings.profile == ''


def test_a_model_of_the_package(tmp_path, values):
    """It is the default, found in the installed package; what a profile names goes before it."""
    own = {**values, 'model': {parameter.name: parameter.default for parameter in PARAMETERS}['model']}
    control = start(own)
    assert control.student.path == resource('models/street.onnx')
    student = control.student
    assert switch(control, '') == '' and control.student is student  # the same file
    assert start({**own, 'profile': values['auto.day']}).student.card.name == 'day'


@pytest.mark.parametrize(
    ('changes', 'sentence'),
    [
        ({'model': ''}, 'no model given'),
        ({'profile': 'nosuch'}, 'unknown profile'),
        ({'model': '/nowhere/x.onnx'}, 'No such file'),
        ({'model': 'package://famda_ros/models/x.onnx'}, "'models/x.onnx' of famda_ros is not installed"),
        ({'auto.dark_below': 200.0}, 'auto.dark_below'),
    ],
)
def test_what_cannot_be_loaded(values, changes, sentence):
    with pytest.raises(FamdaError, match=sentence):
        start({**values, **changes})


def measure(control, brightness, until, seconds=60.0):
    """Feed measurements of two cameras; tell whether it happened within the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        control.measured('front', brightness + 10, 0.8, IMAGE)
        control.measured('rear', brightness - 10, 0.8, IMAGE)
        time.sleep(0.01)
    return bool(until())


def test_only_cameras_that_still_answer_decide(values):
    now = [100.0]
    control = start({**values, 'profile': 'auto'}, clock=lambda: now[0])

    def watch(seconds, **cameras):
        for _ in range(round(2 * seconds)):
            now[0] += 0.5
            for camera, brightness in cameras.items():
                control.measured(camera, brightness, 0.8, IMAGE)

    watch(5, front=20.0, rear=200.0)  # 110 in the mean
    assert control.settings.profile == 'day' and not control.loading
    watch(LIGHT_MAX_AGE_S - 0.5, front=20.0)
    assert not control.loading and control.settings.profile == 'day'
    watch(2, front=20.0)  # nobody listens to the other any more
    end = time.monotonic() + 60
    while control.settings.profile != 'night' and time.monotonic() < end:
        time.sleep(0.01)
    assert control.settings.profile == 'night'


def test_what_goes_wrong_at_the_end_of_a_switch_is_its_fault(values):
    def on_switch(attempt):
        raise RuntimeError('nobody listens')

    control = start(values, on_switch=on_switch)
    assert switch(control, values['auto.night']) == 'RuntimeError: nobody listens'
    assert not control.loading


def test_requests_and_the_light_at_the_same_time(values):
    """Whoever comes first switches; the other is told, and 'auto' asks again."""
    control = start({**values, 'profile': 'auto', 'auto.dwell_s': 0.01})
    faults, light, end, stop = [], [20.0], time.monotonic() + 3, threading.Event()

    def measure_always():
        try:
            while not stop.is_set():
                control.measured('', light[0], 0.8, IMAGE)
        except Exception as error:
            faults.append(error)

    thread = threading.Thread(target=measure_always, daemon=True)
    thread.start()
    refused = 0
    while time.monotonic() < end or not refused:
        assert time.monotonic() < end + 60, (faults, control.switches)
        light[0] = 220.0 - light[0]
        # Every other time the light is given a head start, so that it is the request that comes too late now and then.
        patience = time.monotonic() + 0.1 * (refused % 2 == 0)
        while not control.loading and time.monotonic() < patience:
            time.sleep(0)
        try:
            control.begin('auto').done.wait(60)
        except FamdaError as error:
            assert 'under way' in str(error)
            refused += 1
    stop.set()
    thread.join()
    assert not faults
    light[0] = 220.0 if control.settings.profile == 'night' else 20.0
    wanted = 'day' if light[0] > 100 else 'night'
    assert measure(control, light[0], lambda: control.settings.profile == wanted)


def test_a_request_that_names_no_profile_is_no_fault(tmp_path, values):
    control = start({**values, 'profile': values['auto.day'], 'model': ''})
    for profile, sentence in {'nosuch': 'unknown', str(tmp_path / 'x.yaml'): 'not exist', '': 'no model'}.items():
        with pytest.raises(FamdaError, match=sentence):
            control.begin(profile)
    assert not control.fault and not control.loading


def test_what_a_profile_sets_is_fixed(values):
    control = start({**values, 'profile': values['auto.night']})
    assert control.why_fixed(['max_age_ms', 'autostart']) == ''
    assert control.why_fixed(['max_age_ms', 'min_confidence']).startswith("the profile 'night' sets min_confidence;")
    assert switch(control, values['auto.day']) == '' and control.why_fixed(['min_confidence']) == ''


def test_auto(tmp_path, values):
    ended = []
    control = start({**values, 'profile': 'auto'}, on_switch=ended.append)
    assert control.settings.profile == 'day'
    assert measure(control, 20.0, lambda: control.settings.profile == 'night')
    assert control.describe()['profile_requested'] == 'auto' and 'brightness' in control.describe()['profile_reason']
    assert measure(control, 200.0, lambda: control.settings.profile == 'day')
    # One that fails is reported, and not asked for again and again.
    (tmp_path / 'night.onnx').write_bytes(b'broken')
    before = len(ended)
    assert measure(control, 20.0, lambda: control.fault)
    assert not measure(control, 20.0, lambda: len(ended) > before + 1, seconds=1.0)
    assert control.settings.profile == 'day' and 'refused' in control.describe()['profile_reason']
    # Asked for by name it is off.
    assert switch(control, values['auto.day']) == ''
    assert control.requested == values['auto.day'] and control.describe()['profile_reason'] == 'requested'
    assert switch(control, 'auto') == ''
    assert control.requested == 'auto'


def doubting(folder, name):
    """Write a profile whose student sees images darker than they are, and so is half as sure of them."""
    file = folder / f'{name}.yaml'
    file.write_text(f'model: {name}.onnx\nexposure: {{target_brightness: 102.0, max_gamma: 9.0}}\n')
    return str(file)


def test_a_student_that_is_less_sure_is_refused_unless_forced(tmp_path, values):
    now = [100.0]
    control = start(values, clock=lambda: now[0])
    profile = doubting(tmp_path, 'night')
    for _ in range(6):
        now[0] += 0.5
        control.measured('', 204.0, 0.8, IMAGE)
    fault = switch(control, profile)
    assert 'on the newest 4 images would fall from 0.80 to 0.40' in fault and "'force'" in fault
    assert control.settings.profile == '' and control.describe()['profile_fault'] == fault
    forced = control.begin(profile, force=True)
    assert forced.done.wait(60) and not forced.fault and control.settings.profile == 'night'
    # The images of the student before say nothing about the one after it.
    attempt = control.begin(values['auto.day'])
    assert attempt.done.wait(60) and not attempt.fault and 'not compared' in attempt.note
    # Nor do old ones; and a student that is as sure is taken.
    control.measured('', 204.0, 0.8, IMAGE)
    now[0] += 60.0
    attempt = control.begin(profile)
    assert attempt.done.wait(60) and not attempt.fault and 'not compared' in attempt.note
    control.measured('', 204.0, 0.4, IMAGE)
    attempt = control.begin(values['auto.day'])
    assert attempt.done.wait(60) and not attempt.fault and '0.40 before, 0.80 now' in attempt.note
    # A limit of 1 refuses nothing.
    control.set_values({**values, 'auto.max_confidence_drop': 1.0})
    control.measured('', 204.0, 0.8, IMAGE)
    assert switch(control, profile) == ''


def roll_back(control):
    attempt = control.begin_rollback()
    assert attempt.done.wait(60)
    return attempt.fault


def test_rollback_goes_back_switch_by_switch(tmp_path, values):
    control = start(values)
    with pytest.raises(FamdaError, match='no earlier profile'):
        control.begin_rollback()
    assert switch(control, values['auto.day']) == '' and switch(control, values['auto.night']) == ''
    assert switch(control, values['auto.night']) == ''  # changes nothing, so there is nothing to take back
    assert control.describe()['profile_before'] == values['auto.day']
    assert roll_back(control) == '' and control.student.card.name == 'day' and control.requested == values['auto.day']
    assert roll_back(control) == '' and control.student.card.name == 'own' and control.requested == ''
    with pytest.raises(FamdaError, match='no earlier profile'):
        control.begin_rollback()


def test_rollback_takes_the_model_that_a_profile_had(tmp_path, values):
    """The same profile names another version by then."""
    profile = tmp_path / 'yard.yaml'
    for name in ('v1', 'v2', 'v3'):
        save_tiny(tmp_path / f'{name}.onnx', card=tiny_card(name=name))
    profile.write_text('model: v1.onnx\nmin_confidence: 0.1\n')
    control = start({**values, 'profile': str(profile)})
    for name in ('v2', 'v3'):
        profile.write_text(f'model: {name}.onnx\nmin_confidence: 0.2\n')
        assert switch(control, str(profile)) == '' and control.student.card.name == name
    assert roll_back(control) == '' and control.student.card.name == 'v2'
    assert roll_back(control) == '' and control.student.card.name == 'v1' and control.settings.min_confidence == 0.1
    # A file that was replaced is another one: it is not taken for what it was.
    assert switch(control, str(profile)) == ''
    save_tiny(tmp_path / 'new.onnx', card=tiny_card(name='new'))
    os.replace(tmp_path / 'new.onnx', tmp_path / 'v1.onnx')
    assert 'another file than before' in roll_back(control) and control.student.card.name == 'v3'


def test_rollback_to_auto_is_auto_again(values):
    control = start({**values, 'profile': 'auto'})
    assert measure(control, 20.0, lambda: control.settings.profile == 'night')
    assert switch(control, values['auto.day']) == '' and control.describe()['profile_reason'] == 'requested'
    assert roll_back(control) == ''
    assert control.requested == 'auto' and control.settings.profile == 'night'
    assert 'from the start' in control.describe()['profile_reason']


def test_no_topic_comes_or_goes_with_a_profile(tmp_path, values):
    control = start(values)
    save_tiny(tmp_path / 'day.onnx', card=tiny_masks_card(outputs=('labels', 'confidence')))
    assert switch(control, values['auto.day']) == (
        "the model 'day.onnx' gives labels and confidence instead of labels and confidence and depth, so topics would "
        'come or go; start another node for it'
    )
    assert control.student.card.name == 'own'


def test_students_without_confidence(tmp_path, values):
    """They switch, by request and by the light, and take no least confidence."""
    for name in ('own', 'day', 'night'):
        save_tiny(tmp_path / f'{name}.onnx', card=tiny_masks_card(name=name))
    control = start(values)
    assert 'so min_confidence must be 0, not 0.5' in switch(control, values['auto.night'])
    assert 'must be 0, not 0.2' in control.why_unfit({**values, 'min_confidence': 0.2})
    assert control.why_unfit(values) == ''
    (tmp_path / 'night.yaml').write_text('model: night.onnx\n')
    control.measured('front', 120.0, float('nan'), IMAGE)
    attempt = control.begin(values['auto.night'])
    assert attempt.done.wait(60) and not attempt.fault and 'they give no confidence' in attempt.note
    assert switch(control, 'auto') == ''
    begun = time.monotonic()
    while control.student.card.name != 'day' and time.monotonic() < begun + 20:
        control.measured('front', 120.0, float('nan'), IMAGE)
        time.sleep(0.02)
    assert control.student.card.name == 'day'
