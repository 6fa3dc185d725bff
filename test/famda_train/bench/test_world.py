# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The bench in small: a few frames and steps, for real."""
import json
import shlex
from dataclasses import replace
from itertools import pairwise

import pytest
from small_street import HEIGHT, WIDTH

from famda_ros.errors import FamdaError
from famda_train.bench import trainings, world
from famda_train.bench.rows import FEW_LABELS, ROWS, TRAININGS, read_recipe, training_arguments
from famda_train.bench.world import FAMDA_CONFIG, SCENES, SEED_STRIDE, SOURCE_CONFIG, BenchSize, Plan, run_world
from famda_train.commands.bench_world import command
from famda_train.commands.cli import build_parser, command_module
from famda_train.commands.progress import progress_bar
from famda_train.datasets.frame_folder import FrameFolder

TINY = BenchSize(source=5, target=4, test=2, width=WIDTH, height=HEIGHT, base_steps=4, steps=3)
PLAN = Plan(('source_only', 'source_only_continued', 'full'), ('night',), (0,), size=TINY)


def bench(out, plan, jobs=2):
    with progress_bar() as bar:
        return run_world(out, plan, jobs, bar)


def scores(result):
    return [{key: value for key, value in row.items() if key != 'seconds'} for row in result['rows']]


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp('bench') / 'run'
    return out, bench(out, PLAN)


def test_every_row_is_scored_in_the_order_of_the_table(finished):
    _, result = finished
    assert [row['name'] for row in result['rows']] == list(PLAN.rows)
    for row in result['rows']:
        assert {'name', 'target', 'seed', 'miou', 'abs_rel', 'rmse', 'delta1', 'iou', 'seconds'} == set(row)
        assert 0 <= row['miou'] <= 100 and row['abs_rel'] > 0 and row['seconds'] > 0
    assert json.loads(json.dumps(result)) == result
    assert len({row['abs_rel'] for row in result['rows']}) == len(PLAN.rows)  # different students


def test_scenes_do_not_meet_and_the_target_has_no_labels(finished):
    out, _ = finished
    scenes = {
        name: {frame.extra['seed'] for frame in FrameFolder(out / 'scenes' / 'seed0' / name).frames}
        for name in ('source', 'night', 'night_test')
    }
    assert len(set.union(*scenes.values())) == sum(map(len, scenes.values()))
    assert min(scenes['night_test']) == 9_500_000
    target = FrameFolder(out / 'scenes' / 'seed0' / 'night')
    assert not target.has('labels') and not target.has('depth') and target.label_space is None
    assert FrameFolder(out / 'scenes' / 'seed0' / 'night_labelled').has('labels')


def test_purposes_of_all_seeds_are_disjoint():
    ranges = sorted((first + seed * SEED_STRIDE) for first in SCENES.values() for seed in range(world.MOST_SEEDS))
    assert all(later - earlier >= SEED_STRIDE for earlier, later in pairwise(ranges))


def test_a_finished_bench_is_shown_again_without_work(finished, monkeypatch):
    out, result = finished
    monkeypatch.setattr(trainings, 'fit_all', None)
    assert scores(bench(out, PLAN)) == scores(result)


def test_a_killed_bench_resumes_and_ends_with_the_same_rows(tmp_path, one_process, monkeypatch):
    plan = Plan(('source_only', 'source_only_adabn', 'source_only_continued'), ('night',), (0,), size=TINY)
    whole = bench(tmp_path / 'whole', plan)

    save, saved = trainings.BenchFolder.save, []

    def killed_after_first_row(folder):
        save(folder)
        saved.append(len(folder.state['rows']))
        if saved[-1] == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainings.BenchFolder, 'save', killed_after_first_row)
        with pytest.raises(KeyboardInterrupt):
            bench(tmp_path / 'cut', plan)
    kept = json.loads((tmp_path / 'cut' / 'world.json').read_text())
    assert [row['name'] for row in kept['rows']] == ['source_only'] and list(kept['trainings']) == ['seed 0 base']

    base = tmp_path / 'cut' / 'checkpoints' / 'seed0' / 'base.ckpt'
    before = base.stat().st_mtime_ns
    result = bench(tmp_path / 'cut', plan)
    assert base.stat().st_mtime_ns == before  # trained once
    assert scores(result) == scores(whole)


def test_other_settings_and_foreign_folders_are_refused(tmp_path, finished):
    out, _ = finished
    with pytest.raises(FamdaError, match='other settings; choose another --out'):
        bench(out, Plan(PLAN.rows, PLAN.targets, PLAN.seeds, 'val', TINY))
    for change in ({'source': 6}, {'steps': 4}):
        with pytest.raises(FamdaError, match='other settings'):
            bench(out, Plan(PLAN.rows, PLAN.targets, PLAN.seeds, size=replace(TINY, **change)))
    (tmp_path / 'thesis.txt').touch()
    with pytest.raises(FamdaError, match=r"holds no 'world\.json'"):
        bench(tmp_path, PLAN)
    (tmp_path / 'world.json').write_text('{')
    with pytest.raises(FamdaError, match='damaged'):
        bench(tmp_path, PLAN)


@pytest.mark.parametrize(
    ('plan', 'sentence'),
    [
        (Plan(('fool',), ('night',), (0,)), "unknown row 'fool'"),
        (Plan(('full',), ('synthetic',), (0,)), "unknown target 'synthetic'"),
        (Plan(('full',), ('night',), (10,)), 'seeds go from 0 to 9, not 10'),
        (Plan((), ('night',), (0,)), 'nothing to do'),
        (Plan(('full',), ('night',), (0,), size=BenchSize(test=10_001)), '10001'),
    ],
)
def test_impossible_plans_are_refused_before_anything_is_written(tmp_path, plan, sentence):
    with pytest.raises(FamdaError, match=sentence):
        bench(tmp_path / 'out', plan)
    assert not (tmp_path / 'out').exists()


def test_settings_come_from_the_configurations(tmp_path):
    recipe = read_recipe(SOURCE_CONFIG, FAMDA_CONFIG)
    famda, source = recipe.configs['street_world'], recipe.configs['street_world_source']
    assert recipe.steps == famda['trainer']['max_steps'] and recipe.base_steps == source['trainer']['max_steps']
    places = dict.fromkeys(('source', 'target', 'target_labels', 'base', 'out'), tmp_path)

    def options(name):
        return training_arguments(TRAININGS[name], recipe, 3, 'night', **places)

    rate = f'--model.init_args.learning_rate={famda["model"]["init_args"]["learning_rate"]}'
    further = [name for name in TRAININGS if name != 'base']
    assert all(rate in options(name) and f'--trainer.max_steps={recipe.steps}' in options(name) for name in further)
    assert rate not in options('base') and '--seed_everything=3' in options('base')
    assert {'--data.masks=null', '--data.depth=null'} <= set(options('self_training'))
    assert {'--data.masks=felzenszwalb', '--data.depth=null'} <= set(options('masks'))
    assert {'--data.masks=null', '--data.depth=street-world'} <= set(options('depth'))
    assert not any(option.startswith('--data.target') for option in options('oracle'))
    labelled = f'--data.target_labels={tmp_path}'
    assert [name for name in TRAININGS if labelled in options(name)] == list(FEW_LABELS)


def test_every_row_has_its_training():
    assert {row.training for row in ROWS.values()} == set(TRAININGS)


def test_the_recorded_command_measures_the_same():
    words = shlex.split(command('my runs/b', ('night', 'day'), (0, 4), ('full',), 'val', 'small'))
    assert words[:3] == ['famda', 'bench', 'world']
    parsed = build_parser('bench world', command_module('bench world')).parse_args(words[3:])
    assert (parsed.out, parsed.targets, parsed.seeds) == ('my runs/b', ['night', 'day'], [0, 4])
    assert (parsed.rows, parsed.split, parsed.size) == (['full'], 'val', 'small')
