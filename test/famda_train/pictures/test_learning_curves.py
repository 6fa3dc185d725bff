# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Learning curves lie within their axes and say what they show."""
import math

from famda_train.pictures.learning_curves import learning_curves


def points(line):
    return [tuple(map(float, point.split(','))) for point in line.split()]


def test_a_falling_loss_falls():
    (curve,) = learning_curves({'loss': [(step, 2.0 - step / 50) for step in range(0, 101, 10)]})
    raw, smooth = points(curve.raw), points(curve.smooth)
    assert (curve.title, curve.first_step, curve.last_step, curve.low, curve.high) == ('loss', 0, 100, '0', '2')
    assert raw[0] == (curve.left, curve.top) and raw[-1] == (curve.right, curve.bottom)
    assert [y for _, y in smooth] == sorted(y for _, y in smooth)  # downwards is more
    assert smooth[0] == raw[0] and curve.ends.startswith('2 → ') and 0 < float(curve.ends[4:]) < 2


def test_the_smooth_line_is_quieter():
    (curve,) = learning_curves({'loss': [(step, step % 2) for step in range(100)]})
    raw, smooth = ([y for _, y in points(line)] for line in (curve.raw, curve.smooth))
    assert max(smooth[20:]) - min(smooth[20:]) < 0.2 * (max(raw) - min(raw))


def test_order_and_what_is_left_out():
    scalars = {
        'learning_rate': [(0, 1), (1, 1)], 'source/depth': [(0, 1), (1, 2)], 'loss': [(0, 1), (1, math.nan), (2, 3)],
        'once': [(0, 1)], 'never': [(0, math.inf), (1, math.nan)], 'target_loss': [(5, 1), (9, 1)],
    }  # fmt: skip
    curves = learning_curves(scalars)
    assert [curve.title for curve in curves] == ['loss', 'target loss', 'source/depth', 'learning rate']
    assert len(points(curves[0].raw)) == 2
    assert {y for _, y in points(curves[-1].raw)} == {curves[-1].bottom}  # a constant is a line, not a division by 0
