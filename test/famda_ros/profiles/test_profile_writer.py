# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from famda_ros.errors import FamdaError
from famda_ros.profiles.profile_file import load_profile
from famda_ros.profiles.profile_writer import write_depth_scale
from famda_ros.resources import DEFAULT_MODEL, resolve

OTHERS = {'min_confidence': 0.4, 'exposure.target_brightness': 90.0}
EXPOSURE = 'exposure:\n  target_brightness: 90.0\n'
BLOCKS = {
    'without': f'min_confidence: 0.4   # mine\n{EXPOSURE}',
    'at the end': f'min_confidence: 0.4\n{EXPOSURE}depth:\n  scale: 0.7',
    'in the middle': f'min_confidence: 0.4\ndepth:  # of the campus\n\n    # tape\n    scale: 0.7  # old\n{EXPOSURE}',
    'with a comment of that name': f'# depth:\n#   scale: 3.0\nmin_confidence: 0.4\n{EXPOSURE}',
    'without a last line break': 'exposure: {target_brightness: 90.0}\nmin_confidence: 0.4',
}


@pytest.mark.parametrize('model', [DEFAULT_MODEL, str(resolve(DEFAULT_MODEL))])
def test_a_new_profile_names_the_model(tmp_path, model):
    path = write_depth_scale(tmp_path / 'campus.yaml', 1.23456, model)
    profile = load_profile(path)
    assert profile.model is not None and profile.model.samefile(resolve(DEFAULT_MODEL))
    assert dict(profile.overrides) == {'depth.scale': 1.235}


def test_a_relative_model_is_found_from_anywhere(tmp_path, monkeypatch):
    (tmp_path / 'night: mine.onnx').touch()
    (tmp_path / 'profiles').mkdir()
    monkeypatch.chdir(tmp_path)
    profile = load_profile(write_depth_scale('profiles/night.yml', 0.9, 'night: mine.onnx'))
    assert profile.model == tmp_path / 'night: mine.onnx'


@pytest.mark.parametrize('before', BLOCKS.values(), ids=BLOCKS)
def test_all_else_in_a_profile_stays(tmp_path, before):
    path = tmp_path / 'mine.yaml'
    path.write_text(before)
    with pytest.raises(FamdaError, match=r'exists; choose another --out, or set depth\.scale in it with --overwrite'):
        write_depth_scale(path, 1.1, DEFAULT_MODEL)
    assert path.read_text() == before
    write_depth_scale(path, 1.1, DEFAULT_MODEL, overwrite=True)
    profile, after = load_profile(path), path.read_text()
    assert dict(profile.overrides) == {**OTHERS, 'depth.scale': 1.1} and profile.model is None
    kept = [line for line in before.splitlines() if not line.strip().startswith('scale:')]
    assert [line for line in kept if line not in after.splitlines()] == []
    assert [line for line in before.splitlines() if '#' in line and line.partition('#')[2] not in after] == []


def test_what_cannot_be_changed_safely_is_left_alone(tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text('{depth: {scale: 0.7}, min_confidence: 0.4}\n')
    with pytest.raises(FamdaError, match=r'cannot be changed here; put depth: \{scale: 1.1\} into it'):
        write_depth_scale(path, 1.1, DEFAULT_MODEL, overwrite=True)
    assert path.read_text() == '{depth: {scale: 0.7}, min_confidence: 0.4}\n'


@pytest.mark.parametrize(
    ('name', 'content', 'sentence'),
    [
        ('mine.txt', None, 'a profile is a .yaml or .yml file'),
        ('gone/mine.yaml', None, 'does not exist; make it'),
        ('mine.yaml', 'colour: red\n', "unknown key 'colour'"),
        ('mine.yaml', 'model: other.onnx\n', "is for the model '.*other.onnx', and a scale belongs to one student"),
    ],
)
def test_refused(tmp_path, name, content, sentence):
    (tmp_path / 'other.onnx').touch()
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(FamdaError, match=sentence):
        write_depth_scale(path, 1.1, DEFAULT_MODEL, overwrite=True)
    assert (path.read_text() if path.is_file() else None) == content
