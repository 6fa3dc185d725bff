# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The reference of the drift monitor, written at export."""
import numpy as np
import pytest
from small_street import HEIGHT, WIDTH, write_checkpoint, write_street

from famda_ros.errors import FamdaError
from famda_ros.messages.camera_info import Intrinsics
from famda_ros.pipeline.frame_statistics import frame_statistics, scalar_names
from famda_ros.resources import resource
from famda_ros.student.model_card import read_card
from famda_ros.student.runtime import Student
from famda_train.commands import cli
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.datasets.street_world import StreetWorld
from famda_train.export.export_student import export_student
from famda_train.export.reference import drift_reference
from famda_train.world import render


def test_the_card_holds_what_frames_of_home_look_like(tmp_path):
    home = StreetWorld('street-world:day', frames=100, width=WIDTH, height=HEIGHT)
    checkpoint, out, seen = write_checkpoint(tmp_path / 'day.ckpt'), tmp_path / 'day.onnx', []
    export_student(checkpoint, out, home.images(2), reference=home, reference_progress=lambda *at: seen.append(at))
    assert seen == [(number, 100) for number in range(1, 101)]
    reference, student = read_card(out).reference, Student(out, provider='cpu')
    assert reference.frames == 100 and reference.data == 'street-world day train'
    assert reference == drift_reference(student, home)
    # The quantiles of what a robot would measure on the same frames, with their focal length.
    names, focal = scalar_names(student.card.label_space), home.frames[0].focal
    table = np.array([
        frame_statistics(
            image, student.predict(image, focal), student.card.label_space, Intrinsics.centred(focal, WIDTH, HEIGHT)
        )
        for image in home.images(100)
    ])  # fmt: skip
    for name in ('brightness', 'depth_50', 'confidence'):
        column = table[:, names.index(name)]
        np.testing.assert_allclose(
            [reference.quantiles[name][0], reference.quantiles[name][-1]], [column.min(), column.max()], rtol=1e-3
        )


@pytest.mark.slow
def test_the_height_of_the_camera_is_in_it_where_the_student_sees_a_road():
    home = StreetWorld('street-world:day', frames=100, width=192, height=96)
    student = Student(resource('models/street.onnx'), threads=1, provider='cpu')
    heights = np.exp(drift_reference(student, home).quantiles['camera_height'])
    true = np.array([frame.camera.y for frame in (render(seed, 'day', 192, 96) for seed in range(20))])
    assert 0.5 * true.min() < heights[len(heights) // 2] < 2 * true.max()


def test_few_frames_make_no_reference_and_are_refused_where_they_were_asked_for(tmp_path, capsys):
    checkpoint, street = write_checkpoint(tmp_path / 'night.ckpt'), write_street(tmp_path / 'night', 'night', 2)
    words = ['export', str(checkpoint), str(street), '--out', str(tmp_path / 'night.onnx')]
    assert cli.main([*words, '--reference', str(street)]) == cli.EXIT_ERROR
    assert 'has 2 frames; a reference needs 100 or more' in capsys.readouterr().err
    assert not (tmp_path / 'night.onnx').exists()
    assert cli.main(words) == cli.EXIT_OK
    assert 'no reference for the drift monitor' in capsys.readouterr().out
    assert read_card(tmp_path / 'night.onnx').reference is None
    with pytest.raises(FamdaError, match='needs 100'):
        export_student(checkpoint, tmp_path / 'x.onnx', [render(0, 'night', WIDTH, HEIGHT).image],
                       reference=FrameFolder(street))  # fmt: skip
    assert not (tmp_path / 'x.onnx').exists()
