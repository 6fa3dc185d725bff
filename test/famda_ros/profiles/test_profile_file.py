# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from famda_ros.errors import FamdaError
from famda_ros.profiles.profile_file import SETTINGS, load_profile, parse_profile

NIGHT = """
model: night.onnx
min_confidence: 0.4
max_rate_hz: 10
exposure: {target_brightness: 90.0}
recording:
  tags: {domain: night, place: yard}
"""


def write(folder: Path, text: str, name: str = 'night.yaml') -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_a_profile_is_read(tmp_path):
    (tmp_path / 'night.onnx').touch()
    path = write(tmp_path, NIGHT)
    for profile in (load_profile('night', tmp_path), load_profile(path), load_profile(str(path))):
        assert (profile.name, profile.path, profile.model) == ('night', path, tmp_path / 'night.onnx')
        assert profile.overrides == {
            'min_confidence': 0.4,
            'max_rate_hz': 10.0,
            'exposure.target_brightness': 90.0,
        }
        assert profile.recording_tags == {'domain': 'night', 'place': 'yard'}


def test_what_is_left_out_stays_as_the_node_has_it(tmp_path):
    profile = load_profile(write(tmp_path, '# nothing yet\n'))
    assert (profile.model, profile.overrides, profile.recording_tags) == (None, {}, {})


@pytest.mark.parametrize('name', ['day', 'night'])
def test_the_installed_profiles_are_valid(name):
    profile = load_profile(name)
    assert profile.name == name and profile.recording_tags['domain'] == name


def test_what_a_profile_may_set():
    exposure = {'exposure.target_brightness', 'exposure.max_gamma'}
    assert set(SETTINGS) == {'depth.scale', 'min_confidence', 'max_rate_hz', 'max_age_ms'} | exposure
    for parameter in SETTINGS.values():
        assert parameter.live and None not in (parameter.minimum, parameter.maximum)


def test_every_key_that_the_installed_profiles_suggest_is_one():
    """What they show in comments must work when the comment signs are taken away."""
    text = load_profile('night').path.read_text()
    lines = [line.removeprefix('# ') for line in text.splitlines() if line.startswith('#')]
    keys = {'model', 'depth', 'exposure', *SETTINGS, *(name.partition('.')[2] for name in SETTINGS)}
    settings_only = [line for line in lines if line.strip().partition(':')[0] in keys and not line.startswith('model')]
    content = yaml.safe_load('\n'.join(settings_only))
    assert content
    assert set(parse_profile(content, Path('x.yaml')).overrides) == set(SETTINGS)


def test_where_a_model_may_be(tmp_path):
    (tmp_path / 'models').mkdir()
    model = tmp_path / 'models' / 'm.onnx'
    model.touch()
    assert load_profile(write(tmp_path, 'model: models/m.onnx')).model == model
    assert load_profile(write(tmp_path, f'model: {model}')).model == model
    in_package = load_profile(write(tmp_path, 'model: package://famda_ros/config/perception.yaml')).model
    assert in_package is not None and in_package.name == 'perception.yaml' and in_package.is_file()


@pytest.mark.parametrize(
    ('text', 'sentence'),
    [
        ('min_confidenc: 0.4', "unknown key 'min_confidenc' .*; the keys are model, max_rate_hz, max_age_ms"),
        ('exposure: {gamma: 2}', "unknown key 'gamma' in 'exposure'.*; the keys are target_brightness, max_gamma"),
        ('recording: {tag: {}}', "unknown key 'tag' in 'recording'.*; the keys are tags"),
        ('min_confidence: 40', 'must be a number from 0 to 1, not 40'),
        ('min_confidence: true', 'must be a number from 0 to 1, not True'),
        ('max_rate_hz: .nan', 'must be a number from 0 to 1000, not nan'),
        ('max_age_ms: fast', "must be a number from 0 to 3.6e.06, not 'fast'"),
        ('exposure: 90', "'exposure' in the profile .* must hold 'key: value' lines"),
        ('exposure:', "'exposure' in the profile .* must hold 'key: value' lines"),
        ('recording: {tags: {hour: 22}}', "must be texts, not 'hour': 22; put them in quotes"),
        ('recording: {tags: [a]}', "'recording.tags' .* must hold"),
        ('model: 3', "'model' .* must be the path of an .onnx file, not 3"),
        ("model: ''", "'model' .* must be the path"),
        ('model: missing.onnx', "missing.onnx' of the profile .* does not exist"),
        ('model: package://famda_ros/missing.onnx', "'missing.onnx' of famda_ros is not installed"),
        ('- model', "must hold 'key: value' lines"),
        ('day', "must hold 'key: value' lines"),
        ('a: [', 'cannot be read'),
        ('a: 2026-99-99', 'cannot be read'),
        (f'model: {"x" * 5000}.onnx', 'does not exist'),
        ('model: ~nobody-here/x.onnx', 'does not exist'),
        ('model: "a\\0b.onnx"', 'does not exist'),
        ('a: !!python/object:os.system {}', 'cannot be read'),
    ],
)
def test_mistakes_are_named_in_one_sentence(tmp_path, text, sentence):
    with pytest.raises(FamdaError, match=sentence) as error:
        load_profile(write(tmp_path, text))
    assert '\n' not in str(error.value)


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / 'x.yaml').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(FamdaError, match='cannot be read'):
        load_profile(tmp_path / 'x.yaml')


def test_unknown_profiles(tmp_path):
    write(tmp_path, '', 'fog.yaml')
    with pytest.raises(FamdaError, match="unknown profile 'dusk'; choose one of fog, or give the path"):
        load_profile('dusk', tmp_path)
    with pytest.raises(FamdaError, match='choose one of day, night'):
        load_profile('dusk')
    for path in (tmp_path / 'dusk.yaml', tmp_path, '~nobody-here/x.yaml', '/' + 5000 * 'x', '/a\0b', '/'):
        with pytest.raises(FamdaError, match='does not exist'):
            load_profile(path)


@settings(max_examples=300)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(['model', 'min_confidence', 'exposure', 'recording', 'tags', 'max_gamma'])
                | st.text(max_size=3),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    )
)
def test_whatever_a_file_holds_it_is_a_profile_or_a_sentence(content):
    try:
        profile = parse_profile(content, Path('/nowhere/x.yaml'))
    except FamdaError as error:
        assert str(error)
    else:
        for name, value in profile.overrides.items():
            assert SETTINGS[name].minimum <= value <= SETTINGS[name].maximum
