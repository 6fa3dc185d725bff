# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench train`` in small."""
import json

import pytest

from famda_ros.errors import FamdaError
from famda_train.bench.train import BLOCK, TrainSetup, run_train
from famda_train.commands import cli
from famda_train.commands.bench_train import parse_size
from famda_train.commands.progress import progress_bar


def test_both_trainings_are_timed(tmp_path, capsys):
    words = ['bench', 'train', '--size', '32x64', '--batch', '2', '--steps', str(BLOCK + 1), '--device', 'cpu']
    file = tmp_path / 'train.json'
    assert cli.main([*words, '--threads', '1', '--json', str(file)]) == cli.EXIT_OK
    result = json.loads(file.read_text())
    source, famda, refinement = result['source_only'], result['famda'], result['refinement']
    assert result['ratio'] == pytest.approx(famda['ms_per_step'] / source['ms_per_step'], rel=0.01)
    assert source['images_per_s'] == pytest.approx(2000 / source['ms_per_step'], rel=0.01)
    assert famda['images_per_s'] == pytest.approx(4000 / famda['ms_per_step'], rel=0.01)
    assert refinement['share'] == pytest.approx(refinement['ms'] / famda['ms_per_step'], rel=0.05)
    assert refinement['share'] > 0
    assert result['memory'] == 'rss' and 100 < source['peak_memory_mib'] < 20_000
    assert (result['device'], result['setup']['threads'], result['setup']['height']) == ('cpu', 1, 32)
    assert f'{result["ratio"]:.2f} times as long' in capsys.readouterr().out


@pytest.mark.parametrize('size', ['96', '96x', 'x192', '96 x 192', '96X192', '-1x5'])
def test_sizes_that_are_none(size):
    with pytest.raises(FamdaError, match='HEIGHTxWIDTH'):
        parse_size(size)


def test_a_size_is_height_by_width():
    assert parse_size('96x192') == (96, 192)


IMPOSSIBLE = [{'batch': 0}, {'steps': 0}, {'threads': 0}, {'device': 'abacus'}, {'network': 'a'}, {'network': '{a: '}]


@pytest.mark.parametrize('values', IMPOSSIBLE)
def test_impossible_setups_are_refused(values):
    with progress_bar() as bar, pytest.raises(FamdaError):
        run_train(TrainSetup(**values), bar)
