# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""From rows, one per student and seed, to means, gains and what is left to gain."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import mean, stdev
from typing import Any

from famda_train.bench.rows import BASELINE, ORACLE

BETTER = {'miou': 1, 'abs_rel': -1, 'rmse': -1, 'delta1': 1}
"""Metric → 1 where more is better, -1 where less is."""

DISTANCES = ('miou', 'abs_rel')
"""Metrics for which the share of the distance to the oracle is reported."""


def summarise(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return target → summary of its rows.

    Args:
        rows: ``name``, ``target``, ``seed``, the metrics and ``iou`` (class → percent); None = not measurable.

    Returns:
        for every target ``seeds``, and each by the name of the row:
        ``rows``: metric → {mean, std over seeds (sample standard deviation; None with one seed)};
        ``gain``: metric → {mean, min, seeds: seed → gain over the fair baseline of the same seed}, positive = better;
        ``closed``: metric → share (0..1) of the distance from the fair baseline to the oracle that is closed;
        ``iou``: class → mean percent.
    """
    targets = dict.fromkeys(row['target'] for row in rows)
    return {target: _summarise_target([row for row in rows if row['target'] == target]) for target in targets}


def _summarise_target(rows: list[dict[str, Any]]) -> dict[str, Any]:
    names = dict.fromkeys(row['name'] for row in rows)
    by_name = {name: {row['seed']: row for row in rows if row['name'] == name} for name in names}
    gain = {name: _gain(by_name[name], by_name.get(BASELINE, {})) for name in names if name != BASELINE}
    return {
        'seeds': sorted({row['seed'] for row in rows}),
        'rows': {name: {metric: _spread(by_name[name].values(), metric) for metric in BETTER} for name in names},
        'gain': gain,
        'closed': {name: _closed(gain[name], gain.get(ORACLE, {})) for name in gain if name != ORACLE},
        'iou': {name: _mean_iou(by_name[name].values()) for name in names},
    }


def _spread(rows: Iterable[dict[str, Any]], metric: str) -> dict[str, float | None]:
    values = [row[metric] for row in rows if row[metric] is not None]
    return {'mean': mean(values) if values else None, 'std': stdev(values) if len(values) > 1 else None}


def _gain(rows: dict[int, dict[str, Any]], baseline: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Return metric → gain over the baseline; only seeds that both have count."""
    gain = {}
    for metric, better in BETTER.items():
        seeds = {
            str(seed): better * (rows[seed][metric] - baseline[seed][metric])
            for seed in sorted(rows.keys() & baseline.keys())
            if rows[seed][metric] is not None and baseline[seed][metric] is not None
        }
        if seeds:
            gain[metric] = {'mean': mean(seeds.values()), 'min': min(seeds.values()), 'seeds': seeds}
    return gain


def _closed(gain: dict[str, Any], distance: dict[str, Any]) -> dict[str, float]:
    """Return metric → share of the distance; nothing where the oracle is not ahead of the baseline."""
    closed = {}
    for metric in DISTANCES:
        if metric in gain and metric in distance:
            common = gain[metric]['seeds'].keys() & distance[metric]['seeds'].keys()
            whole = sum(distance[metric]['seeds'][seed] for seed in common)
            if whole > 0:
                closed[metric] = sum(gain[metric]['seeds'][seed] for seed in common) / whole
    return closed


def _mean_iou(rows: Iterable[dict[str, Any]]) -> dict[str, float | None]:
    rows = list(rows)
    classes = dict.fromkeys(name for row in rows for name in row['iou'])
    values = {name: [row['iou'][name] for row in rows if row['iou'].get(name) is not None] for name in classes}
    return {name: mean(found) if found else None for name, found in values.items()}
