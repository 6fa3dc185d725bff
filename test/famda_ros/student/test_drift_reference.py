# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import numpy as np
import pytest
from tiny_student import tiny_card

from famda_ros.errors import FamdaError
from famda_ros.student.drift_reference import FEWEST_FRAMES, LEVELS, DriftReference, reference_of
from famda_ros.student.model_card import ModelCard


def numbers(frames=FEWEST_FRAMES):
    rng = np.random.default_rng(0)
    table = rng.normal(100, 20, (frames, 3)).astype(np.float32)
    table[frames // 10 :, 2] = np.nan  # a class that is seldom in sight
    return table


def test_it_travels_in_the_card():
    reference = reference_of(('brightness', 'contrast', 'rare'), numbers(), 'yard by day')
    assert set(reference.quantiles) == {'brightness', 'contrast'} and reference.frames == FEWEST_FRAMES
    card = tiny_card(reference=reference)
    again = ModelCard.from_json(card.to_json())
    assert again == card and again.reference == reference
    np.testing.assert_allclose(reference.quantiles['contrast'], np.quantile(numbers()[:, 1], LEVELS), rtol=1e-4)


def test_a_card_without_one_is_valid():
    assert ModelCard.from_json(tiny_card().to_json()).reference is None
    assert json.loads(tiny_card().to_json())['reference'] is None  # as in files of before there were any


def test_few_frames_are_refused():
    with pytest.raises(FamdaError, match=f"'yard' has 99 frames; .* needs {FEWEST_FRAMES}"):
        reference_of(('a', 'b', 'c'), numbers(FEWEST_FRAMES - 1), 'yard')


@pytest.mark.parametrize(
    'change',
    [
        {'frames': 0}, {'frames': True}, {'data': 3}, {'quantiles': []}, {'quantiles': {'a': [1.0]}}, {'more': 1},
        {'quantiles': {'a': [*range(len(LEVELS) - 1), 0]}}, {'quantiles': {'a': [float('nan')] * len(LEVELS)}},
        {'quantiles': {'a': ['1'] * len(LEVELS)}}, {'quantiles': {'a': None}},
    ],
)  # fmt: skip
def test_damage_is_refused_in_one_sentence(change):
    good = reference_of(('a', 'b', 'c'), numbers(), 'yard').to_dict()
    assert DriftReference.from_dict(good).to_dict() == good
    with pytest.raises(FamdaError, match='the model card is not valid: reference'):
        DriftReference.from_dict({**good, **change})
    card = json.loads(tiny_card().to_json())
    with pytest.raises(FamdaError, match=r'reference|damaged'):
        ModelCard.from_json(json.dumps({**card, 'reference': {**good, **change}}))
