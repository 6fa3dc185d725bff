# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Random numbers that depend on (seed, stream, place) and on nothing else.

A sample's place is its number in the whole training.  A training that is resumed at step
500 draws what an uninterrupted one rng, and two processes with half a batch each draw
what one process with the whole batch draws.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch


def seed_of(*numbers: int) -> int:
    """Mix integers >= 0 into one seed of 63 bits; near inputs give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def run_seed() -> int:
    """Return the seed that the run was given, as long as nothing has seeded torch since."""
    return torch.initial_seed() % 2**32


class SampleRng:
    """Random numbers for the samples of one batch; every sample has a generator of its own.

    Args:
        seed: seed of the training.
        stream: number of the purpose; different streams of one seed are unrelated.
        places: number of each sample in the whole training: step * batch + place in the batch.
        device: where the numbers are needed.
    """

    def __init__(self, seed: int, stream: int, places: Sequence[int], device: torch.device | str = 'cpu'):
        self.device = torch.device(device)
        self._generators = [torch.Generator(self.device).manual_seed(seed_of(seed, stream, int(p))) for p in places]

    def __len__(self) -> int:
        return len(self._generators)

    def uniform(self, low: float = 0.0, high: float = 1.0, shape: Sequence[int] = ()) -> torch.Tensor:
        """Return float32 [B, *shape] in low..high."""
        return low + (high - low) * self._each(torch.rand, shape)

    def normal(self, shape: Sequence[int] = ()) -> torch.Tensor:
        """Return float32 [B, *shape] of mean 0 and deviation 1."""
        return self._each(torch.randn, shape)

    def chance(self, probability: float) -> torch.Tensor:
        """Return bool [B], each true with this probability."""
        return self.uniform() < probability

    def permutation(self, place: int, count: int) -> torch.Tensor:
        """Return int64 [count], 0..count-1 in random order, for the sample with index ``place`` in the batch."""
        generator = self._generators[place]
        return torch.randperm(count, generator=generator, device=self.device)

    def _each(self, draw, shape: Sequence[int]) -> torch.Tensor:
        return torch.stack([draw(tuple(shape), generator=g, device=self.device) for g in self._generators])
