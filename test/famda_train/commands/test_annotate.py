# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from small_street import write_street

from famda_train.annotate.history import History
from famda_train.commands.cli import main
from famda_train.datasets.frame_folder import FrameFolder


@pytest.mark.parametrize('name', ['all.json', 'all.xml'])
def test_labels_go_to_another_folder_through_a_file(tmp_path, capsys, name):
    there = FrameFolder(write_street(tmp_path / 'there', 'day', 2))
    here = write_street(tmp_path / 'here', 'day', 3, truth=False)
    assert main(['annotate', str(there.path), '--export', str(tmp_path / name)]) == 0
    assert main(['annotate', str(here), '--space', 'flat7', '--import', str(tmp_path / name)]) == 0
    data = FrameFolder(here)
    assert [data.has_at('labels', place) for place in range(3)] == [True, True, False]
    for place in range(2):
        assert np.array_equal(data.labels(place), there.labels(place))
    assert 'labels of 2 frames' in capsys.readouterr().out
    assert History(here).move(data.frames[0].stem, -1) and not FrameFolder(here).has_at('labels', 0)


def test_nothing_is_written_over(tmp_path, capsys):
    folder = write_street(tmp_path / 'there', 'day', 1)
    (tmp_path / 'all.json').write_text('mine')
    assert main(['annotate', str(folder), '--export', str(tmp_path / 'all.json')]) == 2
    assert 'choose another --export' in capsys.readouterr().err
    assert main(['annotate', str(folder), '--export', str(tmp_path / 'all.txt')]) == 2
    assert (tmp_path / 'all.json').read_text() == 'mine' and not (tmp_path / 'all.txt').exists()


@pytest.mark.parametrize(('options', 'reason'), [
    ([], 'name them with --space'),
    (['--space', 'flat7', '--masks', 'sam'], "no store 'masks-sam'"),
    (['--space', 'flat7', '--model', 'missing.onnx'], 'missing.onnx'),
    (['--space', 'flat7', '--stems', 'x'], "no frame 'x'"),
    (['--space', 'flat7', '--port', '99999'], 'cannot listen to port 99999'),
    (['--space', 'flat7', '--decoder', 'sam'], 'give it too'),
    (['--space', 'flat7', '--decoder', 'felzenszwalb'], "'felzenszwalb' has no decoder"),
    (['--space', 'flat7', '--decoder-options.device', 'cpu'], 'name it with --decoder'),
])  # fmt: skip
def test_what_cannot_be_is_one_sentence(tmp_path, capsys, options, reason):
    folder = write_street(tmp_path / 'here', 'day', 1, truth=False)
    assert main(['annotate', str(folder), *options]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert reason in error and error.startswith('famda annotate: ')
