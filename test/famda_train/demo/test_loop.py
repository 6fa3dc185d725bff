# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The demo in small: every step for real, on a few frames and steps."""
import json
from dataclasses import replace

import pytest

from famda_ros.errors import FamdaError
from famda_ros.student.model_card import read_card
from famda_train.commands.demo import summary
from famda_train.commands.progress import progress_bar
from famda_train.demo import loop

TINY = loop.DemoSize(source=6, target=6, test=3, base_steps=4, steps=3, drive_s=1.0, drive_width=96, drive_height=48,
                     pictures=2)  # fmt: skip


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp('demo') / 'run'
    with progress_bar() as bar:
        return out, loop.run_demo(out, 0, TINY, bar)


def test_results_have_everything_that_the_readme_promises(finished):
    out, results = finished
    assert json.loads((out / 'results.json').read_text()) == results
    for name in loop.STUDENTS:
        score = results['adaptation'][name]
        assert {'miou', 'abs_rel', 'rmse', 'delta1', 'iou'} <= set(score) and score['frames'] == 3
    seconds = results['seconds']
    assert seconds['total'] == pytest.approx(sum(v for k, v in seconds.items() if k != 'total'), abs=0.1)


def test_every_sent_frame_is_answered_or_counted(finished):
    perception = finished[1]['perception']
    assert perception['frames_sent'] == 10 and perception['headers_equal'] and perception['every_frame_accounted']
    ended = perception['frames_answered'] + perception['frames_dropped'] + perception['frames_lost_after_node']
    assert perception['frames_sent'] == ended
    assert 0 < perception['latency_ms']['p50'] <= perception['latency_ms']['p99']


def test_products_are_there_and_named_at_the_end(finished):
    out, results = finished
    for name in ('report.html', 'night.onnx', 'night_drive/metadata.yaml', 'night_answers/metadata.yaml', 'night.png'):
        assert (out / name).is_file(), name
    assert not list(out.rglob('*.run'))  # no logs, no checkpoints to resume from
    text = summary(results, out)
    assert str(out / 'report.html') in text and f'{results["adaptation"]["famda"]["miou"]:.1f}' in text


def test_the_student_is_calibrated_on_days_that_it_was_not_trained_on(finished):
    card = read_card(finished[0] / 'night.onnx')
    assert card.ece['data'] == {'home': 'street-world day val', 'shifted': []} and card.temperature != 1
    assert card.reference is None  # six frames of the night are too few to know it


def test_target_is_unlabelled_and_seeds_do_not_meet(finished):
    out, _ = finished
    assert not (out / 'night' / 'labels').exists() and not (out / 'night' / 'depth').exists()
    seeds = [
        {json.loads(line)['extra']['seed'] for line in (out / name / 'frames.jsonl').read_text().splitlines()}
        for name in ('synthetic', 'night', 'test')
    ]
    assert not (seeds[0] & seeds[1] or seeds[0] & seeds[2] or seeds[1] & seeds[2])


def test_an_interrupted_demo_resumes_where_it_stopped(tmp_path, monkeypatch):
    out = tmp_path / 'run'

    def interrupted(*_):
        raise KeyboardInterrupt

    with progress_bar() as bar:
        with monkeypatch.context() as patch:
            patch.setattr(loop, '_fit_base', interrupted)
            with pytest.raises(KeyboardInterrupt):
                loop.run_demo(out, 0, TINY, bar)
        before = (out / 'night' / 'frames.jsonl').stat().st_mtime_ns
        monkeypatch.setattr(loop, '_fit_both', interrupted)
        with pytest.raises(KeyboardInterrupt):
            loop.run_demo(out, 0, TINY, bar)
    assert (out / 'base.ckpt').exists()
    assert (out / 'night' / 'frames.jsonl').stat().st_mtime_ns == before


def test_other_settings_and_foreign_folders_are_left_alone(tmp_path):
    out = tmp_path / 'run'
    loop.DemoFolder(out, {'seed': 0})
    with pytest.raises(FamdaError, match='other settings'):
        loop.DemoFolder(out, {'seed': 1})
    (tmp_path / 'foreign').mkdir()
    (tmp_path / 'foreign' / 'thesis.txt').touch()
    with pytest.raises(FamdaError, match='not empty'):
        loop.DemoFolder(tmp_path / 'foreign', {'seed': 0})
    assert (tmp_path / 'foreign' / 'thesis.txt').exists()


def test_the_default_demo_is_larger_than_the_tiny_one():
    assert all(getattr(loop.DemoSize(), key) >= value for key, value in vars(replace(TINY)).items())
