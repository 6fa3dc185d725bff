# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda bench runtime``: the student beside the networks that one would run instead.

Everything is measured in one process and in turns: one frame of one row, then one of the next.  So
other work of the machine slows all rows alike, and their ratios can be trusted where their milliseconds
cannot.  A frame is processed as on the robot: resized, run, and its outputs resized back.
"""
from __future__ import annotations

import hashlib
import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from famda_ros import __version__
from famda_ros.errors import FamdaError
from famda_ros.student.bound_session import BoundSession
from famda_ros.student.model_card import METADATA_KEY, ModelCard
from famda_ros.student.providers import BUILDS_ENGINES, PROVIDERS, engine_folder, provider_options, session_options
from famda_ros.student.resize import resize_image
from famda_ros.student.runtime import fix_size, predict_with
from famda_train.bench.networks import (
    OUTPUTS,
    PEERS,
    SEED,
    SEGFORMER,
    STREET_WORLD,
    STUDENT,
    YOLO,
    YOLO_LABELS,
    export_network,
    has_yolo,
)
from famda_train.world import render

STREET_WORLD_SPACE = 'flat7'
PAUSE_S = 0.005
"""Between two runs: threads of the one before spin for a while before they sleep."""
RARELY_MS = 1000.0
"""Slower networks are run in every third round only."""


@dataclass(frozen=True)
class RuntimeSetup:
    """What is timed.

    Attributes:
        network: options of the student's network; the one of the street world has its own.
        label_space: of student and SegFormer.
        sizes: (height, width) of the networks.
        precisions: of the student.
        threads: CPU threads per inference.
        providers: names of :data:`famda_ros.student.providers.PROVIDERS`.
        image: (height, width) of the camera.
        rounds: number of timed frames of each row.
    """

    network: dict[str, Any]
    label_space: str = 'cityscapes19'
    sizes: tuple[tuple[int, int], ...] = ((256, 512), (512, 1024))
    precisions: tuple[str, ...] = ('fp32', 'fp16', 'int8')
    threads: tuple[int, ...] = (1, 2)
    providers: tuple[str, ...] = ('cpu',)
    image: tuple[int, int] = (720, 1280)
    rounds: int = 15


@dataclass(frozen=True)
class Row:
    """One network in one precision, on one provider, with some threads, at one size."""

    name: str
    precision: str
    provider: str
    threads: int
    height: int
    width: int


def run_runtime(setup: RuntimeSetup, folder: Path, progress) -> dict[str, Any]:
    """Return ``rows``, ``ratios``, ``ratios_by_threads``, ``profile`` and ``setup``.

    Args:
        setup: what is timed.
        folder: where the exported networks are kept; those that are there are not exported again.
        progress: rich progress bar.
    """
    models = _export(setup, folder, progress)
    rows: list[dict[str, Any]] = []
    for size in setup.sizes:
        rows += _time([row for row in _rows(setup) if (row.height, row.width) == size], models, setup, folder, progress)
    largest = max(setup.sizes)
    by_threads = {threads: ratios(rows, largest, threads) for threads in setup.threads}
    return {
        'rows': rows,
        'ratios': by_threads[max(setup.threads)],
        'ratios_by_threads': {str(threads): values for threads, values in by_threads.items()},
        'profile': {
            name: {p: profile(models[name, p, largest[0], largest[1]]) for p in setup.precisions}
            for name in (STUDENT, STREET_WORLD)
        },
        'setup': asdict(setup),
    }


def ratios(rows: Sequence[dict[str, Any]], size: tuple[int, int], threads: int) -> dict[str, float]:
    """Return how the rows of one size and number of threads compare; more is better for all but ``around``.

    ``pair``: SegFormer and Depth Anything together as a multiple of the student in float32, both with everything
    before and after the network; ``segformer_b0``: it alone.  ``yolo26_pair``, ``yolo26n_sem``: the same of the two
    YOLO26 networks, and of the one for labels.  ``int8``: the student's network in float32 as a
    multiple of that in int8.  ``around``: what is before and after the student's network as a share of it.
    For every provider but the CPU: ``NAME``: the student's network on the CPU as a multiple of that on it, and
    ``NAME_pair``: the pair on it as a multiple of the student on it.  With ``street_world_`` before them, the same of
    the student of the street world.
    """
    place = {'height': size[0], 'width': size[1], 'threads': threads}

    def value(key: str, name: str, precision: str = 'fp32', provider: str = 'cpu') -> float:
        wanted = {**place, 'name': name, 'precision': precision, 'provider': provider}
        return next((row[key] for row in rows if all(row[k] == v for k, v in wanted.items())), math.nan)

    def pair(provider: str, names: Sequence[str] = PEERS) -> float:
        return sum(value('total_ms', name, provider=provider) for name in names)

    found = {}
    for name, prefix in ((STUDENT, ''), (STREET_WORLD, 'street_world_')):
        network, total = value('network_ms', name), value('total_ms', name)
        found[f'{prefix}pair'] = pair('cpu') / total
        found[f'{prefix}segformer_b0'] = value('total_ms', SEGFORMER) / total
        found[f'{prefix}yolo26_pair'] = pair('cpu', YOLO) / total
        found[f'{prefix}{YOLO_LABELS}'] = value('total_ms', YOLO_LABELS) / total
        found[f'{prefix}int8'] = network / value('network_ms', name, 'int8')
        found[f'{prefix}around'] = (total - network) / network
        for provider in dict.fromkeys(row['provider'] for row in rows if row['provider'] != 'cpu'):
            found[prefix + provider] = network / value('network_ms', name, provider=provider)
            found[f'{prefix}{provider}_pair'] = pair(provider) / value('total_ms', name, provider=provider)
    return {name: round(ratio, 3) for name, ratio in found.items() if not math.isnan(ratio)}


def profile(path: Path, runs: int = 8, size: tuple[int, int] | None = None) -> dict[str, float]:
    """Return the share of every operator in the time of a network with one thread, percent, largest first.

    Args:
        path: of a student, or of another network of :mod:`famda_train.bench.networks`.
        runs: of which the fastest counts, operator by operator: others are slowed down by what else the machine does.
        size: (height, width) of a student of any size; None = as in its card.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = session_options(threads=1)
        options.enable_profiling, options.profile_file_prefix = True, str(Path(folder) / 'profile')
        run, _ = _open(path, options, ['CPUExecutionProvider'], size)
        for _ in range(runs):
            run(run.image, ())
        events = json.loads(Path(run.session.end_profiling()).read_text())
    least: dict[tuple[str, str], int] = {}
    for event in events:
        if event.get('cat') == 'Node' and event['name'].endswith('_kernel_time'):
            node = event['args']['op_name'], event['name']
            least[node] = min(event['dur'], least.get(node, event['dur']))
    durations: Counter[str] = Counter()
    for (operator, _), duration in least.items():
        durations[operator] += duration
    whole = durations.total()
    return {operator: round(100 * duration / whole, 2) for operator, duration in durations.most_common()}


def _rows(setup: RuntimeSetup) -> Iterator[Row]:
    for height, width in setup.sizes:
        for provider in setup.providers:
            for threads in setup.threads:
                for name in (STUDENT, STREET_WORLD):
                    for precision in setup.precisions:
                        yield Row(name, precision, provider, threads, height, width)
                for name in (*PEERS, *(YOLO if has_yolo() else ())):
                    yield Row(name, 'fp32', provider, threads, height, width)


def _export(setup: RuntimeSetup, folder: Path, progress) -> dict[tuple, Path]:
    """Return {(name, precision, height, width): file}; exports what is missing."""
    wanted = dict.fromkeys((row.name, row.precision, row.height, row.width) for row in _rows(setup))
    bar = progress.add_task('export', total=len(wanted))
    models = {}
    for name, precision, height, width in wanted:
        network, space = ({}, STREET_WORLD_SPACE) if name == STREET_WORLD else (setup.network, setup.label_space)
        about = json.dumps([network if name == STUDENT else {}, space])
        key = hashlib.sha256(f'{__version__} {about}'.encode()).hexdigest()[:8]
        path = folder / f'{name}-{precision}-{height}x{width}-{key}.onnx'
        if not path.exists():
            export_network(path, name, precision, (height, width), space, network)
        models[name, precision, height, width] = path
        progress.advance(bar)
    return models


def _open(
    path: Path, options: onnxruntime.SessionOptions, providers: list, size: tuple[int, int] | None = None
) -> tuple[BoundSession, ModelCard]:
    if size is not None:
        fix_size(options, size)
    session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    card = ModelCard.from_json(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
    return BoundSession(session, size or (card.network_height, card.network_width)), card


class _Runner:
    """A network that is ready to be timed.

    Attributes:
        row: what it is.
        times: milliseconds of each timed frame: of the network, of everything, and of all threads' processor time.
    """

    def __init__(self, row: Row, path: Path, folder: Path):
        self.row = row
        self.times: list[tuple[float, float, float]] = []
        engines = None
        if row.provider in BUILDS_ENGINES:
            engines = engine_folder(path.read_bytes(), row.provider, row.precision, folder)
            engines.mkdir(parents=True, exist_ok=True)
        provider = PROVIDERS[row.provider]
        own = provider_options(row.provider, row.precision, row.threads, engines)
        self._run, self._card = _open(path, session_options(row.threads), [(provider, own)])
        if self._run.session.get_providers()[0] != provider:
            raise FamdaError(f"the provider '{row.provider}' does not start here: its device or libraries are missing")

    def frame(self, picture: np.ndarray) -> tuple[float, float, float]:
        """Process one camera image; return its times."""
        start = time.process_time()
        stages = predict_with(
            self._run, self._card, picture, outputs=OUTPUTS[self.row.name], memory=lambda size: self._run.image
        ).times_ms
        return stages['inference'], sum(stages.values()), 1e3 * (time.process_time() - start)


def _time(
    rows: Sequence[Row], models: dict[tuple, Path], setup: RuntimeSetup, folder: Path, progress
) -> list[dict[str, Any]]:
    """Time rows in turns."""
    picture = camera_image(*setup.image)
    runners = [_Runner(row, models[row.name, row.precision, row.height, row.width], folder) for row in rows]
    bar = progress.add_task(f'time {rows[0].height}x{rows[0].width}', total=1 + setup.rounds)
    rarely = {runner for runner in runners if runner.frame(picture)[1] > RARELY_MS}  # warms up as well
    progress.advance(bar)
    for number in range(setup.rounds):
        for runner in runners:
            if number % 3 == 0 or runner not in rarely:
                time.sleep(PAUSE_S)
                runner.times.append(runner.frame(picture))
        progress.advance(bar)
    return [_result(runner) for runner in runners]


def _result(runner: _Runner) -> dict[str, Any]:
    times = np.array(runner.times)
    network, whole, processor = np.median(times, axis=0)
    spread = np.percentile(times[:, 1], [10, 90])
    return {
        **asdict(runner.row),
        'network_ms': round(float(network), 3),
        'total_ms': round(float(whole), 3),
        'total_ms_p10_p90': [round(float(value), 3) for value in spread],
        'cpu_ms': round(float(processor), 3),
        'frames': len(times),
    }


def camera_image(height: int, width: int) -> np.ndarray:
    """Return a frame of the street world, uint8 [height, width, 3]."""
    return resize_image(render(SEED, 'night', 192, 96).image, width, height)
