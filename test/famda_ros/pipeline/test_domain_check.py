# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What a recording looks like to a student, told by `famda doctor RECORDING --model FILE`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny_student import FOCAL, HEIGHT, TINY_SPACE, WIDTH, save_tiny, tiny_card

from famda_ros.errors import FamdaError
from famda_ros.messages.bag_writer import BagWriter
from famda_ros.pipeline.domain_check import check_domain
from famda_ros.pipeline.frame_statistics import frame_statistics, scalar_names
from famda_ros.student.drift_reference import reference_of
from famda_ros.student.runtime import Student

STAMP, COUNT = 10**12, 60


def scene(kind, rng, number):
    image = np.full((HEIGHT, WIDTH, 3), 90.0) + rng.normal(0, 5) + rng.normal(0, 2, (HEIGHT, WIDTH, 3))
    image[: HEIGHT // 2] += 100
    if kind == 'unlike':
        image *= 0.3
    elif kind == 'black':
        image *= 0.01
    elif kind == 'noise':
        image = rng.uniform(0, 255, image.shape)
    elif kind == 'frozen':
        image = np.fromfunction(lambda row, column, channel: 90 + 2 * row + 0 * column * channel, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def write(path, *kinds):
    rng = np.random.default_rng(3)
    with BagWriter(path) as bag:
        for number in range(COUNT * len(kinds)):
            image = scene(kinds[number // COUNT], rng, number)
            bag.write_image('/cam/image', STAMP + number * 10**8, 'optical', image)
            bag.write_camera_info('/cam/camera_info', STAMP + number * 10**8, 'optical', WIDTH, HEIGHT, FOCAL)
    return path


@pytest.fixture
def model(tmp_path):
    plain = Student(save_tiny(tmp_path / 'plain.onnx'), provider='cpu')
    rng = np.random.default_rng(5)
    images = [scene('home', rng, number) for number in range(120)]
    table = np.array([frame_statistics(image, plain.predict(image), TINY_SPACE) for image in images])
    reference = reference_of(scalar_names(TINY_SPACE), table, 'bands')
    return save_tiny(tmp_path / 'noon.onnx', card=tiny_card(reference=reference, domain='noon'))


@pytest.mark.parametrize('kind', ['home', 'unlike', 'black', 'noise', 'frozen'])
def test_every_kind_of_recording_has_its_name(model, tmp_path, kind):
    steps = []
    found = check_domain(write(tmp_path / 'bag', kind), model, on_progress=lambda *at: steps.append(at))
    assert (found.verdict, found.frames, steps[-1]) == (kind, COUNT, (COUNT, COUNT))
    assert sum(found.states.values()) == COUNT and not found.losses
    assert bool(found.problems) == (kind != 'home')
    assert kind != 'home' or found.sentence == "looks like what this student was adapted to ('noon')"


def test_a_few_seconds_of_something_else_are_told_beside_the_verdict(model, tmp_path):
    found = check_domain(write(tmp_path / 'bag', 'home', 'home', 'home', 'black'), model)
    assert found.verdict == 'home' and len(found.problems) == 1
    assert 'of 240 frames: the images are black' in found.problems[0]


def test_fast_cameras_are_looked_at_ten_times_a_second(model, tmp_path):
    with BagWriter(tmp_path / 'fast') as bag:
        rng = np.random.default_rng(4)
        for number in range(3 * COUNT):
            bag.write_image('/cam/image', STAMP + number * 10**9 // 30, 'optical', scene('home', rng, number))
    found = check_domain(tmp_path / 'fast', model)
    assert found.frames == 3 * COUNT and found.verdict == 'home'


def test_short_recordings_and_students_without_a_reference_are_told(model, tmp_path):
    with BagWriter(tmp_path / 'short') as bag:
        bag.write_image('/cam/image', STAMP, 'optical', scene('home', np.random.default_rng(1), 0))
    found = check_domain(tmp_path / 'short', model)
    assert found.verdict == 'waiting' and '1 frames are too few to tell' in found.sentence and not found.problems
    found = check_domain(write(tmp_path / 'bag', 'unlike'), tmp_path / 'plain.onnx')
    assert found.verdict == 'no reference' and '--reference' in found.sentence
    with BagWriter(tmp_path / 'empty') as bag:
        bag.write_camera_info('/cam/camera_info', STAMP, 'optical', WIDTH, HEIGHT, FOCAL)
    with pytest.raises(FamdaError):
        check_domain(tmp_path / 'empty', model)


def test_doctor_says_it_and_ends_with_a_problem(model, tmp_path, capsys):
    pytest.importorskip('jsonargparse', reason='the workspace ([train]) is not installed')
    from famda_train.commands.cli import main

    home, night, result = write(tmp_path / 'home', 'home'), write(tmp_path / 'night', 'unlike'), tmp_path / 'r.json'
    assert main(['doctor', str(home), '--model', str(model)]) == 0
    assert f"{home}: home: looks like what this student was adapted to ('noon')" in capsys.readouterr().out
    assert main(['doctor', str(home), str(night), '--model', str(model), '--json', str(result)]) == 1
    said = capsys.readouterr().out
    assert f"{night}: unlike: looks unlike what this student was adapted to ('noon'): " in said
    assert '1 problem found' in said
    written = json.loads(result.read_text())
    assert [check['verdict'] for check in written['recordings']] == ['home', 'unlike'] and len(written['problems']) == 1
    assert main(['doctor', '--model', str(model)]) != 0
    assert '--model needs recordings' in capsys.readouterr().err
