# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Where and how precisely the networks of teachers run, and what happens when memory runs out."""
from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from typing import Literal, TypeVar

import torch

from famda_ros.errors import FamdaError

Precision = Literal['auto', 'fp32', 'fp16', 'bf16']
Result = TypeVar('Result')

_TYPES = {'fp16': torch.float16, 'bf16': torch.bfloat16}


def choose_device(name: str = 'auto') -> torch.device:
    """Return the device of a name: ``auto`` = the GPU where there is one, ``cpu``, ``cuda``, ``cuda:1``.

    Raises:
        FamdaError: no such device on this machine.
    """
    if name == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        torch.empty(0, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError) as error:
        raise FamdaError(f"there is no device '{name}' here; take auto, cpu, or cuda where there is a GPU") from error


def choose_precision(name: Precision, device: torch.device) -> Precision:
    """Return the precision that ``auto`` stands for: fp16 on a GPU, fp32 elsewhere.  It belongs to the identity."""
    if name != 'auto':
        return name
    return 'fp16' if device.type == 'cuda' else 'fp32'


def autocast(device: torch.device, precision: Precision) -> contextlib.AbstractContextManager:
    """Return the context in which a network runs at a precision that :func:`choose_precision` gave."""
    if precision == 'fp32':
        return contextlib.nullcontext()
    return torch.autocast(device.type, _TYPES[precision])


class FittingBatch:
    """A batch size that is halved, once for all, when the memory of the GPU does not suffice.

    Args:
        size: to begin with.
        what: runs, for messages: ``depth teacher 'depth-anything'``.
        advice: what a user can do when not even one fits.
    """

    def __init__(self, size: int, what: str, advice: str):
        self.size, self._what, self._advice = size, what, advice
        self._warned = False

    def run(self, work: Callable[[int], Result]) -> Result:
        """Return ``work(batch size)``, called again with half of it as often as memory runs out.

        Raises:
            FamdaError: memory does not suffice for a batch of one.
        """
        while True:
            try:
                return work(self.size)
            except torch.OutOfMemoryError as error:
                if self.size == 1:
                    raise FamdaError(f'{self._what} does not fit into the memory of the GPU; {self._advice}') from error
            # Outside the handler, whose traceback keeps the tensors of the failed try alive.
            self.size //= 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            if not self._warned:
                warnings.warn(f'{self._what}: out of GPU memory, continuing with batches of {self.size}', stacklevel=2)
                self._warned = True
