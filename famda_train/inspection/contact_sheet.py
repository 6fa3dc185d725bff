# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A picture that shows in a second whether teachers are sane: images beside the teachers' outputs."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.files import write_atomically
from famda_ros.student.colorize import color_depth
from famda_train.datasets.checks import sample_indices
from famda_train.datasets.dataset import Dataset
from famda_train.label_store.label_store import LabelStore
from famda_train.pictures.depth_colors import depth_picture
from famda_train.pictures.grid import draw_grid, encode_png

CELL = 320
"""Width of a picture, pixels."""
NO_MASK_RGB, NO_ENTRY_RGB = (0, 0, 0), (226, 226, 226)
COLORS = 65536
PANELS = 4
"""Most panels beside an image; further ones follow below."""
NOTHING = "nothing of '{}' is labelled yet; name a mask or a depth teacher"

Column = tuple[str, Callable[[int], np.ndarray]]
"""(caption, frame index → uint8 RGB)"""


def write_contact_sheet(path: str | Path, dataset: Dataset, frames: int = 6) -> tuple[int, list[str]]:
    """Draw a row per frame: its image, then what every store holds for it; grey = no entry.

    Args:
        path: PNG file to write.
        dataset: the frames.
        frames: how many, evenly spaced among those that any store has.

    Returns:
        (how many frames are shown, why stores are left out that cannot be read).

    Raises:
        FamdaError: there is nothing to show, or the file cannot be written.
    """
    if frames < 1:
        raise FamdaError(f'--frames-shown must be 1 or more, not {frames}')
    stores, faults = [], []
    for role, name in LabelStore.names(dataset.store):
        try:
            stores.append((role, name, LabelStore.open(dataset.store, role, name)))
        except FamdaError as error:
            faults.append(str(error))
    labelled = [i for i, frame in enumerate(dataset.frames) if any(frame.stem in store for *_, store in stores)]
    if not labelled:
        raise FamdaError(faults[0] if faults else NOTHING.format(dataset.path))
    shown = [labelled[i] for i in sample_indices(len(labelled), frames)]
    picture = encode_png(contact_sheet(dataset, shown, stores))
    try:
        write_atomically(path, picture)
    except OSError as error:
        raise FamdaError(f"cannot write '{path}' ({error.strerror}); make room, or name a file elsewhere") from error
    return len(shown), faults


def contact_sheet(dataset: Dataset, indices: Sequence[int], stores: list[tuple[str, str, LabelStore]]) -> np.ndarray:
    """Return uint8 RGB with one row per frame and a captioned column for the images and each store.

    Where there are more panels than :data:`PANELS`, further ones follow below, beside the images again.

    Args:
        dataset: the frames.
        indices: those that are shown.
        stores: (role, name, store) of each column.
    """
    panels = [column for role, name, store in stores for column in store_columns(dataset, role, name, store)]
    parts = [panels[start : start + PANELS] for start in range(0, len(panels), PANELS)]
    sheets = [_sheet([('image', dataset.image), *part], indices) for part in parts]
    width = max(sheet.shape[1] for sheet in sheets)
    return np.vstack(
        [np.pad(sheet, ((0, 0), (0, width - sheet.shape[1]), (0, 0)), constant_values=255) for sheet in sheets]
    )


def _sheet(columns: Sequence[Column], indices: Sequence[int]) -> np.ndarray:
    rows = [[picture(index) for _, picture in columns] for index in indices]
    heights = [round(CELL * row[0].shape[0] / row[0].shape[1]) for row in rows]
    cells = [
        [cv2.resize(picture, (CELL, height), interpolation=cv2.INTER_AREA) for picture in row]
        for row, height in zip(rows, heights, strict=True)
    ]
    return draw_grid([caption for caption, _ in columns], cells)


def store_columns(dataset: Dataset, role: str, name: str, store: LabelStore) -> list[Column]:
    """Return (caption, frame index → uint8 RGB) of the columns of a store: one, or two where it has reliability."""

    def column(draw: Callable[[str], np.ndarray]) -> Callable[[int], np.ndarray]:
        return lambda index: draw(stem) if (stem := dataset.frames[index].stem) in store else _no_entry(dataset, index)

    if role == 'masks':
        return [(f'masks: {name}', column(lambda stem: segments_picture(store.read_segments(stem))))]
    picture = depth_picture if store.kind == 'depth' else disparity_picture
    columns = [(f'{store.kind}: {name}', column(lambda stem: picture(store.read_depth(stem))))]
    if any(entry.get('reliability') for entry in store.entries.values()):
        columns.append((f'reliability: {name}', column(lambda stem: reliability_picture(store.read_reliability(stem)))))
    return columns


def segments_picture(segments: np.ndarray) -> np.ndarray:
    """Return uint8 RGB, as wide as a cell, of uint16 [H, W] mask ids: a colour each, thin white borders.

    Pixels without a mask are black.
    """
    palette = np.random.default_rng(0).integers(64, 224, (COLORS, 3), np.uint8)
    palette[0] = NO_MASK_RGB
    height, width = segments.shape
    # At the size of the cell, so that borders are thin in it.
    segments = cv2.resize(segments, (CELL, round(CELL * height / width)), interpolation=cv2.INTER_NEAREST)
    picture = palette[segments]
    picture[_borders(segments)] = 255
    return picture


def _borders(segments: np.ndarray) -> np.ndarray:
    """Return where the mask to the right or below is another one: lines of one pixel."""
    borders = np.zeros(segments.shape, bool)
    borders[:, :-1] |= segments[:, :-1] != segments[:, 1:]
    borders[:-1] |= segments[:-1] != segments[1:]
    return borders


def disparity_picture(disparity: np.ndarray) -> np.ndarray:
    """Return uint8 RGB of disparity of any scale and shift: near is warm, far is cool, unknown is black."""
    known = disparity[np.isfinite(disparity)]
    if not known.size:
        return np.zeros((*disparity.shape, 3), np.uint8)
    far, near = np.percentile(known, (2, 98))
    return color_depth(-disparity, farthest=-far, nearest=-max(near, far + 1e-6))


def reliability_picture(reliability: np.ndarray | None) -> np.ndarray:
    """Return uint8 RGB: white = reliable, black = not at all, or unknown."""
    if reliability is None:
        return np.zeros((1, 1, 3), np.uint8)
    return np.repeat((255 * reliability).round().astype(np.uint8)[..., None], 3, axis=2)


def _no_entry(dataset: Dataset, index: int) -> np.ndarray:
    frame = dataset.frames[index]
    return np.full((frame.height, frame.width, 3), NO_ENTRY_RGB, np.uint8)
