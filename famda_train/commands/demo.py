# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda demo``."""
from __future__ import annotations

from pathlib import Path
from typing import Any

POSITIONALS = ()
HAS_RESULT = True


def run(out: str = 'runs/demo', seed: int = 0) -> dict[str, Any]:
    """Adapt a student from synthetic day to night and run it as a ROS 2 node; needs no downloads.

    Writes results.json, report.html, the student night.onnx and two bags.  An interrupted
    run continues where it stopped; a finished one starts anew.

    Args:
        out: folder for everything that the demo writes.
        seed: seed of scenes, initialisation and sampling, 0 or more.
    """
    from famda_ros.errors import FamdaError
    from famda_train.commands.progress import progress_bar
    from famda_train.demo.loop import DemoSize, run_demo

    if seed < 0:
        raise FamdaError(f'--seed must be 0 or more, not {seed}')
    with progress_bar() as bar:
        results = run_demo(Path(out), seed, DemoSize(), bar)
    print(summary(results, Path(out)))
    return results


def summary(results: dict[str, Any], out: Path) -> str:
    """Return the numbers, where the report is, and what to do next."""
    adaptation, perception = results['adaptation'], results['perception']
    lines = ['', f'night, {adaptation["famda"]["frames"]} unseen scenes     mIoU %   AbsRel   RMSE m   delta1 %']
    for name in ('source_only_plain', 'source_only', 'famda'):
        score = adaptation[name]
        lines.append(
            f'  {name:<27} {score["miou"]:7.1f}  {score["abs_rel"]:7.3f}  {score["rmse"]:7.2f}  {score["delta1"]:8.1f}'
        )
    latency = perception['latency_ms']
    lines += [
        '',
        f'node: {perception["frames_sent"]} frames sent, {perception["frames_answered"]} answered, '
        f'{perception["frames_dropped"]} dropped; headers equal: {perception["headers_equal"]}; '
        f'latency p50 {latency["p50"]:.1f} ms, p99 {latency["p99"]:.1f} ms',
        f'total {results["seconds"]["total"]:.0f} s',
        '',
        f'pictures and tables:  {out / "report.html"}',
        f'the adapted student:  {out / "night.onnx"}',
        f'try it:               famda perceive {out / "night_drive"} --model {out / "night.onnx"} --out runs/answers',
    ]
    return '\n'.join(lines)
