# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Open any data set by its path."""
from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from famda_ros.errors import FamdaError, choose
from famda_ros.student.label_space import SUFFIXES, get_label_space
from famda_train.datasets.acdc import Acdc
from famda_train.datasets.camvid import CamVid
from famda_train.datasets.cityscapes import Cityscapes
from famda_train.datasets.dark_zurich import DarkZurich
from famda_train.datasets.dataset import Dataset
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.datasets.gta5 import Gta5
from famda_train.datasets.street_world import StreetWorld
from famda_train.datasets.synthia import Synthia
from famda_train.datasets.vkitti2 import VirtualKitti2

KINDS: dict[str, type[Dataset]] = {
    cls.KIND: cls
    for cls in (StreetWorld, FrameFolder, CamVid, Cityscapes, Acdc, DarkZurich, VirtualKitti2, Synthia, Gta5)
}
"""Kinds of data sets, in the order in which their layouts are looked for."""
IMAGE_ENDINGS = ('.jpg', '.jpeg', '.png')
TRACES = (
    (Cityscapes.KIND, ('gtFine', 'disparity/train'), 'leftImg8bit'),
    (Gta5.KIND, ('images/[0-9][0-9][0-9][0-9][0-9].png',), 'labels'),
)
"""(kind, files that show that a data set was meant, the folder without which it cannot be detected)"""


def open_dataset(
    path: str | Path, kind: str = 'auto', split: str | None = None, label_space: str | None = None, **options: Any
) -> Dataset:
    """Open a data set.

    Args:
        path: its folder, or ``street-world:<domain>`` for frames that are rendered when they are read.
        kind: one of :data:`KINDS`; auto = detected from the layout.
        split: None = the usual one of that data set (for training).
        label_space: what labels are read as: a name, or the YAML file of your own; None = the usual one of that
            data set.
        options: what else the data set's class takes (``conditions``, ``condition``, ``time``, ``store``, ...).

    Raises:
        FamdaError: no such folder, kind, split, label space or option; names those there are.
    """
    name = detect_kind(path) if kind == 'auto' else kind
    cls: Any = choose(KINDS, name, 'kind of data set')
    space = label_space
    if label_space is not None and label_space.lower().endswith(SUFFIXES):
        space = get_label_space(label_space).name
    wanted = {'split': split, 'label_space': space, **options}
    given = {key: value for key, value in wanted.items() if value is not None}
    known = list(inspect.signature(cls).parameters)[1:]
    for key in given:
        if key not in known:
            raise FamdaError(f"a data set of kind {name} has no option '{key}'; it takes {', '.join(known)}")
    return cls(path, **given)


def detect_kind(path: str | Path) -> str:
    """Return the kind of the data set at a path, detected from its layout.

    Raises:
        FamdaError: nothing there, or no layout that is known.
    """
    folder = Path(path)
    if StreetWorld.detect(folder):
        return StreetWorld.KIND
    if not folder.is_dir():
        raise FamdaError(f"'{path}' is no folder; give the root of a data set, or street-world:night")
    for name, cls in KINDS.items():
        if cls.detect(folder):
            return name
    raise FamdaError(_unknown_layout(folder))


def what_is_missing(folder: Path) -> str | None:
    """Return a sentence about the folder that a part of a published data set lacks; None = it is no such part."""
    for kind, traces, lacking in TRACES:
        found = next((file for trace in traces for file in sorted(folder.glob(trace))), None)
        if found and not (folder / lacking).is_dir():
            trace = found.relative_to(folder).as_posix() + '/' * found.is_dir()
            return f"'{folder}' looks like {kind} ({trace}), but {lacking}/ is missing"
    return None


def _unknown_layout(folder: Path) -> str:
    if (folder / 'dataset.yaml').is_file():
        return f"'{folder}' has a dataset.yaml but no frames.jsonl, so it was never finished; write it again"
    if missing := what_is_missing(folder):
        return f'{missing}; unpack it there, or see docs/datasets.md if these are other data'
    for images in (folder, folder / 'images'):
        if images.is_dir() and any(file.suffix.lower() in IMAGE_ENDINGS for file in images.iterdir()):
            return (
                f"'{images}' holds bare images without a dataset.yaml; make a frame folder of them with the lines "
                "in docs/datasets.md, section 'Your own images'"
            )
    folders = (child for child in sorted(folder.iterdir()) if child.is_dir())
    nested = [child for child in folders if any(cls.detect(child) for cls in KINDS.values())]
    if nested:
        return f"'{folder}' is no data set itself; did you mean '{nested[0]}'?"
    return f"'{folder}' is laid out like none of the known data sets ({', '.join(KINDS)}); see docs/datasets.md"
