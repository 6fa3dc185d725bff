# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys

import numpy as np
import pytest
from seen_rrd import rows, values

from famda_ros.errors import FamdaError
from famda_ros.messages.camera_info import Intrinsics
from famda_ros.student.label_space import LabelSpace
from famda_train.inspection.rerun_log import RerunLog, check_display
from famda_train.inspection.viewing import Layer, ViewFrame, ViewSource

SPACE = LabelSpace('pair', ('left', 'right'), ((10, 20, 30), (200, 0, 0)))
HEIGHT, WIDTH = 20, 30


def source(frames=(), **parts):
    return ViewSource('drive', 3, parts or {'it': ('labels', 'depth')}, {'it': SPACE}, iter(frames))


def frame(number, **values_):
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[:, WIDTH // 2 :] = 1
    labels[0] = 255
    depth = np.full((HEIGHT, WIDTH), 4.0 + number, np.float32)
    depth[:, :3] = np.inf
    camera = Intrinsics.centred(25.0, WIDTH, HEIGHT)
    image = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    layers = {'it': Layer(labels, depth=depth)}
    known = {'stamp_ns': 10**9 + number, 'image': image, 'intrinsics': camera, 'layers': layers}
    return ViewFrame(str(number), **{**known, **values_})


def test_what_is_logged_is_in_the_file(tmp_path):
    path = tmp_path / 'new' / 'out.rrd'
    with RerunLog(source(), path) as log:
        for number in range(3):
            log.log(frame(number, scalars={'node/rate': 5.0 + number, 'node/odd': float('nan')}))
        assert not path.exists()
    assert [file.name for file in path.parent.iterdir()] == ['out.rrd']
    have = rows(path)
    entities = [
        'image', 'it/labels', 'it/depth', 'it/points', 'diagnostics/node/rate', 'diagnostics/image/brightness',
        'diagnostics/it/median_metres', 'diagnostics/it/share/left', 'diagnostics/it/share/right',
        'diagnostics/image/log10_sharpness',
    ]  # fmt: skip
    assert have == {f'/{entity}': 3 for entity in entities}
    labels = bytes(values(path, '/it/labels', 'SegmentationImage:buffer')[1][0])
    np.testing.assert_array_equal(np.frombuffer(labels, np.uint8), frame(1).layers['it'].labels.ravel())
    assert values(path, '/diagnostics/node/rate', 'Scalars:scalars') == [[5.0], [6.0], [7.0]]
    assert values(path, '/diagnostics/it/median_metres', 'Scalars:scalars') == [[4.0], [5.0], [6.0]]
    (context,) = values(path, '/it', 'AnnotationContext:context')
    named = {row['class_description']['info']['label'] for row in context[0]}
    assert named == {'left', 'right', 'unlabelled'}


def test_points_are_those_of_known_depth_in_the_colours_of_the_camera(tmp_path):
    with RerunLog(source(), tmp_path / 'out.rrd') as log:
        log.log(frame(0))
        log.log(frame(1, image=None))
    seen = values(tmp_path / 'out.rrd', '/it/points', 'Points3D:positions')
    points = np.array(next(row for row in seen if row))
    # Not the sky in three columns and the one beside them, and not the unlabelled first row.
    assert len(points) == (HEIGHT - 1) * (WIDTH - 4) and np.all(points[:, 2] == 4.0)
    left, top = points.min(axis=0)[:2]
    assert left == pytest.approx((4 - (WIDTH - 1) / 2) * 4 / 25)
    assert top == pytest.approx((1 - (HEIGHT - 1) / 2) * 4 / 25)
    first, second = (set(row) for row in values(tmp_path / 'out.rrd', '/it/points', 'Points3D:colors') if row)
    assert first == {0x646464FF}
    assert second == {0x0A141EFF, 0xC80000FF}  # without an image, those of the classes


def test_a_failed_run_leaves_no_file(tmp_path):
    with pytest.raises(FamdaError, match='broken'), RerunLog(source(), tmp_path / 'out.rrd') as log:
        log.log(frame(0))
        raise FamdaError('broken')
    assert not list(tmp_path.iterdir())


def test_files_that_cannot_be_written(tmp_path):
    (tmp_path / 'there.rrd').touch()
    with pytest.raises(FamdaError, match=r'there.rrd. exists already; remove it'):
        RerunLog(source(), tmp_path / 'there.rrd')
    with pytest.raises(FamdaError, match=r"out.bag' is no file of the Rerun viewer; give one that ends in \.rrd"):
        RerunLog(source(), tmp_path / 'out.bag')


def test_without_rerun_a_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'rerun', None)
    with pytest.raises(FamdaError, match=r"needs rerun-sdk; get it with: pip install 'famda_ros\[view\]'"):
        RerunLog(source(), tmp_path / 'out.rrd')


def test_without_a_display_a_sentence_says_what_to_do():
    with pytest.raises(FamdaError, match=r'no display for the viewer; write a file with --save out\.rrd'):
        check_display({}, 'linux')
    check_display({'DISPLAY': ':0'}, 'linux')
    check_display({'WAYLAND_DISPLAY': 'wayland-0'}, 'linux')
    check_display({}, 'darwin')
