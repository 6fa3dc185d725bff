# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The gain over all tasks against numbers calculated by hand."""
import pytest

from famda_ros.errors import FamdaError
from famda_train.evaluation.delta_mtl import delta_mtl, relative_gain, task_gains

BASELINE = {'protocol': 'metric', 'frames': 2, 'label_space': 'flat7', 'miou': 40.0, 'rmse': 8.0}


def test_by_hand():
    result = {**BASELINE, 'miou': 50.0, 'rmse': 9.0}
    assert task_gains(result, BASELINE) == {'segmentation': 25.0, 'depth': -12.5}
    assert delta_mtl(result, BASELINE) == 6.25


def test_a_lower_error_is_a_gain_and_nothing_is_no_gain():
    assert relative_gain(6.0, 8.0, lower_is_better=True) == 25.0
    assert delta_mtl(BASELINE, BASELINE) == 0.0


def test_three_tasks_and_tasks_that_only_one_has():
    baseline = {**BASELINE, 'mean_angle': 20.0}
    assert delta_mtl({**baseline, 'mean_angle': 14.0}, baseline) == pytest.approx(10.0)
    assert task_gains({**BASELINE, 'miou': None}, baseline) == {'depth': 0.0}


@pytest.mark.parametrize('change', [{'protocol': 'densemtl'}, {'frames': 3}, {'label_space': 'vkitti8'}])
def test_results_scored_differently_do_not_compare(change):
    with pytest.raises(FamdaError, match='do not compare'):
        delta_mtl(BASELINE, {**BASELINE, **change})


def test_no_common_task_and_a_baseline_of_nothing_are_refused():
    alone = {key: BASELINE[key] for key in ('protocol', 'frames', 'label_space')}
    with pytest.raises(FamdaError, match='no task in common'):
        delta_mtl(BASELINE, alone)
    with pytest.raises(FamdaError, match='baseline of 0'):
        delta_mtl(BASELINE, {**BASELINE, 'miou': 0.0})
