# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda doctor``."""
from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from famda_ros.errors import choose

WEIGHTS = Path(__file__).parents[1] / 'weights'

POSITIONALS = ('data',)
HAS_RESULT = True

EXIT_PROBLEMS = 1
FREE_DISK_GB = 5
"""Below this much room a training or a labelling run is likely to end early."""
LEAST_PYTHON = (3, 10)
STAND_IN_FILES = {'street-world depth stand-in': WEIGHTS / 'street_world_depth.safetensors'}


def run(
    data: tuple[str, ...] = (),
    frames: int = 50,
    kind: str = 'auto',
    model: str | None = None,
    topic: str | None = None,
) -> dict[str, Any]:
    """Check data trees, recordings for a student, or without any data the installation; say what to do.

    The exit code is 0 only where nothing is wrong.

    Args:
        data: roots of data sets: frame folders, published data sets, street-world:night; none = check the installation.
            With --model recordings: bags, frame folders, folders of images.
        frames: number of frames to read per split, evenly spaced; 0 = all.
        kind: layout of the data sets; auto = detect it.
        model: student file; data are recordings, and every one is told to look like what the student was adapted to,
            unlike it, black, frozen, noise or upside down. The file needs a reference (famda export --reference).
        topic: with --model, image topic of a bag; default: the only one.
    """
    if model is not None:
        result = _check_recordings(data, model, topic)
    elif not data:
        result = environment()
        _print_environment(result)
    else:
        result = _check_trees(data, frames, kind)
    problems = result['problems']
    for sentence in problems:
        print(f'problem: {sentence}')
    print(f'{len(problems)} problem{"s" * (len(problems) != 1)} found' if problems else 'nothing is wrong')
    return result


def exit_code(result: dict[str, Any]) -> int:
    """Return 0 only where nothing is wrong."""
    return EXIT_PROBLEMS if result['problems'] else 0


def _check_recordings(recordings: tuple[str, ...], model: str, topic: str | None) -> dict[str, Any]:
    from dataclasses import asdict

    from famda_ros.errors import FamdaError
    from famda_ros.pipeline.domain_check import check_domain
    from famda_ros.resources import resolve
    from famda_train.commands.progress import progress_bar

    if not recordings:
        raise FamdaError('--model needs recordings to look at: famda doctor RECORDING --model FILE')
    checks = []
    with progress_bar() as bar:
        for recording in recordings:
            task = bar.add_task(f'looking: {Path(recording).name}', total=None)

            def tell(done: int, total: int, task=task) -> None:
                bar.update(task, completed=done, total=total)

            checks.append(check_domain(recording, resolve(model), topic, on_progress=tell))
    for check in checks:
        print(f'{check.recording}: {check.verdict}: {check.sentence}')
        print(f'  frames: {", ".join(f"{count} {state}" for state, count in check.states.items())}')
        for loss in check.losses:
            print(f'  note: {loss}')
    return {
        'recordings': [{**asdict(check), 'verdict': check.verdict} for check in checks],
        'problems': [sentence for check in checks for sentence in check.problems],
    }


def _check_trees(data: tuple[str, ...], frames: int, kind: str) -> dict[str, Any]:
    from famda_train.commands.progress import progress_bar
    from famda_train.datasets.catalogue import KINDS
    from famda_train.inspection.dataset_check import check_data

    if kind != 'auto':
        choose(KINDS, kind, 'kind of data set')
    with progress_bar() as bar:

        def track(items, total, description):
            return bar.track(items, total=total, description=f'reading: {description}')

        trees = [check_data(path, frames, track, kind) for path in data]
    for tree in trees:
        print_tree(tree)
    return {'trees': trees, 'problems': [sentence for tree in trees for sentence in tree['problems']]}


def print_tree(tree: dict[str, Any]) -> None:
    """Print what a tree holds as a few lines per split."""
    print(', '.join(filter(None, [f'{tree["path"]}: {tree["kind"] or "not recognised"}', tree.get('licence')])))
    for name, part in tree['splits'].items():
        if not part['frames']:
            continue
        whole = part['expected']
        of = '' if whole is None else ' (complete)' if part['frames'] == whole else f' (the whole set has {whole})'
        print(f'  {name}: {part["frames"]} frames{of}, {part["checked"]} read')
        low, high = part['focal'] or (None, None)
        focal = 'unknown' if low is None else f'{low:.1f} px' if low == high else f'{low:.1f} to {high:.1f} px'
        print(f'    size {", ".join(part["sizes"]) or "unknown"}, focal {focal}')
        if part['labels']:
            shares = [f'{c} {share:.2f}' for c, share in part['labels']['percent'].items() if share]
            print(f'    labels {part["labels"]["label_space"]}, %: {", ".join(shares)}; '
                  f'ignored {part["labels"]["ignored"]:.2f}')  # fmt: skip
        else:
            print('    no labels')
        depth = part['depth']
        if depth and depth['median'] is not None:
            print(f'    depth {depth["min"]:.2f} to {depth["max"]:.2f} m, median {depth["median"]:.2f} m, '
                  f'unknown {depth["unknown"]:.1f} %, beyond range {depth["beyond_range"]:.1f} %')  # fmt: skip
        else:
            print('    no depth')
        for store, held in part['stores'].items():
            print(f'    teacher {store}: {held} of {part["frames"]} frames')
    for note in tree['notes']:
        print(f'  note: {note}')


def environment() -> dict[str, Any]:
    """Return what the installation offers; ``problems`` are sentences that say what to do."""
    checks = {
        'python': _python(), 'torch': _torch(), 'onnxruntime': _onnxruntime(), 'ros': _ros(), 'weights': _weights(),
        'disk': _disk(),
    }  # fmt: skip
    problems = [problem for check in checks.values() for problem in check.pop('problems', [])]
    return {**checks, 'problems': problems}


def _print_environment(result: dict[str, Any]) -> None:
    torch, runtime, ros = result['torch'], result['onnxruntime'], result['ros']
    print(f'python       {result["python"]["version"]}')
    devices = ', '.join(torch['devices'])
    missing = 'not installed; only the workspace needs it (docs/install.md)'
    print(f'torch        {torch["version"]}: {devices}' if torch['version'] else f'torch        {missing}')
    print(f'onnxruntime  {runtime["version"] or "not installed"}: {", ".join(runtime["providers"]) or "no providers"}')
    print(f'rclpy        {ros["rclpy"] or "not importable; only the nodes need it (docs/install.md)"}')
    for name, size in result['weights']['files'].items():
        print(f'weights      {name}, {size / 1e6:.1f} MB' if size else f'weights      {name}: missing')
    print(f'disk         {result["disk"]["free_gb"]:.1f} GB free here')


def _python() -> dict[str, Any]:
    old = sys.version_info[:2] < LEAST_PYTHON
    wanted = '.'.join(map(str, LEAST_PYTHON))
    return {
        'version': platform.python_version(),
        'problems': [f'Python {platform.python_version()} is too old; install {wanted} or newer'] if old else [],
    }


def _torch() -> dict[str, Any]:
    try:
        import torch
    except ImportError as error:
        problem = f"torch cannot be imported ({error}); get it with: pip install 'famda_ros[train]'"
        return {'version': None, 'devices': [], 'problems': [problem] if is_workspace() else []}
    devices = [f'cuda:{i} {torch.cuda.get_device_name(i)}' for i in range(torch.cuda.device_count())]
    problems = []
    if not devices and shutil.which('nvidia-smi') and _output(['nvidia-smi', '-L']):
        problems.append('there is an NVIDIA GPU but this torch cannot use it; install a torch with CUDA (pytorch.org)')
    if torch.backends.mps.is_available():
        devices.append('mps')
    return {'version': torch.__version__, 'devices': [*devices, 'cpu'], 'problems': problems}


def is_workspace() -> bool:
    """Tell whether more is installed than a robot needs: then what training needs must be whole."""
    return importlib.util.find_spec('lightning') is not None


def _onnxruntime() -> dict[str, Any]:
    try:
        import onnxruntime
    except ImportError as error:
        problem = f'onnxruntime cannot be imported ({error}); get it with: pip install onnxruntime'
        return {'version': None, 'providers': [], 'problems': [problem]}
    return {'version': onnxruntime.__version__, 'providers': onnxruntime.get_available_providers()}


def _ros() -> dict[str, Any]:
    # In another process: a broken ROS environment can end the process that imports it.
    path = _output([sys.executable, '-c', 'import rclpy; print(rclpy.__file__)'])
    return {'rclpy': path.splitlines()[-1] if path else None}


def _weights() -> dict[str, Any]:
    files = {name: path.stat().st_size if path.is_file() else 0 for name, path in STAND_IN_FILES.items()}
    missing = [str(STAND_IN_FILES[name]) for name, size in files.items() if not size]
    problems = [f"'{path}' is missing; install the package again, it is a part of it" for path in missing]
    return {'files': files, 'problems': problems}


def _disk() -> dict[str, Any]:
    free = shutil.disk_usage('.').free / 1e9
    problem = f'only {free:.1f} GB of disk are free here; make room for {FREE_DISK_GB} GB or work in another folder'
    return {'free_gb': round(free, 1), 'problems': [problem] if free < FREE_DISK_GB else []}


def _output(command: list[str]) -> str:
    """Return what a command prints, '' where it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ''
