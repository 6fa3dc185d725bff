# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The bench on photographs in small: a miniature CamVid, a few steps, for real."""
import json
import shlex
import shutil

import pytest
from miniature_trees import write_camvid
from PIL import Image

from famda_ros.errors import FamdaError
from famda_train.bench import real
from famda_train.bench.real import RealBench, run_real
from famda_train.bench.real_plan import REAL_ROWS, RealPlan, RealSize
from famda_train.bench.trainings import Run
from famda_train.commands.bench_real import command
from famda_train.commands.cli import build_parser, command_module
from famda_train.commands.progress import progress_bar
from famda_train.evaluation.models import load_predictor
from famda_train.training.data_module import DataSource

TINY = RealSize(source=4, width=64, height=48, crop=(64, 48), base_steps=2, steps=2)
ROWS = ('source_only', 'source_only_continued', 'source_only_as_long', 'superpixels', 'oracle')


def run(out, plan):
    with progress_bar() as bar:
        return run_real(out, plan, 1, bar)


@pytest.fixture(scope='module')
def camvid(tmp_path_factory):
    root = tmp_path_factory.mktemp('camvid')
    write_camvid(root)
    return root


def test_rows_of_both_targets_and_resuming(camvid, tmp_path, one_process, monkeypatch):
    before = sorted(camvid.rglob('*'))
    plan = RealPlan(camvid, ROWS, ('day', 'dusk'), (0,), TINY)
    result = run(tmp_path / 'run', plan)
    found = [(row['target'], row['name']) for row in result['rows']]
    assert found == [('day', name) for name in ROWS] + [('dusk', name) for name in ROWS[:3]]
    assert all(0 <= row['miou'] <= 100 and row['abs_rel'] is None and row['seconds'] > 0 for row in result['rows'])
    # Depth is checked where the student was trained with depth; by day frames follow each other.
    checked = {row['target']: row['depth_checks'] for row in result['rows'] if row['name'] == 'source_only'}
    assert checked['day']['stability']['pairs'] + checked['day']['stability']['skipped'] == 1
    assert checked['day']['teacher']['abs_rel'] > 0 and checked['dusk'] is None
    assert len(result['rows'][0]['iou']) == 7 and len(result['rows'][-1]['iou']) == 11
    assert result['scored_on'] == {
        'day': "2 frames of CamVid's day_val, 7 classes", 'dusk': "2 frames of CamVid's dusk_val, 11 classes",
    }  # fmt: skip
    fair, as_long = (row for row in result['rows'][1:3])
    assert fair['seconds'] == as_long['seconds'] and fair['iou'] != as_long['iou']  # one training, other statistics
    assert json.loads(json.dumps(result)) == result
    assert sorted(camvid.rglob('*')) == before  # nothing was written beside the data

    assert result['pictures'] == []  # without FAMDA there is nothing to compare
    drawn_and_exported_with_both_students(tmp_path / 'run', plan, monkeypatch)

    state = tmp_path / 'run' / 'real.json'
    cut = json.loads(state.read_text())
    cut['rows'] = cut['rows'][:-1]
    state.write_text(json.dumps(cut))
    base = tmp_path / 'run' / 'checkpoints' / 'seed0' / 'dusk' / 'base.ckpt'
    written = base.stat().st_mtime_ns
    assert run(tmp_path / 'run', plan)['rows'] == result['rows']
    assert base.stat().st_mtime_ns == written  # scored again, not trained again


def drawn_and_exported_with_both_students(out, plan, monkeypatch):
    """Use the student with superpixels as FAMDA's, which needs weights that are not everywhere."""
    bench = RealBench(out, plan)
    shutil.copy(bench.scored_checkpoint(('superpixels', 'day', 0)), bench.scored_checkpoint(('full', 'day', 0)))
    row = bench.folder.row(('superpixels', 'day', 0))
    bench.folder.state['rows'].append({**row, 'name': 'full'})  # in memory only
    whole, students = [Image.open(path) for path in bench.draw('day', 0)]
    assert whole.width > 1.8 * students.width and whole.height == students.height
    assert bench.draw('dusk', 0) == []

    exported = []  # test_export.py exports for real, which takes far longer than all trainings here
    monkeypatch.setattr(real, 'export_student', lambda *args, **options: exported.append((*args, options)))
    assert bench.export('day', out) == out / 'camvid_day.onnx' and bench.export('dusk', out) is None
    ((checkpoint, path, images, options),) = exported
    assert path == out / 'camvid_day.onnx' and options['weights'] == 'fp16'
    assert {**options['metrics'], 'iou': None} == {
        'data': 'camvid day_val', 'frames': 2, 'protocol': 'metric', 'miou': row['miou'], 'iou': None,
    }  # fmt: skip
    assert [image.shape for image in images] == [(48, 64, 3)] * real.PROBES  # rendered, not photographs
    assert 'CC BY-NC 4.0' in load_predictor(checkpoint)[1].licence


def test_only_the_oracle_reads_labels_of_the_target(camvid, tmp_path):
    plan = RealPlan(camvid, REAL_ROWS, ('day', 'dusk'), (0,), TINY)
    bench = RealBench(tmp_path / 'run', plan)
    for row in REAL_ROWS:
        arguments = bench.arguments(bench.run_of((row, 'day', 0)))
        (source,) = (word.removeprefix('--data.source=') for word in arguments if word.startswith('--data.source='))
        assert ('day_train' in source) == (row == 'oracle')
    target = DataSource(**bench.where('dusk', 'target', 0)).open()
    assert target.path == camvid and not target.has('labels') and len(target) == 2
    teachers = [word for word in bench.arguments(Run('full', 0, 'dusk')) if word.startswith(('--data.m', '--data.d'))]
    assert teachers == ['--data.masks=sam-onnx', '--data.depth=street-world']


@pytest.mark.parametrize(
    ('changes', 'sentence'),
    [
        ({'rows': ('depth',)}, "unknown row 'depth'"),
        ({'targets': ('night',)}, "unknown target 'night'"),
        ({'seeds': ()}, 'nothing to do'),
        ({'seeds': (11,)}, 'seeds go from 0 to 9'),
    ],
)
def test_impossible_plans_are_refused(camvid, tmp_path, changes, sentence):
    plan = RealPlan(**{'data': camvid, 'rows': ROWS, 'targets': ('day',), 'seeds': (0,), 'size': TINY, **changes})
    with pytest.raises(FamdaError, match=sentence):
        RealBench(tmp_path / 'run', plan)
    assert not (tmp_path / 'run').exists()


def test_missing_data_and_other_settings_are_refused(camvid, tmp_path):
    shutil.copytree(camvid / 'day_val', tmp_path / 'half' / 'day_val')
    with pytest.raises(FamdaError, match="has no folder 'day_train/images'"):
        RealBench(tmp_path / 'run', RealPlan(tmp_path / 'half', ROWS, ('day',), (0,), TINY))
    RealBench(tmp_path / 'run', RealPlan(camvid, ROWS, ('day',), (0,), TINY))
    with pytest.raises(FamdaError, match='other settings'):
        RealBench(tmp_path / 'run', RealPlan(camvid, ROWS, ('day',), (0,)))


def test_the_recorded_command_measures_the_same():
    words = shlex.split(command('my data', 'runs/b', ('day',), (0, 4), ('full',), 'small'))
    assert words[:3] == ['famda', 'bench', 'real']
    parsed = build_parser('bench real', command_module('bench real')).parse_args(words[3:])
    assert (parsed.data, parsed.out, parsed.targets, parsed.seeds) == ('my data', 'runs/b', ['day'], [0, 4])
    assert (parsed.rows, parsed.size) == (['full'], 'small')
