# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The drift monitor on rendered drives with the student that ships, and on images that no camera should send.

``FAMDA_HOME_DRIVES`` is the number of drives of 10 s each on which there must be no alarm.
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from corridor import corridor
from scipy.stats import ks_2samp
from tiny_student import TINY_SPACE, save_tiny, tiny_card, tiny_masks_card

from famda_ros.messages.camera_info import Intrinsics
from famda_ros.pipeline import drift
from famda_ros.pipeline.drift import DriftMonitor, critical_distance, in_words, ks_distance
from famda_ros.pipeline.frame_statistics import frame_statistics, scalar_names
from famda_ros.resources import resource
from famda_ros.student.drift_reference import reference_of
from famda_ros.student.runtime import Prediction, Student
from famda_train.world import domains, render_many
from famda_train.world.drive import drive

WIDTH, HEIGHT, RATE_HZ = 192, 96, 10.0
FRAMES = 100
NOTICED_WITHIN_S = 5.0
HOME_DRIVES = int(os.environ.get('FAMDA_HOME_DRIVES', '1'))
CAMERA = Intrinsics.centred(0.7 * WIDTH, WIDTH, HEIGHT)


@pytest.fixture(scope='module')
def student():
    """The student that ships, with a reference of single frames of the world's day."""
    student = Student(resource('models/street.onnx'), threads=1, provider='cpu')
    names, table = scalar_names(student.card.label_space), []
    for rendering in render_many(range(5000, 5000 + FRAMES), 'day', WIDTH, HEIGHT, None, 1):
        prediction = student.predict(rendering.image, rendering.camera.focal)
        table.append(frame_statistics(rendering.image, prediction, student.card.label_space, CAMERA))
    student.card = replace(student.card, domain='day', reference=reference_of(names, np.array(table), 'street world'))
    return student


def states(monitor, frames, start_s, camera=None):
    """Feed images with their predictions at 10 Hz; return what the monitor thinks after each."""
    return [monitor.update(*frame, start_s + number / RATE_HZ, camera) for number, frame in enumerate(frames)]


def predicted(student, images):
    return [(image, student.predict(image, 0.7 * WIDTH)) for image in images]


def images_of(domain, seed, frames):
    return [rendering.image for _, rendering in drive(seed, domain, frames, RATE_HZ, WIDTH, HEIGHT)]


@pytest.fixture(scope='module')
def day(student):
    """A drive of 10 s by day, with its predictions."""
    return predicted(student, images_of('day', 7, 100))


@pytest.mark.slow
def test_home_is_home(student, day):
    found = states(DriftMonitor(student.card), day, 0.0, CAMERA)
    waiting = [state.state for state in found].index('home')
    assert waiting < drift.WINDOW + drift.EVERY and {state.state for state in found[waiting:]} == {'home'}
    assert found[-1].since == pytest.approx(waiting / RATE_HZ) and "('day')" in found[-1].reason


@pytest.mark.slow
def test_no_false_alarm_on_other_drives_of_home(student, day):
    monitor, drives = DriftMonitor(student.card), range(100, 100 + HOME_DRIVES)
    assert states(monitor, day, 0.0)[-1].state == 'home'
    for number, seed in enumerate(drives, start=1):
        found = states(monitor, predicted(student, images_of('day', seed, 100)), 10.0 * number)
        assert {state.state for state in found} == {'home'}, f'drive {seed}: {found}'


@pytest.mark.slow
@pytest.mark.parametrize('domain', ['night', 'dusk', 'corridor', 'upside down'])
def test_another_domain_is_noticed_within_seconds_and_home_is_home_again(student, day, monkeypatch, domain):
    monkeypatch.setitem(domains.DOMAINS, 'dusk', ((1.0, domains.VARIED_DUSK),))
    monitor = DriftMonitor(student.card)
    assert states(monitor, day[:60], 0.0)[-1].state == 'home'
    if domain == 'upside down':
        other = [np.ascontiguousarray(image[::-1, ::-1]) for image, _ in day[:60]]
    elif domain == 'corridor':
        other = list(corridor(1, 60, WIDTH, HEIGHT))
    else:
        other = images_of(domain, 8, 60)
    found = states(monitor, predicted(student, other), 6.0)
    noticed = next(state for state in found if state.state in drift.ALARMS)
    assert noticed.since - 6.0 < NOTICED_WITHIN_S
    assert found[-1].state == ('upside down' if domain == 'upside down' else 'unlike'), found[-1]
    assert found[-1].score >= drift.RAISE_AT and "('day')" in found[-1].reason
    assert found[-1].state == 'upside down' or ' instead of ' in found[-1].reason
    assert states(monitor, day, 12.0)[-1].state == 'home'


def faulty(kind, count):
    rng = np.random.default_rng(0)
    for _ in range(count):
        if kind == 'black':
            yield rng.integers(0, 6, (HEIGHT, WIDTH, 3), np.uint8)
        elif kind == 'noise':
            yield rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        else:
            yield np.indices((HEIGHT, WIDTH)).sum(0, dtype=np.uint8)[..., None].repeat(3, axis=2)


@pytest.mark.slow
@pytest.mark.parametrize(('kind', 'within_s'), [('black', 1.1), ('noise', 1.1), ('frozen', 2.2)])
@pytest.mark.parametrize('with_reference', [True, False])
def test_images_that_no_camera_should_send_are_named(student, day, kind, within_s, with_reference):
    """With a reference or without, at once, and not for longer than they come."""
    card = student.card if with_reference else replace(student.card, reference=None)
    monitor = DriftMonitor(card)
    states(monitor, day[:20], 0.0)
    found = states(monitor, [(image, day[0][1]) for image in faulty(kind, 40)], 2.0)
    noticed = next(state for state in found if state.state == kind)
    assert noticed.since - 2.0 <= within_s and found[-1].state == kind and found[-1].reason
    assert not {state.state for state in found} & ({*drift.ALARMS} - {kind})
    after = states(monitor, day, 6.0)
    assert after[-1].state == ('home' if with_reference else 'no reference')


@pytest.mark.slow
@pytest.mark.parametrize(('factor', 'state'), [(1.0, 'home'), (0.4, 'unlike')])
def test_a_camera_that_is_mounted_lower_is_noticed(student, day, factor, state):
    """The same street seen from 0.4 times the height is 0.4 times as large; that alone is told, by the road."""
    quantiles = {n: q for n, q in student.card.reference.quantiles.items() if not n.startswith('depth')}
    card = replace(student.card, reference=replace(student.card.reference, quantiles=quantiles))
    lower = [(image, replace(found, depth=found.depth * np.float32(factor))) for image, found in day[:60]]
    last = states(DriftMonitor(card), lower, 0.0, CAMERA)[-1]
    assert last.state == state, last
    assert ('camera above the road 0.' in last.reason and ' m instead of 1.' in last.reason) == (state == 'unlike')
    assert states(DriftMonitor(card), lower, 0.0)[-1].state == 'home'  # an uncalibrated camera has no such number


@pytest.fixture
def tiny(tmp_path):
    save_tiny(tmp_path / 'tiny.onnx', card=tiny_card())
    return Student(tmp_path / 'tiny.onnx', provider='cpu')


def scene(rng, light=120):
    image = np.full((HEIGHT, WIDTH, 3), light, np.float32)
    image[: HEIGHT // 2] += 60
    image += 20 * np.sin(np.arange(WIDTH) / 9)[None, :, None] + rng.normal(0, 6) + rng.normal(0, 2, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def reference(student, light=120):
    rng = np.random.default_rng(5)
    table = []
    for _ in range(FRAMES):
        image = scene(rng, light)
        table.append(frame_statistics(image, student.predict(image), TINY_SPACE))
    return reference_of(scalar_names(TINY_SPACE), np.array(table), 'bands')


def test_what_is_not_predicted_is_not_compared(tiny):
    """Where nobody listens to depth and confidence, light and labels are still watched."""
    card = replace(tiny.card, reference=reference(tiny))
    rng, monitor = np.random.default_rng(6), DriftMonitor(card)
    for number in range(40):
        assert monitor.update(scene(rng), Prediction(None, None, None), number / 10).state in ('waiting', 'home')
    for number in range(40, 90):
        last = monitor.update(scene(rng, 40), Prediction(None, None, None), number / 10)
    assert last.state == 'unlike' and 'brightness' in last.reason and 'confidence' not in last.reason


def test_one_test_beyond_is_no_alarm_and_one_within_does_not_end_it(tiny, monkeypatch):
    card = replace(tiny.card, reference=reference(tiny))
    monitor, rng = DriftMonitor(card), np.random.default_rng(7)
    scores = [0.0, 9.0, 0.0, 9.0, 9.0, 0.0, 0.4, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    want = ['home', 'home', 'home', 'home', *['unlike'] * 8, 'home', 'home']
    given = iter(scores)
    monkeypatch.setattr(drift._WindowTest, 'run', lambda *_: drift._Found(next(given), False, 'a instead of b'))
    found = []
    for number in range(drift.WINDOW + drift.EVERY * (len(scores) - 1)):
        state = monitor.update(scene(rng), Prediction(None, None, None), number / 10)
        if number >= drift.WINDOW - 1 and (number + 1 - drift.WINDOW) % drift.EVERY == 0:
            found.append(state.state)
    assert found == want


def test_fast_cameras_are_thinned_and_a_step_back_begins_anew(tiny):
    card = replace(tiny.card, reference=reference(tiny))
    monitor, rng = DriftMonitor(card), np.random.default_rng(8)
    for number in range(3 * drift.WINDOW + 20):
        state = monitor.update(scene(rng), tiny.predict(scene(rng)), number / 30)
    assert state.state == 'home' and state.since >= (drift.WINDOW - 1) / 10
    assert monitor.update(scene(rng), tiny.predict(scene(rng)), 0.5).state == 'waiting'


def test_a_card_without_reference_says_so(tiny):
    monitor, rng = DriftMonitor(tiny.card), np.random.default_rng(9)
    for number in range(60):
        state = monitor.update(scene(rng), tiny.predict(scene(rng)), number / 10)
    assert state.state == 'no reference' and '--reference' in state.reason and state.score is None


def test_the_distance_is_that_of_kolmogorov_and_smirnov():
    rng = np.random.default_rng(10)
    reference_values = rng.normal(size=4000)
    quantiles = np.quantile(reference_values, drift.LEVELS)
    for shift in (0.0, 0.5, 5.0):
        values = np.sort(rng.normal(shift, 1, 30))
        assert ks_distance(values, quantiles) == pytest.approx(ks_2samp(values, reference_values).statistic, abs=0.02)


def test_the_critical_distance_keeps_its_promise():
    """Independent samples of the same distribution are told apart less often than the significance says."""
    rng = np.random.default_rng(11)
    reference_values = rng.uniform(size=300)
    quantiles = np.quantile(reference_values, drift.LEVELS)
    limit = critical_distance(1, 300, independent=30)
    rejected = [ks_distance(np.sort(rng.uniform(size=30)), quantiles) > limit for _ in range(2000)]
    assert np.mean(rejected) <= 2 * drift.SIGNIFICANCE
    assert critical_distance(40, 300) > critical_distance(1, 300) > critical_distance(1, 300, 30)


@pytest.mark.parametrize(
    ('name', 'value', 'text'),
    [
        ('depth_50', np.log(12.0), '50 % of the image nearer than 12.0 m'), ('share_sky', 0.5, 'share of sky 25 %'),
        ('luma_top', 61.2, 'brightness of top 61'), ('confidence', 0.876, 'confidence 0.88'),
        ('camera_height', np.log(1.4), 'camera above the road 1.40 m'),
        ('brightness', 61.2, 'brightness 61'), ('height_traffic light', 0.5, 'height of traffic light 50 %'),
    ],
)  # fmt: skip
def test_numbers_are_said_in_words(name, value, text):
    assert in_words(name, value) == text
    assert text.endswith(in_words(name, value, named=False))


def test_a_student_of_masks_alone_notices_another_light(tmp_path):
    """Its reference lacks what it does not give; images and masks are enough."""
    masks = Student(save_tiny(tmp_path / 'masks.onnx', card=tiny_masks_card()), threads=1)
    names, rng = scalar_names(TINY_SPACE), np.random.default_rng(1)

    def images(bright, count):
        lights = rng.uniform(0.9, 1.1, count) * bright
        coarse = [np.clip(rng.normal(light, 40, (6, 8, 3)), 0, 255).astype(np.uint8) for light in lights]
        return [np.kron(blocks, np.ones((8, 8, 1), np.uint8)) for blocks in coarse]

    frames = [(image, masks.predict(image)) for image in images(150, FRAMES)]
    table = np.array([frame_statistics(*frame, TINY_SPACE) for frame in frames])
    reference = reference_of(names, table, 'bright')
    assert not {'confidence', 'depth_50'} & set(reference.quantiles) and 'share_red' in reference.quantiles
    monitor = DriftMonitor(replace(masks.card, reference=reference))
    assert states(monitor, frames[:40], 0.0)[-1].state == drift.HOME
    dark = [(image, masks.predict(image)) for image in images(60, 60)]
    assert states(monitor, dark, 4.0)[-1].state == drift.UNLIKE
