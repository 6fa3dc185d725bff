# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench runtime``."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from famda_ros.errors import FamdaError

POSITIONALS = ()
HAS_RESULT = True


def run(
    out: str = 'runs/bench_runtime',
    network: dict[str, Any] | None = None,
    label_space: str = 'cityscapes19',
    sizes: tuple[str, ...] = ('256x512', '512x1024'),
    image: str = '720x1280',
    precisions: tuple[str, ...] = ('fp32', 'fp16', 'int8'),
    threads: tuple[int, ...] = (1, 2),
    providers: tuple[str, ...] = (),
    rounds: int = 15,
) -> dict[str, Any]:
    """Time the student beside SegFormer-B0, Depth Anything Small and YOLO26, all with random weights, in turns.

    A frame goes the whole way: a camera image is resized, the network runs, its outputs are resized to the image.
    The two YOLO26 networks (labels, depth) take part where the package ultralytics is installed.

    Args:
        out: folder for the exported networks; a second run reuses them.
        network: options of the student's network; default {encoder: efficientnet_lite0, separable: true}.
        label_space: label space whose classes the student and SegFormer predict.
        sizes: HEIGHTxWIDTH of the networks' inputs in pixels; ratios are given for the largest.
        image: HEIGHTxWIDTH of the camera image in pixels.
        precisions: precisions of the student to time: fp32, fp16, int8.
        threads: CPU threads per inference; ratios are given for the largest number.
        providers: what the networks run on: cpu, openvino, cuda, tensorrt; default: cpu, and openvino if installed.
        rounds: frames timed per network; a third as many for networks slower than a second.
    """
    from famda_ros.files import make_output_folder
    from famda_ros.student.label_space import get_label_space
    from famda_ros.student.providers import candidates
    from famda_train.bench.networks import LITE0, NO_YOLO, has_yolo
    from famda_train.bench.runtime import RuntimeSetup, run_runtime
    from famda_train.commands.bench_train import parse_size
    from famda_train.commands.progress import progress_bar
    from famda_train.evaluation.machine import environment

    get_label_space(label_space)
    if rounds < 1 or any(count < 1 for count in threads):
        raise FamdaError('--rounds and --threads are 1 or more')
    unknown = set(precisions) - {'fp32', 'fp16', 'int8'}
    if unknown:
        raise FamdaError(f"there is no precision '{unknown.pop()}'; choose from fp32, fp16, int8")
    chosen = providers or tuple(name for name in ('cpu', 'openvino') if name in candidates())
    for name in chosen:
        candidates(name)
    height, width = parse_size(image)
    setup = RuntimeSetup(
        network or LITE0, label_space, tuple(parse_size(size) for size in sizes), tuple(precisions),
        tuple(min(count, os.cpu_count() or count) for count in dict.fromkeys(threads)), chosen, (height, width), rounds,
    )  # fmt: skip
    folder = make_output_folder(Path(out))
    if not has_yolo():
        print(f'note: {NO_YOLO}')
    with progress_bar() as bar:
        result = run_runtime(setup, folder, bar)
    result['environment'] = environment()
    print_result(result)
    return result


def print_result(result: dict[str, Any]) -> None:
    """Print rows and ratios."""
    from rich.table import Table

    from famda_train.commands.outputs import table_console
    from famda_train.evaluation.machine import environment_line

    table = Table('network', 'precision', 'provider')
    for title in ('threads', 'size', 'network ms', 'all ms', '10 % to 90 %', 'processor ms'):
        table.add_column(title, justify='right')
    for row in result['rows']:
        low, high = row['total_ms_p10_p90']
        table.add_row(
            row['name'], row['precision'], row['provider'], str(row['threads']), f'{row["height"]}x{row["width"]}',
            f'{row["network_ms"]:.1f}', f'{row["total_ms"]:.1f}', f'{low:.1f} to {high:.1f}', f'{row["cpu_ms"]:.1f}',
        )  # fmt: skip
    console = table_console()
    console.print(table)
    for threads, values in result['ratios_by_threads'].items():
        ratios = ', '.join(f'{name} {value:.2f}' for name, value in values.items())
        console.print(f'ratios, {threads} thread{"" if threads == "1" else "s"}: {ratios}', soft_wrap=True)
    console.print(f'measured on: {environment_line(result["environment"])}', soft_wrap=True)
