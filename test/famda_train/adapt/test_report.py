# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The reports of an adaptation and of a comparison: complete, self-contained, and of one mind with the verdict."""
from __future__ import annotations

import pytest
from html_page import Page
from report_pages import adapt_result, compared, curves, shown_frames

from famda_ros.student.label_space import FLAT7
from famda_train.adapt.report import HEADLINES, HELD, next_steps, render_comparison, render_report

SHARED = (
    'the sum is +1.25', '+1.25', 'mask information', '31.0', '42.0', 'frame 0', '9 % change', '87.3 %', '1.07',
    '91.0 → 93.6 %', '12 → 15 ms', '51.2 → 55.9 %',
)  # fmt: skip


@pytest.mark.parametrize('verdict', ['promote', 'hold', 'ask'])
def test_all_is_there_and_nothing_is_loaded(verdict):
    page = Page(render_report(adapt_result(verdict), compared(verdict), shown_frames(), FLAT7, curves()))
    for text in (
        *SHARED, HEADLINES.get(verdict, HELD), verdict, '700.2', 'night<&>', "'bag' is cut off",
        'masks by felzenszwalb', 'The training', 'famda fit --config street.yaml', '3 → ',
    ):  # fmt: skip
        assert text in page.text, text
    assert page.loaded and all(value.startswith('data:image/') for value in page.loaded)
    assert ('famda deploy' in page.text) == (verdict == 'promote')
    assert ('000_000007' in page.text) == (verdict == 'ask')


@pytest.mark.parametrize('verdict', ['promote', 'hold', 'ask'])
def test_a_comparison_alone(verdict):
    page = Page(render_comparison(compared(verdict), shown_frames(), FLAT7, [('This page', 'famda compare A B C')]))
    for text in (*SHARED, HEADLINES.get(verdict, HELD), verdict, 'famda compare A B C', 'night<&>.mcap'):
        assert text in page.text, text
    assert ('famda deploy /out/student.onnx' in page.text) == (verdict == 'promote')
    assert ("famda compare /base.ckpt /out/student.onnx '/bags/night<&>.mcap' --labels" in page.text) == (
        verdict != 'promote'
    )


def test_what_was_not_measured_is_not_there():
    comparison = compared()
    comparison['measured'] |= {'depth_ratio': None, 'temporal_agreement': [0.91, None]}
    del comparison['measured']['milliseconds']
    text = Page(render_comparison(comparison, [], FLAT7, [])).text
    assert 'depth, after' not in text and 'labels kept' not in text and ' ms' not in text and 'differ most' not in text


def test_every_line_has_a_slider_with_a_name_and_its_two_pictures():
    page = Page(render_report(adapt_result(), compared(), shown_frames(3), FLAT7, []))
    sliders = [attrs for tag, attrs in page.tags if tag == 'input']
    assert len(sliders) == 3 * 2 and all(slider['type'] == 'range' and slider['aria-label'] for slider in sliders)
    assert sum('tabindex' not in slider for slider in sliders) == 3  # one for the keyboard in every frame
    assert len(page.pictures) == 3 * (2 + 2 + 1) + 1  # and the colours of depth
    assert not any(tag == 'svg' for tag, _ in page.tags)


def test_the_next_commands_name_the_files_whatever_they_are_called():
    steps = dict(next_steps(adapt_result(model='/out put/night.onnx')))
    assert steps['Put it on the robot'] == "famda deploy '/out put/night.onnx' --to /opt/famda"
    assert 'Decide with labelled frames' in dict(next_steps(adapt_result('ask')))
