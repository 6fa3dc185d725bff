# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import cv2
import pytest
from recordings import picture, write_mcap
from seen_rrd import rows
from small_street import write_labelled_street
from tiny_student import save_tiny

from famda_ros.errors import FamdaError
from famda_ros.pipeline.offline import perceive
from famda_train.commands.cli import main
from famda_train.commands.view import open_view
from famda_train.inspection.viewing import Faults


def test_everything_there_is_to_see(tmp_path, capsys):
    model = save_tiny(tmp_path / 'tiny.onnx')
    drive = write_mcap(tmp_path / 'drive', 3)
    perceive(drive, model, tmp_path / 'answers')
    street = write_labelled_street(tmp_path / 'street', 'night', 2)
    (tmp_path / 'photos').mkdir()
    cv2.imwrite(str(tmp_path / 'photos' / 'a.png'), picture(0))
    for what, options, frames, entities in (
        (drive, ['--model', str(model)], 3, {'/image', '/student/labels', '/student/depth', '/student/points'}),
        (drive / 'drive.mcap', [], 3, {'/image'}),
        (tmp_path / 'answers', [], 3, {'/answers/labels', '/answers/confidence', '/answers/depth', '/answers/points'}),
        (street, [], 2, {'/image', '/ground_truth/labels', '/ground_truth/depth', '/masks-felzenszwalb/segments'}),
        (street / 'teachers' / 'depth-street-world', [], 2, {'/image', '/depth-street-world/depth'}),
        (tmp_path / 'photos', [], 1, {'/image'}),
    ):
        save = tmp_path / 'out.rrd'
        assert main(['view', str(what), '--save', str(save), '--json', str(tmp_path / 'result.json'), *options]) == 0
        have = rows(save)
        assert {entity: have.get(entity) for entity in entities} == dict.fromkeys(entities, frames)
        assert json.loads((tmp_path / 'result.json').read_text())['frames'] == frames
        assert f'{frames} frames -> {save}; look at it with: rerun {save}' in capsys.readouterr().out
        save.unlink()


def test_what_cannot_be_seen_is_refused_in_a_sentence(tmp_path, capsys, monkeypatch):
    drive = write_mcap(tmp_path / 'drive', 1)
    assert main(['view', str(tmp_path / 'nothing'), '--save', str(tmp_path / 'out.rrd')]) == 2
    said = capsys.readouterr().err
    assert said == f"famda view: '{tmp_path}/nothing' does not exist; give a bag or a folder of images\n"
    for name in ('DISPLAY', 'WAYLAND_DISPLAY'):
        monkeypatch.delenv(name, raising=False)
    assert main(['view', str(drive)]) == 2
    assert 'there is no display for the viewer' in capsys.readouterr().err
    write_labelled_street(tmp_path / 'street', 'night', 1)
    with pytest.raises(FamdaError, match='is no bag and has no topics; leave --topic out'):
        open_view(tmp_path / 'street', '/image', Faults())
    assert not (tmp_path / 'out.rrd').exists()


def test_the_camera_images_of_a_bag_with_answers(tmp_path):
    """With the name of the image topic it is read as a recording."""
    model = save_tiny(tmp_path / 'tiny.onnx')
    perceive(write_mcap(tmp_path / 'drive', 2), model, tmp_path / 'answers', with_images=True)
    assert open_view(tmp_path / 'answers', None, Faults()).parts
    assert not open_view(tmp_path / 'answers', '/cam/image/compressed', Faults()).parts
