# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What a training writes to TensorBoard, and that looking at it changes nothing."""
from __future__ import annotations

import numpy as np
import pytest
from small_street import HEIGHT, WIDTH
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from training_runs import SELF, SOURCE, arguments, fit, same, weights, write_streets

NORMALS = '--model.extra_tasks=[{class_path: famda_train.training.tasks.SurfaceNormals}]'


@pytest.fixture(scope='module')
def street(tmp_path_factory):
    return write_streets(tmp_path_factory.mktemp('street'))


def events(folder):
    log = EventAccumulator(str(folder), size_guidance={'images': 0, 'scalars': 0})
    log.Reload()
    return log


@pytest.mark.parametrize('kind', [SOURCE, SELF])
def test_pictures_and_numbers_are_logged_and_change_nothing(street, kind):
    blind = fit(arguments(kind, street, f'{kind}-blind.ckpt', NORMALS, steps=4))
    seen = fit(arguments(kind, street, f'{kind}-seen.ckpt', NORMALS, '--pictures_every=2', steps=4))
    assert seen == blind
    assert same(weights(street / f'{kind}-seen.ckpt'), weights(street / f'{kind}-blind.ckpt'))

    log = events(street / f'{kind}-seen.run')
    numbers = {'loss', 'learning_rate', 'source/segmentation', 'source/depth', 'source/normals'}
    assert numbers <= set(log.Tags()['scalars'])
    losses = {event.step + 1: event.value for event in log.Scalars('loss')}
    assert losses == pytest.approx(seen)
    sides = ['source', 'target'] if kind == SELF else ['source']
    assert log.Tags()['images'] == sides
    for side in sides:
        pictures = log.Images(side)
        assert [picture.step for picture in pictures] == [2, 4]
        # The image; of every task what is taught and what is predicted.
        assert {(picture.height, picture.width) for picture in pictures} == {(HEIGHT, WIDTH * (1 + 2 * 3))}


def test_the_learning_rate_of_the_log_follows_ramp_and_decay(street):
    fit(arguments(SOURCE, street, 'rate.ckpt', '--model.learning_rate=0.01', '--model.power=1', steps=4))
    rates = [event.value for event in events(street / 'rate.run').Scalars('learning_rate')]
    np.testing.assert_allclose(rates, [0.005, 0.0075, 0.005, 0.0025], rtol=1e-5)


def test_without_a_log_there_are_no_pictures_and_no_files(street):
    fit(arguments(SOURCE, street, 'silent.ckpt', '--trainer.logger=false', '--pictures_every=1', steps=2))
    assert not (street / 'silent.run').exists()
