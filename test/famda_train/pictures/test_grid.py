# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures in rows and columns."""
import io

import numpy as np
from PIL import Image

from famda_train.pictures.grid import GAP, GROUP_GAP, HEAD, LEGEND, MARGIN, draw_grid, encode_png


def plain(value, height=10, width=30):
    return np.full((height, width, 3), value, np.uint8)


def test_every_picture_is_in_its_place():
    rows = [[plain(10), plain(20)], [plain(30, height=7), plain(40, height=7)]]
    grid = draw_grid(['one', 'two'], rows)
    assert grid.shape == (2 * MARGIN + HEAD + 10 + GAP + 7, 2 * MARGIN + 2 * 30 + GAP, 3) and grid.dtype == np.uint8
    top, right = MARGIN + HEAD, MARGIN + 30 + GAP
    assert (grid[top : top + 10, MARGIN : MARGIN + 30] == 10).all()
    assert (grid[top : top + 10, right : right + 30] == 20).all()
    assert (grid[top + 10 : top + 10 + GAP] == 255).all()
    assert (grid[top + 10 + GAP :, MARGIN : MARGIN + 30][:7] == 30).all()
    for left in (MARGIN, right):
        assert (grid[MARGIN : MARGIN + HEAD, left : left + 30] < 128).any()  # captions


def test_groups_of_rows_are_set_apart_and_a_title_stands_above():
    rows = [[plain(0)]] * 4
    assert len(draw_grid([''], rows, group=2)) == 2 * MARGIN + HEAD + 40 + 2 * GAP + GROUP_GAP
    titled = draw_grid([''], rows, title='x')
    assert len(titled) == len(draw_grid([''], rows)) + HEAD and (titled[MARGIN : MARGIN + HEAD] < 128).any()


def test_the_legend_shows_classes_and_depth():
    color = (1, 200, 3)
    grid = draw_grid(['', ''], [[plain(0, width=300)] * 2], classes=[('road', color)])
    assert len(grid) == 2 * MARGIN + HEAD + 10 + GAP + LEGEND
    legend = grid[-LEGEND - MARGIN :]
    assert (legend == color).all(-1).sum() == 13 * 13
    assert len(np.unique(legend.reshape(-1, 3), axis=0)) > 100  # colours of depth


def test_a_png_holds_what_went_in():
    picture = np.random.default_rng(0).integers(0, 255, (5, 8, 3)).astype(np.uint8)
    assert (np.asarray(Image.open(io.BytesIO(encode_png(picture)))) == picture).all()
