# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""One command from a recording to a student; killed in any step, the next run completes it and repeats no other."""
from __future__ import annotations

import json
import random
import re
import signal
from pathlib import Path

import pytest
from adaptation_runs import FRAMES, run, run_and_die, write_parts
from html_page import Page
from small_street import write_street

from famda_ros.errors import FamdaError
from famda_ros.files import LEFT, sha256_of
from famda_ros.profiles.profile_file import load_profile
from famda_ros.student.model_card import read_card
from famda_train.adapt.adaptation import FEWEST_STEPS, STEPS, _Adaptation
from famda_train.datasets.frame_folder import FrameFolder

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def parts(tmp_path_factory):
    return write_parts(tmp_path_factory.mktemp('parts'))


@pytest.fixture(scope='module')
def adapted(parts):
    """Return (folder, result, what was said) of an undisturbed run."""
    said = []
    return parts / 'run', run(parts, parts / 'run', said.append), said


def state_of(out):
    return json.loads((out / 'adapt.json').read_text())


def test_a_recording_becomes_a_student_with_a_verdict(adapted):
    out, result, said = adapted
    assert result['verdict'] in ('promote', 'hold', 'ask') and result['reasons']
    assert result['frames'] == FRAMES and result['steps'] == 4
    card = read_card(result['model'])
    assert card.domain == 'night' and card.metrics['gate']['verdict'] == result['verdict']
    model = Path(result['model'])
    assert model.name.startswith('night-2') and sha256_of(out / 'student.ckpt')[:8] in model.name
    assert said[0].startswith('masks by felzenszwalb, depth by the student itself')
    assert json.loads((out / 'compare.json').read_text())['verdict'] == result['verdict']
    assert set(result['seconds']) == set(STEPS) - {'report'}
    page = Page(Path(result['report']).read_text())
    drawn = [attrs['aria-label'] for tag, attrs in page.tags if tag == 'svg']
    assert any(label.startswith('loss from step 0 to 3') for label in drawn), drawn
    assert f'famda compare {result["base"]} {result["checkpoint"]} {out / "frames"}' in page.text


def test_a_finished_run_returns_its_result_and_does_nothing(adapted, parts):
    out, result, _ = adapted
    before = {path: path.read_bytes() for path in out.rglob('*') if path.is_file()}
    assert run(parts, out) == result
    assert {path: path.read_bytes() for path in out.rglob('*') if path.is_file()} == before


def test_other_settings_never_overwrite_a_run(adapted, parts):
    out, _, _ = adapted
    with pytest.raises(FamdaError, match='other settings; choose another --out'):
        run(parts, out, steps=5)


@pytest.mark.timeout(1200)
def test_killed_in_every_step_it_completes_and_repeats_no_other(adapted, parts):
    _, undisturbed, _ = adapted
    out, generator = parts / 'killed', random.Random(7)
    for step in STEPS:
        before = state_of(out) if (out / 'adapt.json').exists() else {'results': {}}
        seconds = undisturbed['seconds'].get(step, 1.0)
        assert run_and_die(parts, out, step, generator.uniform(0, seconds)) == -signal.SIGKILL
        begun = state_of(out)['begun']
        assert all(begun[name] == before['begun'][name] for name in before['results']), 'a finished step was repeated'
    result = run(parts, out)
    state = state_of(out)
    assert state['running'] is None and list(state['results']) == list(STEPS)
    for key in ('frames', 'steps', 'left_out', 'teachers'):
        assert result[key] == undisturbed[key]
    frames = [FrameFolder(path / 'frames').frames for path in (out, parts / 'run')]
    assert [frame.extra['sha256'] for frame in frames[0]] == [frame.extra['sha256'] for frame in frames[1]]
    assert read_card(result['model']).label_space == read_card(undisturbed['model']).label_space
    leftovers = [path.name for path in out.iterdir() if 'probe' in path.name or LEFT.fullmatch(path.name)]
    assert leftovers == []


def test_only_what_is_promoted_gets_a_profile(adapted, parts):
    _, result, _ = adapted
    model = Path(result['model'])
    adaptation = _Adaptation.__new__(_Adaptation)
    adaptation._name = 'night'
    assert adaptation._profile(model, {'verdict': 'hold'}) is None
    profile = load_profile(adaptation._profile(model, {'verdict': 'promote'}))
    assert profile.model == model and profile.recording_tags == {'domain': 'night'}


def test_a_frame_folder_is_adapted_to_as_it_is(parts, tmp_path):
    frames = write_street(tmp_path / 'frames', 'night', 4, first=700, truth=False)
    before = (frames / 'frames.jsonl').read_bytes()
    said = []
    result = run(parts, tmp_path / 'out', said.append, sources=[frames], name='dusk', steps=None, minutes=1e-4)
    assert result['steps'] == FEWEST_STEPS  # there is time for none
    assert any(re.fullmatch(rf'4 frames, {FEWEST_STEPS} steps of \d+\.\d\d s', sentence) for sentence in said)
    assert result['frames'] == 4 and Path(result['model']).name.startswith('dusk-')
    assert (frames / 'frames.jsonl').read_bytes() == before and not (tmp_path / 'out' / 'frames').exists()


def test_labels_of_some_frames_are_learnt_and_decide_which_run_it_is(parts, tmp_path):
    frames = write_street(tmp_path / 'frames', 'night', 4, first=700)
    labels = sorted((frames / 'labels').iterdir())
    kept = [path.read_bytes() for path in labels]
    for path in labels[:2]:
        path.unlink()
    said = []
    result = run(parts, tmp_path / 'out', said.append, sources=[frames], labels=str(frames))
    assert '4 frames, 2 labelled ones, 4 steps' in said and result['labelled'] == 2
    assert read_card(result['model']).provenance['target_labels_frames'] == 2
    assert f'--data.target_labels={frames}' in dict(result['commands'])['The training']
    assert 'labelled frames' in Page(Path(result['report']).read_text()).text
    assert run(parts, tmp_path / 'out', sources=[frames], labels=str(frames)) == result
    labels[0].write_bytes(kept[0])  # one more frame was labelled
    with pytest.raises(FamdaError, match='other settings; choose another --out'):
        run(parts, tmp_path / 'out', sources=[frames], labels=str(frames))


def test_labels_that_cannot_be_learnt_are_refused_before_anything_is_written(parts, tmp_path):
    bare = write_street(tmp_path / 'bare', 'night', 2, truth=False)
    with pytest.raises(FamdaError, match=r"bare' has no labels"):
        run(parts, tmp_path / 'out', labels=str(bare))
    other = write_street(tmp_path / 'other', 'night', 2)
    info = other / 'dataset.yaml'
    info.write_text(info.read_text().replace('flat7', 'densemtl7'))
    with pytest.raises(FamdaError, match=r"other' is labelled in densemtl7, the student in flat7; label frames"):
        run(parts, tmp_path / 'out', labels=str(other))
    with pytest.raises(FamdaError, match=r"nowhere' is no folder"):
        run(parts, tmp_path / 'out', labels=str(tmp_path / 'nowhere'))
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'minutes': 0.0}, '--minutes'),
        ({'steps': 0}, '--steps'),
        ({'count': 0}, '--count'),
        ({'base': 'nowhere.ckpt'}, "no checkpoint 'nowhere.ckpt'"),
        ({'config': 'nowhere.yaml'}, "no training configuration 'nowhere.yaml'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(changes, said, parts, tmp_path):
    with pytest.raises(FamdaError, match=said):
        run(parts, tmp_path / 'out', **changes)
    assert not (tmp_path / 'out').exists()
