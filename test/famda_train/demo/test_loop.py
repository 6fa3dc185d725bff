# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The demo in small: every step for real, on a few frames and steps."""
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from famda_ros.errors import FamdaError
from famda_ros.messages.bag_reader import iter_frames
from famda_ros.messages.triggered_recorder import RecorderSettings
from famda_ros.profiles.deployed_models import active
from famda_ros.student.model_card import read_card
from famda_train.adapt.adaptation import STEPS as ADAPT_STEPS
from famda_train.commands.demo import summary
from famda_train.commands.progress import progress_bar
from famda_train.datasets.render_to_disk import START_NS
from famda_train.demo import loop
from famda_train.demo.robot import PROFILE
from famda_train.demo.watch import watch_and_record

TINY = loop.DemoSize(source=6, test=3, home=100, target=6, base_steps=4, steps=3, home_s=3.5, night_s=6.0, pre_s=0.5,
                     post_s=1.5, drive_s=1.0, swap_after=2, drive_width=192, drive_height=96, pictures=2)  # fmt: skip

SETTINGS = RecorderSettings(pre_s=0.5, post_s=1.5)


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """Return (folder, results, what was said) of a whole demo in small."""
    out, said = tmp_path_factory.mktemp('demo') / 'run', []
    with progress_bar() as bars:
        return out, loop.run_demo(out, 0, TINY, bars, said.append), said


def test_results_have_everything_that_the_readme_promises(finished):
    out, results, _ = finished
    assert json.loads((out / 'results.json').read_text()) == results
    for name in loop.STUDENTS:
        score = results['adaptation'][name]
        assert {'miou', 'abs_rel', 'rmse', 'delta1', 'iou'} <= set(score) and score['frames'] == 3
    seconds = results['seconds']
    assert set(seconds) == {*loop.STEPS, 'total'}
    assert seconds['total'] == pytest.approx(sum(v for k, v in seconds.items() if k != 'total'), abs=0.1)


def test_the_night_is_noticed_and_recorded_around_the_alarm(finished):
    out, results, said = finished
    drift, recording = results['drift'], results['recording']
    assert 0 <= drift['detected_after_s'] <= 5 and drift['state'] == 'unlike'
    assert drift['reason'] in said[0] and "adapted to ('day')" in drift['reason']
    bag = Path(recording['bag'])
    assert bag.parent == out / 'recordings' and bag.name.endswith('_drift')
    assert recording['images'] == 21 and recording['bag_seconds'] == pytest.approx(2.0)
    stamps = [frame.stamp_ns for frame in iter_frames(bag)]
    alarm_ns = START_NS + round((TINY.home_s + drift['detected_after_s']) * 1e9)
    assert stamps[0] == alarm_ns - 500_000_000 and stamps[-1] == alarm_ns + 1_500_000_000


def test_who_stays_at_home_notices_and_records_nothing(finished, tmp_path):
    with pytest.raises(FamdaError, match='did not notice the night'):
        watch_and_record(finished[0] / 'day.onnx', finished[0] / 'into_the_night', tmp_path / 'new', 60.0, SETTINGS)
    assert [path.name for path in (tmp_path / 'new').iterdir()] == ['.lock']


def test_it_is_adapted_to_frames_of_that_bag_by_famda_adapt(finished):
    out, results, _ = finished
    adapted = json.loads((out / 'adaptation' / 'adapt.json').read_text())
    assert list(adapted['results']) == list(ADAPT_STEPS)
    assert adapted['settings']['sources'] == [results['recording']['bag']]
    frames = [json.loads(line) for line in (out / 'adaptation' / 'frames' / 'frames.jsonl').read_text().splitlines()]
    assert 1 <= len(frames) == results['recording']['frames'] <= TINY.target
    assert {frame['extra']['bag'] for frame in frames} == {Path(results['recording']['bag']).name}
    assert results['gate']['verdict'] == adapted['results']['report']['verdict']
    assert (out / 'night.onnx').read_bytes() == Path(adapted['results']['report']['model']).read_bytes()


def test_only_what_the_gate_promotes_reaches_the_robot(finished):
    out, results, _ = finished
    deployment, promoted = results['deployment'], results['gate']['verdict'] == 'promote'
    assert results['gate']['sabotaged_verdict'] in ('promote', 'hold', 'ask') and results['gate']['sabotaged_reasons']
    assert len(deployment['deployed']) == (2 if promoted else 1)
    if not promoted:
        assert 'the day student stays' in deployment['left_out'] and deployment['swapped_without_drop'] is None
        assert active(out / 'robot', PROFILE) == deployment['deployed'][0]


def test_every_sent_frame_is_answered_or_counted(finished):
    perception = finished[1]['perception']
    assert perception['frames_sent'] == 10 and perception['headers_equal'] and perception['every_frame_accounted']
    ended = perception['frames_answered'] + perception['frames_dropped'] + perception['frames_lost_after_node']
    assert perception['frames_sent'] == ended
    assert 0 < perception['latency_ms']['p50'] <= perception['latency_ms']['p99']


def test_products_are_there_and_named_at_the_end(finished):
    out, results, _ = finished
    for name in loop.PRODUCTS:
        assert (out / name).exists(), name
    assert sorted(path.name for path in out.iterdir()) == sorted((*loop.PRODUCTS, loop.STATE_FILE))
    assert not list(out.glob('*.run')) and not list(out.rglob('*last.ckpt'))  # no logs, no checkpoints to resume from
    text = summary(results, out)
    assert str(out / 'report.html') in text and f'{results["adaptation"]["famda"]["miou"]:.1f}' in text
    assert f'gate:  {results["gate"]["verdict"]} the adapted student' in text


def test_the_day_student_knows_its_home_and_is_calibrated_on_days_that_it_was_not_trained_on(finished):
    card = read_card(finished[0] / 'day.onnx')
    assert card.domain == 'day' and card.reference.frames == 100
    assert card.ece['data'] == {'home': 'street-world synthetic val', 'shifted': []} and card.temperature != 1


def test_without_ros_everything_but_the_node_is_done(finished, tmp_path):
    """The rest of a demo whose first ten steps are done already."""
    shutil.copytree(finished[0], tmp_path / 'run')
    (tmp_path / 'run' / 'results.json').unlink()
    state = json.loads((tmp_path / 'run' / loop.STATE_FILE).read_text())
    state['settings']['ros'] = False
    del state['results']['node']
    (tmp_path / 'run' / loop.STATE_FILE).write_text(json.dumps(state))
    said = []
    with progress_bar() as bars:
        results = loop.run_demo(tmp_path / 'run', 0, TINY, bars, said.append, ros=False)
    assert loop.WITHOUT_ROS in said and results['perception'] is None
    assert results['deployment']['swapped_without_drop'] is None and results['deployment']['left_out']
    assert not (tmp_path / 'run' / 'night_answers').exists() and (tmp_path / 'run' / 'robot' / 'street.yaml').exists()
    assert results['deployment']['left_out'] in summary(results, tmp_path / 'run')


def test_the_frames_of_the_recording_are_unlabelled_and_seeds_do_not_meet(finished):
    out = finished[0]
    frames = out / 'adaptation' / 'frames'
    assert not (frames / 'labels').exists() and not (frames / 'depth').exists()
    seeds = [
        {json.loads(line)['extra']['seed'] for line in (out / name / 'frames.jsonl').read_text().splitlines()}
        for name in ('synthetic', 'test')
    ]
    firsts = sorted((loop.SOURCE_SEED, loop.NIGHT_SEED, loop.HOME_SEED, loop.DRIVE_SEED, loop.TEST_SEED))
    assert not seeds[0] & seeds[1] and min(np.diff(firsts)) >= loop.SEED_STRIDE


def test_an_interrupted_demo_resumes_where_it_stopped(tmp_path, monkeypatch):
    out = tmp_path / 'run'

    def interrupted(*_):
        raise KeyboardInterrupt

    with progress_bar() as bar:
        with monkeypatch.context() as patch:
            patch.setattr(loop._Demo, '_fit_base', interrupted)
            with pytest.raises(KeyboardInterrupt):
                loop.run_demo(out, 0, TINY, bar)
        before = (out / 'test' / 'frames.jsonl').stat().st_mtime_ns
        monkeypatch.setattr(loop._Demo, '_export_day', interrupted)
        with pytest.raises(KeyboardInterrupt):
            loop.run_demo(out, 0, TINY, bar)
    assert (out / 'base.ckpt').exists()
    assert (out / 'test' / 'frames.jsonl').stat().st_mtime_ns == before


def test_other_settings_and_foreign_folders_are_left_alone(tmp_path):
    out = tmp_path / 'run'
    loop.open_demo(out, {'seed': 0})
    with pytest.raises(FamdaError, match='other settings'):
        loop.open_demo(out, {'seed': 1})
    (tmp_path / 'foreign').mkdir()
    (tmp_path / 'foreign' / 'thesis.txt').touch()
    with pytest.raises(FamdaError, match='not empty'):
        loop.open_demo(tmp_path / 'foreign', {'seed': 0})
    assert (tmp_path / 'foreign' / 'thesis.txt').exists()


def test_a_finished_demo_begins_anew_and_leaves_what_is_not_its_own(tmp_path):
    folder = loop.open_demo(tmp_path / 'run', {'seed': 0})
    folder.step('one', lambda: None)
    for name in ('results.json', 'base.ckpt', 'notes.txt'):
        (folder.path / name).touch()
    (folder.path / 'robot').mkdir()
    assert loop.open_demo(tmp_path / 'run', {'seed': 1}).state['results'] == {}
    assert sorted(path.name for path in folder.path.iterdir()) == [loop.STATE_FILE, 'notes.txt']


def test_the_default_demo_is_larger_than_the_tiny_one():
    assert all(getattr(loop.DemoSize(), key) >= value for key, value in vars(replace(TINY)).items())
