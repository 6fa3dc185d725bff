# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Reports of every kind, made of few small pictures."""
import numpy as np
from picture_rows import picture_rows

from famda_ros.student.label_space import FLAT7, VKITTI8
from famda_train.adapt.report import render_comparison, render_report
from famda_train.demo.report import render_report as render_demo
from famda_train.pictures.learning_curves import learning_curves
from famda_train.pictures.report_page import Panel, ShownFrame


def _student(start):
    iou = {name: start + 0.1 + index for index, name in enumerate(VKITTI8.classes)}
    iou['traffic light'] = None
    return {'miou': start + 0.7, 'abs_rel': start / 100, 'rmse': start / 9, 'delta1': start + 30.3, 'iou': iou}


def demo_results():
    """Return results of the demo, whose numbers differ from one another."""
    return {
        'adaptation': {
            'protocol': 'metric',
            'source_only_plain': _student(21),
            'source_only': _student(33),
            'famda': {**_student(47), 'abs_rel': 0.187},
        },
        'perception': {
            'frames_sent': 61, 'frames_answered': 59, 'frames_dropped': 2, 'headers_equal': True,
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
    }  # fmt: skip


def demo_rows():
    """Return the demo's pictures; the name of one would be a tag."""
    return picture_rows(('source_only', 'famda', 'ground_truth'), ('first', '<i>second'))


def adapt_result(verdict='promote', **changes):
    """Return what an adaptation returns."""
    return {
        'name': 'night<&>', 'verdict': verdict, 'model': '/out/night.onnx', 'base': '/base.ckpt',
        'checkpoint': '/out/student.ckpt', 'frames': 62, 'labelled': 12, 'steps': 93,
        'seconds': {'extract': 1.5, 'fit': 700.25}, 'teachers': 'masks by felzenszwalb', 'losses': ["'bag' is cut off"],
        'commands': [('The training', 'famda fit --config street.yaml')], **changes,
    }  # fmt: skip


def compared(verdict='promote'):
    """Return a comparison as JSON values."""
    return {
        'verdict': verdict, 'old': '/base.ckpt', 'new': '/out/student.onnx', 'recording': '/bags/night<&>.mcap',
        'reasons': ['the sum is +1.25', 'mask_information 0.7 -> 0.8'], 'total': 1.25, 'frames': 20,
        'terms': {'mask_information': {'old': 0.71, 'new': 0.83, 'gain': 1.25}},
        'frames_to_label': ['000_000007'] if verdict == 'ask' else [],
        'measured': {
            'class_shares': {'road': [0.31, 0.42], 'sky': [0.2, 0.1]}, 'agreement': 0.873, 'depth_ratio': 1.07,
            'temporal_agreement': [0.91, 0.936], 'milliseconds': [12.3, 14.6], 'labelled': {'miou': [51.2, 55.9]},
        },
    }  # fmt: skip


def shown_frames(count=2, size=(24, 48)):
    """Return frames with two pictures below a line, red before and blue after, and a grey one without."""
    red, blue, grey = (np.full((*size, 3), color, np.uint8) for color in ((200, 0, 0), (0, 0, 200), (99, 99, 99)))
    panels = [Panel('mask', blue, before=red), Panel('depth', blue, before=red), Panel('wrong', grey)]
    return [ShownFrame(f'frame {number}', f'{9 - number} % change', panels) for number in range(count)]


def curves():
    """Return the curves of a training of 93 steps."""
    return learning_curves({'loss': [(step, 3 / (1 + step)) for step in range(94)], 'learning_rate': [(0, 1), (93, 0)]})


def report_pages():
    """Return name → HTML of a report of every kind that needs no student."""
    return {
        'demo': render_demo(demo_results(), demo_rows(), VKITTI8, [('Look at it', 'famda view ' + 'x' * 90)], curves()),
        'adapt': render_report(adapt_result(), compared(), shown_frames(), FLAT7, curves()),
        'compare': render_comparison(compared('ask'), shown_frames(), FLAT7, [('This page', 'famda compare')]),
    }
