# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest

from famda_ros.errors import FamdaError
from famda_ros.student.parity import Agreement, Limits, compare, decode_probes, encode_probes


def answer(labels=0, confidence=100, depth=10.0):
    size = (4, 6)
    return {
        'labels': np.full(size, labels, np.uint8),
        'confidence': np.full(size, confidence, np.uint8),
        'depth': np.full(size, depth, np.float32),
    }


def test_differences_by_hand():
    other = answer(confidence=151, depth=11.0)
    other['labels'][0] = 1
    frames = [np.zeros((4, 6, 3), np.uint8)] * 2
    agreement = compare(lambda frame: answer(), lambda frame: other, frames)
    assert agreement == Agreement(2, 0.75, pytest.approx(51 / 255), pytest.approx(0.1))
    fault = agreement.fault(Limits(labels=0.8, confidence=0.3, depth=0.05))
    assert fault == '75.00 % of the labels agree (needed 80 %) and depth differs by 10.00 % (allowed 5 %)'
    assert agreement.fault(Limits(labels=0.75, confidence=0.21, depth=0.11)) == ''


def test_nan_is_never_within_limits():
    agreement = compare(lambda f: answer(), lambda f: answer(depth=math.nan), [np.zeros((4, 6, 3), np.uint8)])
    assert 'depth' in agreement.fault(Limits(depth=1.0))


def test_what_a_student_does_not_give_is_not_compared():
    def masks(frame):
        return {'labels': answer()['labels']}

    agreement = compare(masks, masks, [np.zeros((4, 6, 3), np.uint8)])
    assert agreement == Agreement(1, 1.0, None, None) and agreement.fault(Limits(1.0, 0.0, 0.0)) == ''
    assert str(agreement) == '100.000 % of the labels agree (1 frames)'
    assert str(Agreement(2, 1.0, None, 0.5)) == '100.000 % of the labels agree, depth differs by 50.000 % (2 frames)'


def test_no_frames():
    with pytest.raises(FamdaError, match='at least one frame'):
        compare(lambda f: answer(), lambda f: answer(), [])


def test_probes_round_trip():
    rows, columns = np.mgrid[0:48, 0:64]
    frames = [np.stack([columns * 3, rows * 4, (rows + columns) // k], -1).astype(np.uint8) for k in (1, 2)]
    back = decode_probes(encode_probes(frames))
    assert len(back) == 2
    for frame, same in zip(frames, back, strict=True):
        assert same.dtype == np.uint8 and np.abs(same.astype(float) - frame).mean() < 4
    assert decode_probes('[]') == []


@pytest.mark.parametrize('text', ['', '{}x', '["***"]', '["aGVsbG8="]', '[3]'])
def test_damaged_probes(text):
    with pytest.raises(FamdaError, match='damaged'):
        decode_probes(text)
