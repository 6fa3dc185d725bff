# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from famda_train.adapt import gate
from famda_train.adapt.gate import ASK, CLEAR, FALL, HOLD, PROMOTE, SPREADS, Term, decide


def terms(*gains):
    return [Term(name, 1.0, 1.0 + gain * SPREADS[name]) for name, gain in zip(SPREADS, gains, strict=False)]


@pytest.mark.parametrize(('gains', 'verdict', 'words'), [
    ((1.0, 1.0, 0.0), PROMOTE, 'is +2.00, above 0.3'),
    ((2.0, 2.0, -FALL - 0.1), ASK, 'labelled_miou falls by 0.90 spreads, more than 0.8: the scores disagree'),
    ((2.0, 2.0, -FALL + 0.1), PROMOTE, 'no score falls'),
    ((0.1, 0.1, 0.0), ASK, 'too near to tell'),
    ((-0.2, 0.1, 0.0), ASK, 'too near to tell'),
    ((-1.0, 0.2, 0.0), HOLD, 'below -0.3: worse'),
    ((1.0, 1.0), PROMOTE, 'the sum of 2 scores'),
    ((0.1, -0.3, 5.0), ASK, 'is -0.05'),  # labelled frames of elsewhere may tip the scales, and no more
    ((0.2, 0.0, 5.0), PROMOTE, 'is +0.35'),
    ((0.2, 0.2, -5.0), ASK, 'is -4.60, but +0.40 on the recording alone: better here, worse elsewhere'),
    ((0.1, 0.1, -5.0), HOLD, 'below -0.3: worse'),
])  # fmt: skip
def test_verdicts(gains, verdict, words):
    found = decide(terms(*gains))
    assert found.verdict == verdict and words in found.reasons[0]
    assert len(found.reasons) == 1 + len(gains)  # every score with its numbers


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=3))
def test_what_is_promoted_would_not_be_promoted_back(gains):
    there, back = decide(terms(*gains)), decide([Term(t.name, t.new, t.old) for t in terms(*gains)])
    if there.verdict == PROMOTE:
        assert back.verdict == HOLD and sum(gains) > CLEAR


def test_an_alarm_holds_the_best_of_scores():
    found = decide(terms(5.0, 5.0, 5.0), ['depth is 1.60 times that of the old student'])
    assert found.verdict == HOLD and found.reasons[0].startswith('depth is 1.60')


def test_a_doubt_keeps_a_student_from_being_promoted_and_leaves_the_rest_as_it_is():
    doubt = "the class 'human' is found too often"
    found = decide(terms(5.0, 5.0, 5.0), doubts=[doubt])
    assert found.verdict == ASK and found.reasons[0] == doubt
    for gains in ((-1.0, 0.2, 0.0), (0.1, 0.1, 0.0), (0.2, 0.2, -5.0)):
        plain, doubted = decide(terms(*gains)), decide(terms(*gains), doubts=[doubt])
        assert doubted.verdict == plain.verdict and doubt in doubted.reasons
    assert decide(terms(5.0, 5.0, 5.0), ['too slow'], [doubt]).reasons[:2] == ('too slow', doubt)


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=3), st.booleans())
def test_what_is_lost_elsewhere_or_doubtful_never_makes_for_a_promotion(gains, doubtful):
    found = decide(terms(*gains), doubts=['doubt'] * doubtful).verdict
    if found == PROMOTE:
        assert not doubtful and sum(gains[:2]) + min(gains[2], 0.15) > CLEAR and min(gains) >= -FALL - 1e-6


@pytest.mark.parametrize(('difference', 'interval', 'verdict'), [
    (2.0, [0.5, 3.0], PROMOTE), (2.0, [-0.1, 4.0], HOLD), (-2.0, [-3.0, -1.0], HOLD), (2.0, None, ASK),
])  # fmt: skip
def test_labels_decide_for_what_is_better_for_sure(difference, interval, verdict):
    assert gate.decide_on_labels(difference, interval, 10).verdict == verdict
    if interval:
        assert gate.decide_on_labels(difference, interval, 10, ['too slow']).verdict == HOLD


def test_a_class_that_is_found_too_often_is_told_from_one_that_is_found_at_last():
    classes = ['flat', 'human', 'nature']
    old, new, there = np.array([0.9, 0.01, 0.002]), np.array([0.86, 0.05, 0.09]), np.array([0.8, 0.01, 0.1])
    found = np.array([0.85, 0.015, 0.013])

    def alarms(after, now=new):
        return gate.growth_doubts(old, now, [found, np.array(after)], there, classes)

    assert alarms([0.7, 0.045, 0.1]) == [
        "the class 'human' is found too often: 1.00 % of the pixels -> 5.00 %, and on labelled frames 4.5 times what "
        'there is, instead of 1.5 times'
    ]
    assert alarms([0.7, 0.025, 0.1]) == []  # hardly more than the old student says there, which says too much as well
    assert alarms([0.7, 0.045, 0.1], now=np.array([0.97, 0.015, 0.09])) == []  # not so on the recording
    assert gate.growth_doubts(old, new, [found, np.array([0.7, 0.2, 0.1])], np.zeros(3), classes) == []  # nothing known


def test_alarms_name_what_is_wrong():
    shares = np.array([0.5, 0.3, 0.01, 0.001]), np.array([0.6, 0.4, 0.0005, 0.0])
    assert gate.share_alarms(*shares, ['flat', 'sky', 'human', 'object']) == [
        "the class 'human' vanishes: 1.00 % of the pixels -> 0.05 %"
    ]
    assert gate.depth_alarms(1.1) == gate.depth_alarms(float('nan')) == [] and '1.60 times' in gate.depth_alarms(1.6)[0]
    assert '0.60 times' in gate.depth_alarms(0.6)[0]
    assert gate.temporal_alarms(0.95, 0.94) == gate.temporal_alarms(float('nan'), 0.5) == []
    assert 'instead of 95.0 %' in gate.temporal_alarms(0.95, 0.90)[0]
    assert gate.home_alarms(-1.0, [-1.5, -0.5]) == gate.home_alarms(-3.0, [-6.0, 0.5]) == []
    assert '3.0 points' in gate.home_alarms(-3.0, [-4.0, -2.0])[0]
    assert gate.latency_alarms(20, 28) == gate.latency_alarms(1, 5) == []
    assert '31.0 ms' in gate.latency_alarms(20, 31)[0]
