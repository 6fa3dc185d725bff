# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The report: complete, self-contained, and right about the direction of a change."""
import base64
import io

import numpy as np
import pytest
from html_page import Page
from picture_rows import SIZE
from PIL import Image
from report_pages import demo_results, demo_rows

from famda_ros.student.colorize import color_mask
from famda_ros.student.label_space import VKITTI8
from famda_train.demo.report import headline, render_report, story
from famda_train.pictures.depth_colors import depth_picture


@pytest.fixture
def results():
    return demo_results()


@pytest.fixture
def rows():
    return demo_rows()


def test_the_page_is_self_contained_and_well_formed(results, rows):
    page = Page(render_report(results, rows, VKITTI8))
    assert page.loaded
    assert all(link.startswith('data:image/') for link in page.loaded)
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
    of = {
        alt: np.asarray(Image.open(io.BytesIO(base64.b64decode(link.partition(',')[2]))))
        for alt, link in page.pictures.items()
    }
    frames = [picture for alt, picture in of.items() if alt != 'depth colours']
    assert len(frames) == 2 * 12  # eight panels, four of them below a line
    assert all(picture.shape == (*SIZE, 3) for picture in frames)
    np.testing.assert_array_equal(of['first, camera'], rows[0]['image'])
    masks = {'true mask': 'ground_truth', 'mask, source only': 'source_only', 'mask, FAMDA': 'famda'}
    for title, output in masks.items():
        np.testing.assert_array_equal(of[f'first, {title}'], color_mask(rows[0][output]['labels'], VKITTI8))
    np.testing.assert_array_equal(of['first, depth, FAMDA'], depth_picture(rows[0]['famda']['depth']))


def test_frames_whose_masks_change_most_come_first(results, rows):
    rows[0]['source_only'] = rows[0]['famda']
    text = Page(render_report(results, rows, VKITTI8)).text
    assert text.index('<i>second') < text.index('first 0 % of the pixels change class')


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
