# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The report: complete, self-contained, and right about the direction of a change."""
import base64
import io
from html.parser import HTMLParser

import numpy as np
import pytest
from picture_rows import SIZE, picture_rows
from PIL import Image

from famda_ros.student.colorize import color_mask
from famda_ros.student.label_space import VKITTI8
from famda_train.demo.report import headline, render_report, story, write_report
from famda_train.pictures.depth_colors import depth_picture

VOID = {'area', 'base', 'br', 'col', 'embed', 'hr', 'img', 'input', 'link', 'meta', 'source', 'track', 'wbr'}


class Page(HTMLParser):
    """Collects text and attributes; fails on tags that do not match."""

    def __init__(self, html):
        super().__init__()
        self.open, self.links, self.alts, self.text = [], [], [], ''
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ('src', 'href', 'srcset', 'data', 'action'):
                self.links.append(value)
            if name == 'alt':
                self.alts.append(value)
        assert tag not in ('script', 'link', 'iframe')

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def student(start):
    iou = {name: start + 0.1 + index for index, name in enumerate(VKITTI8.classes)}
    iou['traffic light'] = None
    return {'miou': start + 0.7, 'abs_rel': start / 100, 'rmse': start / 9, 'delta1': start + 30.3, 'iou': iou}


@pytest.fixture
def results():
    """Numbers that differ from one another."""
    return {
        'adaptation': {
            'protocol': 'metric',
            'source_only_plain': student(21),
            'source_only': student(33),
            'famda': {**student(47), 'abs_rel': 0.187},
        },
        'perception': {
            'frames_sent': 61,
            'frames_answered': 59,
            'frames_dropped': 2,
            'headers_equal': True,
            'latency_ms': {'p50': 12.34, 'p99': 45.67},
        },
        'drift': {'home_s': 8.0, 'detected_after_s': 3.7, 'false_alarms': 0, 'reason': 'luma 31 instead of 99 to 120'},
        'recording': {'bag_seconds': 43.1, 'images': 431, 'frames': 288, 'pre_s': 2.0},
        'gate': {
            'verdict': 'promote', 'reasons': ['the sum is +1.23'], 'sabotage': 'biased to <road>',
            'sabotaged_verdict': 'hold', 'sabotaged_reasons': ["the class 'sky' vanishes"],
        },
        'deployment': {
            'swapped_without_drop': True, 'frames_before': 83, 'frames_after': 117, 'miou_before': 41.2,
            'miou_after': 58.6, 'miou_day_after': 40.4, 'left_out': '',
        },
        'seconds': {'world': 10.4, 'self_training': 99.9, 'total': 111.0},
        'environment': {'cpu': 'x<y', 'cores': 2, 'python': '3.11', 'torch': '2.13', 'onnxruntime': '1.32'},
        'seed': 7,
    }


@pytest.fixture
def rows():
    return picture_rows(('source_only', 'famda', 'ground_truth'), ('first', '<i>second'))


def test_the_page_is_self_contained_and_well_formed(results, rows):
    page = Page(render_report(results, rows, VKITTI8))
    assert page.links
    assert all(link.startswith('data:image/png;base64,') for link in page.links)
    assert '<i>second' in page.text  # escaped, not parsed
    assert '://' not in render_report(results, [], VKITTI8)
    assert 'url(' not in render_report(results, [], VKITTI8)


def test_every_number_is_there(results, rows):
    text = Page(render_report(results, rows, VKITTI8)).text
    for key in ('source_only_plain', 'source_only', 'famda'):
        scores = results['adaptation'][key]
        assert f'{scores["miou"]:.1f}' in text
        assert f'{scores["abs_rel"]:.3f}' in text
        assert f'{scores["rmse"]:.2f}' in text
        assert f'{scores["delta1"]:.1f}' in text
        for value in scores['iou'].values():
            assert value is None or f'{value:.1f}' in text
    for word in ('61', '59', '12.3 ms', '45.7 ms', 'yes', '10.4', '99.9', '111', 'metric', 'seed 7', 'CPU x<y', '3.11'):
        assert word in text
    assert 'nan' not in text.lower().split()
    assert 'None' not in text


def test_the_story_tells_every_fact(results):
    text = Page(render_report(results, [], VKITTI8)).text
    for word in ('3.7 s', '43.1 s', '431 images', '288 frames', 'luma 31', 'promote', 'the sum is +1.23', 'hold',
                 'biased to <road>', "'sky' vanishes", '117 frames', '83 answers', '58.6', '41.2', '40.4',
                 'No frame is lost'):  # fmt: skip
        assert word in text
    results['deployment']['swapped_without_drop'] = False
    assert 'Some frames are lost' in story(results)[-1].text


def test_what_was_not_done_on_the_robot_is_said(results):
    results['perception'] = None
    results['deployment'] = {'swapped_without_drop': None, 'left_out': 'rclpy is missing'}
    text = Page(render_report(results, [], VKITTI8)).text
    assert 'rclpy is missing.' in text and 'On the robot' not in text and 'between two frames' not in text


def test_pictures_decode_to_what_went_in(results, rows):
    page = Page(render_report(results, rows, VKITTI8))
    pictures = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(link.partition(',')[2])))) for link in page.links
    ]
    of = dict(zip(page.alts, pictures, strict=True))
    frames = [picture for alt, picture in of.items() if alt != 'depth colours']
    assert len(frames) == 2 * 8
    assert all(picture.shape == (*SIZE, 3) for picture in frames)
    np.testing.assert_array_equal(of['first, camera image'], rows[0]['image'])
    ground_truth = color_mask(rows[0]['ground_truth']['labels'], VKITTI8)
    np.testing.assert_array_equal(of['first, mask, ground truth'], ground_truth)
    np.testing.assert_array_equal(of['first, depth, FAMDA'], depth_picture(rows[0]['famda']['depth']))


def test_missing_parts_leave_a_readable_page(results):
    results['seconds'] = {}
    results['adaptation'].pop('source_only_plain')
    results['adaptation']['famda'] = {'miou': None, 'abs_rel': float('nan'), 'rmse': 1.0, 'delta1': 2.0}
    text = Page(render_report(results, [], VKITTI8)).text
    assert 'seconds went' not in text
    assert 'source only, plain' not in text


def test_the_headline_names_the_direction():
    better = {'source_only': {'miou': 40.0, 'abs_rel': 0.3}, 'famda': {'miou': 50.0, 'abs_rel': 0.2}}
    worse = {'source_only': better['famda'], 'famda': better['source_only']}
    assert 'mIoU rose from 40.0 to 50.0 %' in headline(better)
    assert 'fell from 0.300 to 0.200' in headline(better)
    assert 'mIoU fell from 50.0 to 40.0 %' in headline(worse)
    assert 'rose from 0.200 to 0.300' in headline(worse)
    assert 'stayed at 40.0' in headline({'source_only': worse['famda'], 'famda': worse['famda']})


def test_the_report_file_is_the_page(results, rows, tmp_path):
    write_report(tmp_path / 'report.html', results, rows, VKITTI8)
    assert (tmp_path / 'report.html').read_text(encoding='utf-8') == render_report(results, rows, VKITTI8)
