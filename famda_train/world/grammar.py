# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What stands in a street, and how often: the numbers of the scene grammar.

A pair ``(low, high)`` is drawn uniformly.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Range = tuple[float, float]


@dataclass(frozen=True)
class Grammar:
    """Probabilities, densities and sizes in metres; the defaults are the plain street.

    Attributes:
        half_road, walk: width of the right half of the road and of a sidewalk.
        built: probability that a side has buildings; building: that one of its lots has one.
        set_back: probability that buildings stand back from the sidewalk; gaps: of a gap after a lot.
        storeys: height of buildings; shops: probability of a board over the ground floor.
        walls: probability of a garden wall along a green lot.
        street_trees: probability of a row of trees; crowns: their radii; bare: share of trees without leaves.
        pole_gaps: metres between poles.
        parked, traffic: probability that a parking place or a place in the traffic is taken.
        walkers, crossers, cyclists, bollards, far_trees, islands: mean numbers: on each sidewalk, on the road, on
            bicycles, of posts on each sidewalk, of trees beyond the houses, of posts in the middle of the road.
    """

    half_road: Range = (3.9, 6.3)
    walk: Range = (1.8, 3.6)
    built: float = 0.72
    building: float = 0.82
    set_back: float = 0.6
    gaps: float = 0.3
    storeys: Range = (5, 20)
    shops: float = 0.0
    walls: float = 0.4
    street_trees: float = 0.5
    crowns: Range = (1.0, 2.2)
    bare: float = 0.0
    pole_gaps: Range = (7, 22)
    parked: float = 0.62
    traffic: float = 0.5
    walkers: float = 2.6
    crossers: float = 1.0
    cyclists: float = 0.0
    bollards: float = 0.0
    far_trees: float = 0.0
    islands: float = 0.0


PLAIN = Grammar()


def varied_grammar(seed: int) -> Grammar:
    """Return the grammar of one varied street: terrace, suburb or open road, in summer or winter."""
    rng = np.random.default_rng([seed, 0x6A3])
    built, building = ((1.0, 0.97), (0.75, 0.7), (0.25, 0.5))[int(rng.choice(3, p=(0.5, 0.3, 0.2)))]
    low = rng.uniform(4, 9)
    return Grammar(
        half_road=(2.9, 7.5),
        walk=(1.0, 4.5),
        built=built,
        building=building,
        set_back=rng.uniform(0.1, 0.7),
        gaps=rng.uniform(0.0, 0.4),
        storeys=(low, low + rng.uniform(2, 12)),
        shops=rng.uniform(0.0, 0.9),
        walls=rng.uniform(0.2, 0.8),
        street_trees=rng.uniform(0.2, 0.8),
        crowns=(1.2, rng.uniform(2.0, 4.5)),
        bare=float(rng.choice([0.0, 0.3, 0.7, 1.0])),
        pole_gaps=(4, rng.uniform(12, 30)),
        parked=rng.uniform(0.1, 0.7),
        traffic=rng.uniform(0.1, 0.6),
        walkers=rng.uniform(0.5, 6.0),
        crossers=rng.uniform(0.0, 1.2),
        cyclists=rng.uniform(0.0, 2.5),
        bollards=rng.uniform(0.0, 2.0),
        far_trees=rng.uniform(0.0, 6.0),
        islands=rng.uniform(0.0, 0.6),
    )
