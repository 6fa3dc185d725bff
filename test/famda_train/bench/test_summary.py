# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of the bench, against numbers worked out by hand."""
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from famda_train.bench.summary import BETTER, summarise


def row(name, seed, miou, abs_rel, target='night', iou=None, **values):
    values = {'rmse': 8.0, 'delta1': 60.0, 'iou': iou or {'flat': 90.0}, **values}
    return {'name': name, 'target': target, 'seed': seed, 'miou': miou, 'abs_rel': abs_rel, 'seconds': 1.0, **values}


ROWS = [
    row('source_only_continued', 0, 40.0, 0.30, iou={'flat': 80.0, 'sky': None}),
    row('source_only_continued', 1, 44.0, 0.26, iou={'flat': 90.0, 'sky': 10.0}),
    row('full', 0, 60.0, 0.20),
    row('full', 1, 50.0, 0.18),
    row('oracle', 0, 70.0, 0.10),
    row('oracle', 1, 64.0, 0.14),
]


def test_mean_and_spread_over_seeds():
    night = summarise(ROWS)['night']
    assert night['seeds'] == [0, 1]
    assert night['rows']['full']['miou']['mean'] == 55.0
    assert night['rows']['full']['miou']['std'] == pytest.approx(50**0.5)  # sample deviation of 60, 50
    assert night['rows']['full']['rmse'] == {'mean': 8.0, 'std': 0.0}


def test_gain_is_paired_by_seed_and_positive_where_better():
    gain = summarise(ROWS)['night']['gain']['full']
    assert gain['miou']['seeds'] == {'0': 20.0, '1': 6.0}
    assert gain['miou']['mean'] == 13.0 and gain['miou']['min'] == 6.0
    assert gain['abs_rel']['seeds'] == pytest.approx({'0': 0.10, '1': 0.08})


def test_share_of_the_distance_to_the_oracle():
    closed = summarise(ROWS)['night']['closed']
    assert closed['full']['miou'] == pytest.approx((20 + 6) / (30 + 20))
    assert closed['full']['abs_rel'] == pytest.approx((0.10 + 0.08) / (0.20 + 0.12))
    assert 'oracle' not in closed


def test_no_share_where_the_oracle_is_not_ahead():
    rows = [row('source_only_continued', 0, 50, 0.2), row('full', 0, 52, 0.2), row('oracle', 0, 49, 0.1)]
    assert list(summarise(rows)['night']['closed']['full']) == ['abs_rel']


def test_classes_that_occur_in_some_seeds_only():
    iou = summarise(ROWS)['night']['iou']
    assert iou['source_only_continued'] == {'flat': 85.0, 'sky': 10.0}
    absent = summarise([row('full', 0, 50, 0.2, iou={'sky': None})])
    assert absent['night']['iou']['full'] == {'sky': None}


def test_one_seed_has_no_spread_and_targets_are_apart():
    summary = summarise([row('full', 0, 50.0, 0.2), row('full', 0, 70.0, 0.1, target='day')])
    assert list(summary) == ['night', 'day']
    assert summary['day']['rows']['full']['miou'] == {'mean': 70.0, 'std': None}
    assert summary['night']['gain'] == {'full': {}}  # no baseline, no gain


def test_only_seeds_that_both_have_are_compared():
    rows = [r for r in ROWS if (r['name'], r['seed']) != ('source_only_continued', 1)]
    night = summarise(rows)['night']
    assert night['gain']['full']['miou']['seeds'] == {'0': 20.0}
    assert night['closed']['full']['miou'] == pytest.approx(20 / 30)


def test_what_cannot_be_measured_is_left_out():
    rows = [row('source_only_continued', 0, 40, None), row('full', 0, 60, None)]
    night = summarise(rows)['night']
    assert night['rows']['full']['abs_rel'] == {'mean': None, 'std': None}
    assert 'abs_rel' not in night['gain']['full'] and night['gain']['full']['miou']['mean'] == 20


@given(st.lists(st.tuples(*[st.floats(0, 100)] * 4), min_size=1, max_size=4))
def test_it_fits_into_json_and_the_baseline_gains_nothing_on_itself(values):
    rows = [
        {**row(name, seed, 0, 0), **dict(zip(BETTER, scores, strict=True))}
        for seed, scores in enumerate(values)
        for name in ('source_only_continued', 'full')
    ]
    summary = summarise(rows)
    assert json.loads(json.dumps(summary)) == summary
    assert all(gain == {'mean': 0, 'min': 0, 'seeds': dict.fromkeys(gain['seeds'], 0)}
               for gain in summary['night']['gain']['full'].values())  # fmt: skip
