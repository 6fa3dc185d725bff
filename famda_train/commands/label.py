# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda label``."""
from __future__ import annotations

from typing import Any

POSITIONALS = ('frames',)
HAS_RESULT = True


def run(frames: str, masks: str | None = 'felzenszwalb', depth: str | None = 'street-world') -> dict[str, Any]:
    """Fill the label store of a frame folder: class-agnostic masks and depth, cached.

    An interrupted run goes on where it stopped.

    Args:
        frames: frame folder.
        masks: mask teacher (felzenszwalb), or null for none.
        depth: depth teacher (street-world, street-world-relative: stand-ins that know
            rendered streets only), or null for none.
    """
    from famda_ros.errors import FamdaError
    from famda_train.commands.progress import progress_bar
    from famda_train.data.frame_folder import FrameFolder
    from famda_train.teachers.labelling import label_with_teachers

    if not (masks or depth):
        raise FamdaError('nothing to do: name a mask teacher, a depth teacher, or both')
    folder = FrameFolder(frames)
    with progress_bar() as bar:
        return label_with_teachers(folder, {'masks': masks, 'depth': depth}, bar)
