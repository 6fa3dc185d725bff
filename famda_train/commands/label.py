# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda label``."""
from __future__ import annotations

from typing import Any

POSITIONALS = ('frames',)
HAS_RESULT = True


def run(
    frames: str,
    masks: str | None = 'felzenszwalb',
    depth: str | None = 'street-world',
    kind: str = 'auto',
    split: str | None = None,
    options: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Fill the label store of a data set: class-agnostic masks and depth, cached.

    An interrupted run goes on where it stopped.

    Args:
        frames: frame folder, or a data set in its owner's layout (Cityscapes, ACDC, ...).
        masks: mask teacher (felzenszwalb), or null for none.
        depth: depth teacher (street-world, street-world-relative: stand-ins that know
            rendered streets only), or null for none.
        kind: of the data set; auto = told by its layout.
        split: of the data set; default: the one meant for training.
        options: what else this kind of data set takes, for example --options.condition night.
    """
    from famda_ros.errors import FamdaError
    from famda_train.commands.progress import progress_bar
    from famda_train.data.catalogue import open_dataset
    from famda_train.teachers.labelling import label_with_teachers

    if not (masks or depth):
        raise FamdaError('nothing to do: name a mask teacher, a depth teacher, or both')
    dataset = open_dataset(frames, kind, split, **(options or {}))
    with progress_bar() as bar:
        return label_with_teachers(dataset, {'masks': masks, 'depth': depth}, bar)
