# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The report of an adaptation: complete, self-contained, and of one mind with the verdict."""
from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest
from small_street import write_checkpoint, write_street

from famda_ros.student.label_space import FLAT7
from famda_train.adapt.report import HEADLINES, HELD, picture_rows, render_report
from famda_train.datasets.frame_folder import FrameFolder

VOID = {'img', 'input', 'meta'}


class Page(HTMLParser):
    """Collects texts, tags and what is loaded; fails on tags that do not match."""

    def __init__(self, html):
        super().__init__()
        self.open, self.loaded, self.tags, self.text = [], [], [], ''
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        self.loaded += [value for name, value in attrs if name in ('src', 'href', 'srcset', 'data')]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def result(verdict='promote', **changes):
    return {
        'name': 'night<&>', 'verdict': verdict, 'model': '/out/night.onnx', 'base': '/base.ckpt',
        'checkpoint': '/out/student.ckpt', 'frames': 62, 'steps': 93, 'seconds': {'extract': 1.5, 'fit': 700.25},
        'teachers': 'masks by felzenszwalb', 'losses': ["'bag' is cut off"], **changes,
    }  # fmt: skip


def comparison(verdict='promote'):
    return {
        'reasons': ['the sum is +1.25', 'mask_information 0.7 -> 0.8'], 'total': 1.25,
        'terms': {'mask_information': {'old': 0.71, 'new': 0.83, 'gain': 1.25}},
        'frames_to_label': ['000_000007'] if verdict == 'ask' else [],
        'measured': {'class_shares': {'road': [0.31, 0.42], 'sky': [0.2, 0.1]}},
    }  # fmt: skip


def rows(count=2):
    pictures = [np.full((30, 80, 3), shade, np.uint8) for shade in (90, 200)]
    return [{'name': f'frame {i}', 'changed': 12.7, 'before': pictures[0], 'after': pictures[1]} for i in range(count)]


@pytest.mark.parametrize('verdict', ['promote', 'hold', 'ask'])
def test_all_is_there_and_nothing_is_loaded(verdict):
    page = Page(render_report(result(verdict), comparison(verdict), rows(), FLAT7))
    for text in (
        HEADLINES.get(verdict, HELD), verdict, 'the sum is +1.25', '+1.25', 'mask information', '31.0', '42.0', '700.2',
        'night<&>', "'bag' is cut off", 'masks by felzenszwalb', '13 %',
    ):  # fmt: skip
        assert text in page.text, text
    assert page.loaded and all(value.startswith('data:image/jpeg;base64,') for value in page.loaded)
    assert ('famda deploy' in page.text) == (verdict == 'promote')
    assert ('000_000007' in page.text) == (verdict == 'ask')


def test_every_slider_has_a_name_and_its_two_pictures():
    page = Page(render_report(result(), comparison(), rows(3), FLAT7))
    sliders = [attrs for tag, attrs in page.tags if tag == 'input']
    assert len(sliders) == 3 and all(slider['type'] == 'range' and slider['aria-label'] for slider in sliders)
    assert sum(tag == 'img' for tag, _ in page.tags) == 6
    assert all(attrs['alt'] for tag, attrs in page.tags if tag == 'img')


def test_frames_that_differ_most_come_first(tmp_path):
    frames = FrameFolder(write_street(tmp_path / 'frames', 'night', 5))
    students = tuple(write_checkpoint(tmp_path / f'{seed}.ckpt', seed) for seed in (0, 1))
    found, space = picture_rows(frames, students, 3)
    changed = [row['changed'] for row in found]
    assert len(found) == 3 and changed == sorted(changed, reverse=True) and changed[0] > 0
    assert space.name == 'flat7' and found[0]['before'].shape == found[0]['after'].shape == (240, 960, 3)
