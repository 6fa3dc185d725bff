# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The contact sheet: what is where."""
import resource

import cv2
import numpy as np
import pytest
from PIL import Image
from small_street import HEIGHT, WIDTH, write_street

from famda_ros.errors import FamdaError
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.inspection.contact_sheet import (
    CELL,
    NO_ENTRY_RGB,
    PANELS,
    disparity_picture,
    segments_picture,
    write_contact_sheet,
)
from famda_train.label_store.label_store import LabelStore
from famda_train.pictures.depth_colors import depth_picture
from famda_train.pictures.grid import GAP, HEAD, MARGIN

ROW = CELL * HEIGHT // WIDTH


@pytest.fixture
def folder(tmp_path):
    """Five frames, the last three labelled with masks, the third and fourth with depth and its reliability."""
    folder = FrameFolder(write_street(tmp_path / 'night', 'night', 5))
    masks = LabelStore.create(folder.path, 'masks', {'name': 'halves', 'kind': 'segments'})
    depth = LabelStore.create(folder.path, 'depth', {'name': 'slope', 'kind': 'depth'})
    for frame in folder.frames[2:]:
        masks.write_segments(frame.stem, halves())
    for frame in folder.frames[2:4]:
        depth.write_depth(frame.stem, slope(), np.full((HEIGHT, WIDTH), 0.6))
    return folder


def halves():
    segments = np.zeros((HEIGHT, WIDTH), int)
    segments[:, WIDTH // 2 :] = 7
    return segments


def slope():
    return np.linspace(3, 60, HEIGHT)[:, None].repeat(WIDTH, 1).astype(np.float32)


def cell(sheet, row, column):
    top, left = MARGIN + HEAD + row * (ROW + GAP), MARGIN + column * (CELL + GAP)
    return sheet[top : top + ROW, left : left + CELL].astype(int)


def test_every_panel_is_in_its_place(folder, tmp_path):
    assert write_contact_sheet(tmp_path / 'sheet.png', folder, frames=9) == (3, [])
    sheet = np.asarray(Image.open(tmp_path / 'sheet.png'))
    assert sheet.shape == (2 * MARGIN + HEAD + 3 * ROW + 2 * GAP, 2 * MARGIN + 4 * CELL + 3 * GAP, 3)
    for row in range(3):
        image = cv2.resize(folder.image(2 + row), (CELL, ROW), interpolation=cv2.INTER_AREA)
        assert (cell(sheet, row, 0) == image).all()
        masks = cell(sheet, row, 1)
        assert (masks[:, : CELL // 2 - 1] == 0).all() and (masks[:, CELL // 2 - 1] == 255).all()
        assert (masks[:, CELL // 2 :] == masks[0, -1]).all() and masks[0, -1].min() >= 64
    for row in range(2):
        middle = [cell(sheet, row, 2)[round((y + 0.5) * ROW / HEIGHT), CELL // 2] for y in range(1, HEIGHT - 1)]
        assert np.abs(middle - depth_picture(slope())[1:-1, 0].astype(int)).max() <= 12
        assert (cell(sheet, row, 3) == 153).all()
    for column in (2, 3):
        assert (cell(sheet, 2, column) == NO_ENTRY_RGB).all()
    for column in range(4):  # captions
        left = MARGIN + column * (CELL + GAP)
        assert (sheet[MARGIN : MARGIN + HEAD, left : left + CELL] < 128).any()


def test_fewer_frames_are_spread_evenly(folder, tmp_path):
    assert write_contact_sheet(tmp_path / 'sheet.png', folder, frames=2) == (2, [])
    sheet = np.asarray(Image.open(tmp_path / 'sheet.png'))
    for row, index in enumerate((2, 4)):
        image = cv2.resize(folder.image(index), (CELL, ROW), interpolation=cv2.INTER_AREA)
        assert (cell(sheet, row, 0) == image).all()


def test_many_stores_are_shown_below_each_other(folder, tmp_path):
    for number in range(3):
        store = LabelStore.create(folder.path, 'masks', {'name': f'more{number}', 'kind': 'segments'})
        store.write_segments('000002', halves())
    write_contact_sheet(tmp_path / 'sheet.png', folder, frames=1)
    sheet = np.asarray(Image.open(tmp_path / 'sheet.png'))
    part = 2 * MARGIN + HEAD + ROW
    assert sheet.shape == (2 * part, 2 * MARGIN + (1 + PANELS) * CELL + PANELS * GAP, 3)
    image = cv2.resize(folder.image(2), (CELL, ROW), interpolation=cv2.INTER_AREA)
    for below in (sheet[:part], sheet[part:]):
        assert (cell(below, 0, 0) == image).all()
    assert (cell(sheet[part:], 0, 2) == 153).all()  # reliability, the last of six panels
    assert (cell(sheet[part:], 0, 3) == 255).all()


def test_a_store_that_cannot_be_read_is_left_out_and_named(folder, tmp_path):
    (folder.path / 'teachers/depth-slope/teacher.json').write_text('{')
    shown, faults = write_contact_sheet(tmp_path / 'sheet.png', folder)
    assert shown == 3 and len(faults) == 1 and 'depth-slope' in faults[0]
    assert Image.open(tmp_path / 'sheet.png').width == 2 * MARGIN + 2 * CELL + GAP
    (folder.path / 'teachers/masks-halves/teacher.json').write_text('{')
    with pytest.raises(FamdaError, match='masks-halves'):
        write_contact_sheet(tmp_path / 'sheet.png', folder)


def test_a_full_disk_is_one_sentence(folder, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(FamdaError, match=r"cannot write '.*sheet\.png' \(.*make room"):
            write_contact_sheet(tmp_path / 'sheet.png', folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.glob('*sheet*'))


def test_nothing_to_show(tmp_path):
    folder = FrameFolder(write_street(tmp_path / 'night', 'night', 1))
    with pytest.raises(FamdaError, match=r'nothing of .* is labelled yet'):
        write_contact_sheet(tmp_path / 'sheet.png', folder)
    with pytest.raises(FamdaError, match='frames-shown'):
        write_contact_sheet(tmp_path / 'sheet.png', folder, frames=0)
    assert not (tmp_path / 'sheet.png').exists()


def test_disparity_is_coloured_whatever_its_scale_and_shift():
    disparity = np.linspace(0, 1, 300, dtype=np.float32).reshape(10, 30)
    disparity[0, 0] = np.nan
    one, other = disparity_picture(disparity).astype(int), disparity_picture(1000 * disparity - 50).astype(int)
    assert np.abs(one - other).max() <= 12 and (one[0, 0] == 0).all()
    assert one[-1, -1, 0] > one[-1, -1, 2] and one[0, 1, 2] > one[0, 1, 0]  # near is red, far is blue
    assert (disparity_picture(np.full((2, 3), np.nan)) == 0).all()


def test_large_segments_get_thin_borders_too():
    segments = np.ones((1000, 2000), np.uint16)
    segments[:, 1000:] = 2
    picture = segments_picture(segments)
    assert picture.shape == (CELL // 2, CELL, 3)
    assert (picture == 255).all(axis=-1).sum(axis=1).tolist() == [1] * (CELL // 2)
