# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import pickle
from dataclasses import replace

import pytest
import torch
from small_street import write_checkpoint

from famda_ros.errors import FamdaError
from famda_train.models.checkpoint import load_student, save_student


def test_round_trip(tmp_path):
    network, spec = load_student(write_checkpoint(tmp_path / 'a.ckpt', provenance={'seed': 1}))
    again, same = load_student(write_checkpoint(tmp_path / 'b.ckpt', provenance={'seed': 1}))
    assert spec == same and spec.depth_range_m == (1.0, 80.0) and not network.training
    image = torch.rand(1, 3, 32, 64)
    raw, same_raw = network(image), again(image)
    assert raw.keys() == spec.heads.keys() and all(torch.equal(raw[name], same_raw[name]) for name in raw)


def test_a_new_head_starts_untrained_and_the_others_go_on(tmp_path):
    path = write_checkpoint(tmp_path / 'a.ckpt')
    network, spec = load_student(path)
    more, more_spec = load_student(path, {**spec.heads, 'normals': (3, 0.25)})
    assert list(more_spec.heads) == ['segmentation', 'depth', 'normals']
    ours, theirs = network.state_dict(), more.state_dict()
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())
    assert (theirs['heads.normals.1.bias'] == 0.25).all() and len(theirs['heads.normals.1.bias']) == 3
    fewer, _ = load_student(path, {'depth': spec.heads['depth']})
    assert list(fewer.heads) == ['depth']


def test_a_head_of_another_size_is_refused(tmp_path):
    path = write_checkpoint(tmp_path / 'a.ckpt')
    with pytest.raises(FamdaError, match=r'a\.ckpt'):
        load_student(path, {'segmentation': (19, 0.0), 'depth': (1, 0.0)})


def test_weights_that_were_downloaded_once_are_not_asked_for_again(tmp_path):
    path = write_checkpoint(tmp_path / 'a.ckpt')
    network, spec = load_student(path)
    named = replace(spec, network={**spec.network, 'weights': '/nowhere/encoder.pt'})
    save_student(path, named, network)
    assert load_student(path)[1].network['weights'] is None


class Bomb:
    def __reduce__(self):
        return print, ('code from a checkpoint was run',)


@pytest.mark.parametrize('content', ['missing', 'empty', 'text', 'torch', 'incomplete', 'pickle'])
def test_other_files_are_refused_in_one_sentence_and_run_nothing(tmp_path, content, capsys):
    path = tmp_path / 'x.ckpt'
    if content == 'empty':
        path.touch()
    elif content == 'text':
        path.write_text('not a checkpoint')
    elif content == 'torch':
        torch.save({'state_dict': {}}, path)
    elif content == 'incomplete':
        torch.save({'famda_student': {'spec': {'label_space': 'flat7'}}}, path)
    elif content == 'pickle':
        path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(FamdaError, match=r'x\.ckpt'):
        load_student(path)
    assert capsys.readouterr().out == ''


def test_a_cut_short_file_is_refused(tmp_path):
    path = write_checkpoint(tmp_path / 'a.ckpt')
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(FamdaError, match='readable'):
        load_student(path)
