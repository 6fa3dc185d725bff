# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench label`` in small."""
import numpy as np
import pytest

from famda_ros.errors import FamdaError
from famda_train.bench.label import LabelSetup, ratios, run_label, slope
from famda_train.commands.progress import progress_bar


def test_every_combination_is_timed():
    with progress_bar() as bar:
        result = run_label(LabelSetup(('felzenszwalb',), ('local',), 96, 48, seconds=0.5, turns=1, warm_up=0.1), bar)
    assert [(row['teacher'], row['engine'], row['workers']) for row in result['rows']] == [
        ('felzenszwalb', 'local', 1), ('felzenszwalb', 'local', 2),
    ]  # fmt: skip
    one, two = (row['images_per_s'] for row in result['rows'])
    assert one > 0 and result['ratios']['felzenszwalb']['local_2_over_1'] == pytest.approx(two / one, abs=0.01)
    assert result['environment']['cores'] >= 1


def test_ratios_compare_equal_numbers_of_workers():
    speeds = {('t', 'local', 1): 10.0, ('t', 'local', 2): 18.0, ('t', 'ray', 1): 8.0, ('t', 'ray', 2): 12.0}
    assert ratios(speeds) == {'t': {'local_2_over_1': 1.8, 'ray_2_over_1': 1.5, 'ray_over_local': 0.667}}
    assert ratios({key: value for key, value in speeds.items() if key[1] == 'ray'}) == {'t': {'ray_2_over_1': 1.5}}


def test_speed_is_right_for_frames_that_come_in_blocks():
    """16 frames at once every two seconds, seen through any window."""
    for start in range(16):
        arrivals = [2.0 * (number // 16) for number in range(start, start + 160)]
        assert slope(arrivals) == pytest.approx(8.0, rel=0.06)
    assert slope(np.arange(10) / 5) == pytest.approx(5.0)
    with pytest.raises(FamdaError, match='too few'):
        slope([1.0, 2.0])
