# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The student that ships keeps its metres, whatever the shape and the lens of the camera."""
import numpy as np
import pytest

from famda_ros.resources import resource
from famda_ros.student.runtime import Student
from famda_train.world import render

WIDTH, HEIGHT, FOCAL = 1056, 480, 528.0
SEEDS = range(700_100, 700_112)
ROWS, FAR = 320, 60.0


@pytest.fixture(scope='module')
def student():
    return Student(resource('models/street.onnx'), threads=1, provider='cpu')


@pytest.fixture(scope='module')
def streets():
    return [render(seed, 'varied', WIDTH, HEIGHT, FOCAL) for seed in SEEDS]


def middle(array, width, height):
    x, y = (array.shape[1] - width) // 2, (array.shape[0] - height) // 2
    return array[y : y + height, x : x + width]


def depths(student, streets, width, height, part):
    """Return the metres in the middle ``part`` (width, height) of each street, seen through a window of a size."""
    return [middle(student.predict(middle(street.image, width, height), FOCAL).depth, *part) for street in streets]


def change(ours, theirs, streets):
    """Return the median over the streets of the median ratio of the same points."""
    ratios = []
    for one, other, street in zip(ours, theirs, streets, strict=True):
        truth = middle(street.depth, *one.shape[::-1])
        seen = np.isfinite(one) & np.isfinite(other) & (truth < FAR)
        ratios.append(np.median(one[seen] / other[seen]))
    return float(np.median(ratios))


@pytest.mark.parametrize('aspect', [16 / 9, 2.5, 3.3])
def test_wider_windows_show_the_same_metres(student, streets, aspect):
    part = round(ROWS * 4 / 3), ROWS
    narrow = depths(student, streets, *part, part)
    wide = depths(student, streets, min(WIDTH, round(ROWS * aspect)), ROWS, part)
    found = change(wide, narrow, streets)
    print(f'{aspect:.2f} : 1 shows {100 * (found - 1):+.1f} % of the metres of 4 : 3')
    assert abs(found - 1) <= 0.05


@pytest.mark.parametrize('rows', [160, 226, 452])
def test_longer_and_shorter_lenses_show_about_the_same_metres(student, streets, rows):
    """A window of fewer rows is a longer lens; 15 % is what docs/results.md says."""
    part = 160, 120
    found = change(*(depths(student, streets, round(h * 4 / 3), h, part) for h in (rows, ROWS)), streets)
    print(f'a lens {ROWS / rows:.2f} times as long shows {100 * (found - 1):+.1f} %')
    assert abs(found - 1) <= 0.15
