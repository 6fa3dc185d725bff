# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""An ONNX Runtime session with memory of its own for input and outputs, used again and again."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime

SHRINK = 'memory.enable_memory_arena_shrinkage'
KINDS = {'tensor(float)': np.float32, 'tensor(uint8)': np.uint8}


class BoundSession:
    """Run a graph that maps ``image`` uint8 [1, h, w, 3] to arrays [1, h, w].

    Not for several threads at a time.

    Attributes:
        image: uint8 [h, w, 3]; what is written here is not copied again.
        session: of ONNX Runtime.
        names: of the outputs.

    Args:
        session: of ONNX Runtime.
        size: (h, w).
    """

    def __init__(self, session: onnxruntime.InferenceSession, size: tuple[int, int]):
        self.session = session
        self.image = np.empty((*size, 3), np.uint8)
        self._arrays = {output.name: np.empty(size, KINDS[output.type]) for output in session.get_outputs()}
        value = onnxruntime.OrtValue.ortvalue_from_numpy  # shares the memory of the array
        self.names = tuple(self._arrays)
        self._values = {name: value(array[None]) for name, array in self._arrays.items()}
        self._binding = session.io_binding()
        self._binding.bind_ortvalue_input('image', value(self.image[None]))
        for name, output in self._values.items():
            self._binding.bind_ortvalue_output(name, output)
        # The first run takes memory piece by piece, the second in one piece, once it is known how much: what the
        # first took is given back, or it would stay unused (73 MB of the Lite0 student at 512x1024).
        self._options: onnxruntime.RunOptions | None = onnxruntime.RunOptions()
        self._options.add_run_config_entry(SHRINK, 'cpu:0')

    def __call__(self, small: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the outputs ``names``, which the next call overwrites.

        Args:
            small: uint8 [h, w, 3]; :attr:`image` itself is not copied.
            names: of the outputs.
        """
        if small is not self.image:
            np.copyto(self.image, small)
        self.session.run_with_iobinding(self._binding, self._options)
        self._options = None
        return {name: self._arrays[name] for name in names}
