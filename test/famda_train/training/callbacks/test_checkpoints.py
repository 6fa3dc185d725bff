# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints under fire: kills while they are written, full disks, weights that are no numbers."""
from __future__ import annotations

import json

import pytest
import torch
from training_runs import (
    SELF,
    SOURCE,
    At,
    arguments,
    die_in_the_middle_of_writing,
    end,
    fill_the_disk,
    fit,
    fit_with,
    start,
    write_streets,
)

from famda_ros.errors import FamdaError
from famda_train.models.checkpoint import load_student
from famda_train.training.callbacks.checkpoints import AtomicCheckpointIO


@pytest.fixture(scope='module')
def street(tmp_path_factory):
    return write_streets(tmp_path_factory.mktemp('street'))


def stop(*_):
    raise FamdaError('stopped here')


def step_of(path):
    load_student(path)
    return torch.load(path, weights_only=True)['global_step']


def test_a_kill_while_writing_leaves_the_checkpoint_before(street):
    args = arguments(SOURCE, street, 'kill.ckpt', '--keep_every=2', steps=6)
    folder = street / 'kill.run'
    assert end(start(fit_with, args, '', 3, die_in_the_middle_of_writing)) == [-9]
    assert step_of(folder / 'last.ckpt') == 2
    assert len(list(folder.glob('.last.ckpt.*'))) == 1
    fit([*args, '--resume=true'])
    assert list(folder.glob('.last.ckpt.*')) == []
    assert not (folder / 'last.ckpt').exists()
    assert load_student(street / 'kill.ckpt')[1].provenance['steps'] == 6


@pytest.mark.parametrize(('keep_every', 'step'), [(2, 3), (4, 5)])
def test_a_full_disk_gets_one_sentence_and_leaves_the_checkpoint_before(street, tmp_path, keep_every, step):
    """During the training, and when the result is written."""
    name = f'full{step}'
    args = arguments(SOURCE, street, f'{name}.ckpt', f'--keep_every={keep_every}', steps=6)
    report = tmp_path / 'report.json'
    assert end(start(fit_with, args, str(report), step, fill_the_disk)) == [0]
    error = json.loads(report.read_text())['error']
    assert 'free some space' in error and '--resume' in error and '\n' not in error
    assert step_of(street / f'{name}.run' / 'last.ckpt') == keep_every
    assert not (street / f'{name}.ckpt').exists()
    assert not list(street.rglob('.*.tmp*'))


def test_writing_fails_with_what_the_system_says(tmp_path, monkeypatch):
    path = tmp_path / 'new' / 'a.ckpt'
    AtomicCheckpointIO().save_checkpoint({'a': torch.ones(2)}, path)

    def fail(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(torch, 'save', fail)
    with pytest.raises(FamdaError, match=r'a\.ckpt.*No space left on device'):
        AtomicCheckpointIO().save_checkpoint({}, path)
    assert torch.equal(torch.load(path, weights_only=True)['a'], torch.ones(2))


def test_a_checkpoint_holds_plain_values_only(street):
    """Tensors, numbers and text: loading it runs nothing, and everything that must survive is in it."""
    args = arguments(SELF, street, 'plain.ckpt', '--keep_every=2', steps=3)
    with pytest.raises(FamdaError, match='stopped here'):
        fit(args, At(2, stop))
    state = torch.load(street / 'plain.run' / 'last.ckpt', weights_only=True)
    names = state['state_dict'].keys()
    assert {'task_modules.0.source_share', 'task_modules.0.target_share', 'task_modules.1.source_disparity'} <= names
    assert any(name.startswith('teacher.encoder') for name in names)
    assert state['optimizer_states'][0]['state'] and state['lr_schedulers'][0]['last_epoch'] == 2


def poison_gradient(trainer, _):
    """Make the next gradient no number, while the loss is one."""
    next(trainer.lightning_module.network.parameters()).register_hook(lambda gradient: gradient * float('nan'))


def test_weights_that_are_no_numbers_are_never_written(street):
    args = arguments(SOURCE, street, 'nan.ckpt', '--keep_every=1')
    with pytest.raises(FamdaError, match=r'not finite after step 3.*learning_rate'):
        fit(args, At(2, poison_gradient))
    last = street / 'nan.run' / 'last.ckpt'
    assert step_of(last) == 2
    assert all(torch.isfinite(value).all() for value in load_student(last)[0].state_dict().values())
    assert not (street / 'nan.ckpt').exists()


def test_steps_of_several_batches_are_saved_between_steps(street):
    """A checkpoint in the middle of a step would lose the gradients of its first batches."""
    extra = ['--trainer.accumulate_grad_batches=2', '--data.batch_size=1']
    whole = fit(arguments(SOURCE, street, 'several.ckpt', *extra, steps=4))

    args = arguments(SOURCE, street, 'several2.ckpt', *extra, '--keep_every=2', steps=4)
    with pytest.raises(FamdaError, match='stopped here'):
        fit(args, At(3, stop))
    resumed = fit([*args, '--resume=true'])
    assert resumed == pytest.approx({step: whole[step] for step in (2, 3, 4)}, rel=1e-6)
