# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The bench of the gate in small, for real."""
import json

import numpy as np
import pytest
from small_street import write_checkpoint, write_street

from famda_ros.errors import FamdaError
from famda_ros.resources import resource
from famda_train.adapt import compare
from famda_train.adapt.compare_students import RawStudent
from famda_train.bench import gate
from famda_train.commands import cli
from famda_train.world import render


@pytest.fixture
def few(monkeypatch):
    for module, name in ((compare, 'WORLD_FRAMES'), (gate, 'FRAMES'), (gate, 'STEPS')):
        monkeypatch.setattr(module, name, 3)


def write_world(folder):
    checkpoints, scenes = folder / 'checkpoints' / 'seed0', folder / 'scenes' / 'seed0'
    (checkpoints / 'night').mkdir(parents=True)
    for seed, name in enumerate(('base', 'continued', 'night/full', 'night/masks', 'night/self_training')):
        write_checkpoint(checkpoints / f'{name}.ckpt', seed=seed)
    write_checkpoint(checkpoints / 'night' / 'source_only_adabn.ckpt', seed=9)
    scenes.mkdir(parents=True)
    write_street(scenes / 'night', 'night', 3, truth=False)
    write_street(scenes / 'night_test', 'night', 3, first=50)
    return folder


def test_every_candidate_is_compared_with_every_student_in_use(few, tmp_path, capsys):
    world, out, result = write_world(tmp_path / 'world'), tmp_path / 'gate', tmp_path / 'result.json'
    words = ['bench', 'gate', str(world), '--out', str(out), '--seeds', '0', '--json', str(result)]
    assert cli.main(words) == cli.EXIT_OK
    group = json.loads(result.read_text())['groups']['night, seed 0']
    students, others = 6, 6 + 3 * 9 + 2  # mixtures; of three students 5 + 2 + 2 faults; shuffled classes
    assert group['candidates'] == students + others and group['pairs'] == students * (students + others - 1)
    pairs = json.loads((out / 'gate.json').read_text())['pairs']['night, seed 0']
    assert sum(sum(row.values()) for row in group['table'].values()) == len(pairs) == group['pairs']
    scaled = [pair for pair in pairs if pair['new'] == f'{pair["old"]}, metres x 1.6']
    assert len(scaled) == 3 and all(pair['gain'] == 0 and pair['verdict'] == 'hold' for pair in scaled)
    table = capsys.readouterr().out
    assert '| night, seed 0 | 41 |' in table and 'wrong metres' in table
    assert cli.main(words) == cli.EXIT_OK and capsys.readouterr().out == table  # what is done is not done again


def test_candidates_on_photographs(tmp_path):
    home = tmp_path / 'checkpoints' / 'seed0' / 'day'
    home.mkdir(parents=True)
    write_checkpoint(home / 'base.ckpt')
    with pytest.raises(FamdaError, match=r"masks\.ckpt' is missing; make it with: famda bench real"):
        gate.real_files(tmp_path, 0)
    write_checkpoint(home / 'masks.ckpt', seed=1)
    found = list(gate.real_candidates(tmp_path, 0))
    assert [name for name, incumbent, _ in found if incumbent] == ['base', 'masks']
    assert len(found) == 2 + len(gate.MIXTURES) + len(gate.BIASES)
    files = list(gate.photograph_candidates([resource('models/street.onnx')]))
    assert [incumbent for _, incumbent, _ in files] == [True, *[False] * len(gate.BIASES)]


def test_counts_of_the_table():
    rows = [(-5, 'promote', False), (-5, 'hold', False), (0, 'ask', False), (8, 'promote', False), (0, 'hold', True)]
    pairs = [{'gain': gain, 'verdict': verdict, 'depth_only': depth} for gain, verdict, depth in rows]
    counted = gate.table(pairs)
    assert counted['worse'] == {'promote': 1, 'hold': 1} and counted['wrong metres'] == {'hold': 1}
    assert gate.rates(counted) == {'worse_promoted': 50, 'better_promoted': 100}
    assert gate.rates(gate.table([])) == {'worse_promoted': None, 'better_promoted': None}


def test_a_file_is_biased_like_a_checkpoint():
    image = render(3, 'day', 320, 240).image
    students = [RawStudent(resource(f'models/street.{kind}')) for kind in ('onnx', 'ckpt')]
    plain = [student.predict(image, None) for student in students]
    liked = [gate.biased(student, 3, 2.0).predict(image, None) for student in students]
    for before, after in zip(plain, liked, strict=True):
        added = (after.logits - before.logits).reshape(-1, 7)
        added -= added[:, :1]  # what all classes have more of changes nothing; a file decides after such a shift
        np.testing.assert_allclose(added, np.tile(2.0 * (np.arange(7) == 3), (len(added), 1)), atol=1e-2)
        assert (after.prediction.labels == 3).mean() > (before.prediction.labels == 3).mean()
    same = [(ours.prediction.labels == theirs.prediction.labels).mean() for ours, theirs in (plain, liked)]
    assert same[1] > same[0] - 0.01  # as much alike as file and checkpoint are without


def test_folders_that_hold_no_bench_are_refused(tmp_path, capsys):
    assert cli.main(['bench', 'gate', str(tmp_path), '--out', str(tmp_path / 'gate')]) == cli.EXIT_ERROR
    assert 'base.ckpt' in (said := capsys.readouterr().err) and 'make it with: famda bench world' in said
    words = ['bench', 'gate', str(tmp_path), '--out', str(tmp_path / 'other'), '--photographs', 'data/camvid']
    assert cli.main(words) == cli.EXIT_ERROR and 'belong together' in capsys.readouterr().err
    world = write_world(tmp_path / 'world')
    (world / 'checkpoints' / 'seed0' / 'night' / 'masks.ckpt').unlink()
    with pytest.raises(FamdaError, match=r"masks\.ckpt' is missing"):
        next(gate.world_candidates(world, 0, 'night'))
