# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench node``."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from famda_ros.errors import FamdaError

POSITIONALS = ()
HAS_RESULT = True


def run(
    model: str | None = None,
    out: str = 'runs/bench_node',
    height: int = 512,
    width: int = 1024,
    image: str = '720x1280',
    threads: tuple[int, ...] = (1, 2),
    rates: tuple[float, ...] = (10.0, 30.0),
    seconds: float = 5.0,
    rounds: int = 5,
    provider: str = 'cpu',
) -> dict[str, Any]:
    """Run the perception node on camera images over DDS, as fast as it can and at fixed rates.

    It takes turns with its bare network, some seconds each, so that other work of the machine hits both alike; medians
    count. A listener subscribes to mask, confidence and depth. Three minutes; for a quick look: --rounds 2 --seconds 3.

    Args:
        model: student .onnx file; default: the one of famda bench runtime, with random weights.
        out: folder for the default model; a second run reuses it.
        height: height of the default model's input in pixels.
        width: width of the default model's input in pixels.
        image: HEIGHTxWIDTH of the camera image in pixels.
        threads: CPU threads per inference; overhead and latency are measured with the first number.
        rates: rates of the camera, frames per second.
        seconds: length of each phase in seconds.
        rounds: turns that node and bare network take.
        provider: what the network runs on: cpu, openvino, cuda or tensorrt; all but cpu need a model from famda export.
    """
    from famda_ros.files import make_output_folder
    from famda_train.bench.node import NodeSetup, check_ros, default_model, run_node_bench
    from famda_train.commands.bench_train import parse_size
    from famda_train.commands.progress import progress_bar
    from famda_train.evaluation.machine import environment

    if min(*threads, rounds, 1) < 1 or min(*rates, seconds) <= 0:
        raise FamdaError('--threads and --rounds are 1 or more, --rates and --seconds greater than 0')
    size = parse_size(image)
    check_ros()
    cores = os.cpu_count() or 1
    counts = tuple(dict.fromkeys(min(count, cores) for count in threads))
    with progress_bar() as bar:
        path = model or str(default_model(make_output_folder(Path(out)), height, width))
        result = run_node_bench(NodeSetup(path, size, counts, rates, seconds, rounds, provider), bar)
    result['environment'] = environment()
    print_result(result)
    return result


def print_result(result: dict[str, Any]) -> None:
    """Print rows and headlines."""
    from rich.table import Table

    from famda_train.commands.outputs import table_console
    from famda_train.evaluation.machine import environment_line

    table = Table('threads', 'camera')
    for title in ('answers', 'dropped', 'before, network, after ms', 'overhead ms', 'end to end ms', 'CPU %', 'RSS MB'):
        table.add_column(title, justify='right')
    for row in result['rows']:
        table.add_row(
            str(row['threads']), f'{row["rate_hz"]:g} Hz' if row['rate_hz'] else 'as it answers',
            str(row['answered']), str(row['dropped']), ', '.join(f'{ms:.1f}' for ms in row['stages_ms'].values()),
            _spread(row['overhead_ms']), _spread(row['end_to_end_ms']),
            f'{row["cpu_percent"]:.0f}', f'{row["rss_mb"]:.0f}',
        )  # fmt: skip
    console = table_console()
    console.print(table)
    console.print('spreads are medians and 99th percentiles')
    for row in result['rows']:
        if not row['rate_hz']:
            low, high = min(row['ratios']), max(row['ratios'])
            console.print(
                f'{row["threads"]} thread{"s" * (row["threads"] > 1)}: node {row["node_hz"]:.2f} Hz, bare network '
                f'{row["bare_hz"]:.2f} Hz, ratio {row["ratio"]:.3f} ({low:.3f} to {high:.3f})',
                soft_wrap=True,
            )
    about = f'{environment_line(result["environment"])}, load {result["load"]:.1f} before'
    console.print(f'measured on: {about}', soft_wrap=True)


def _spread(values: dict[str, float]) -> str:
    return f'{values["p50"]:.1f} / {values["p99"]:.1f}'
