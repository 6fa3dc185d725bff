# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda demo``."""
from __future__ import annotations

from pathlib import Path
from typing import Any

POSITIONALS = ()
HAS_RESULT = True


def run(out: str = 'runs/demo', seed: int = 0) -> dict[str, Any]:
    """Drive a day student into the night, notice, record, adapt, judge, deploy and swap it in a running node.

    Needs no downloads. Writes results.json, report.html, the students day.onnx and night.onnx, and the bags. Without
    rclpy it says so and leaves the node out. An interrupted run continues where it stopped; a finished one starts anew.

    Args:
        out: folder for everything that the demo writes.
        seed: seed of scenes, initialisation and sampling, 0 or more.
    """
    from famda_ros.errors import FamdaError
    from famda_train.commands.light_imports import import_lightning
    from famda_train.commands.progress import progress_bar

    import_lightning()
    from famda_train.demo.loop import DemoSize, run_demo

    if seed < 0:
        raise FamdaError(f'--seed must be 0 or more, not {seed}')
    with progress_bar() as bars:
        results = run_demo(
            Path(out), seed, DemoSize(), bars,
            lambda sentence: bars.console.print(sentence, highlight=False, markup=False, soft_wrap=True),
        )  # fmt: skip
    print(summary(results, Path(out)))
    return results


def summary(results: dict[str, Any], out: Path) -> str:
    """Return the numbers, where the report is, and what to do next."""
    adaptation, gate, robot = results['adaptation'], results['gate'], results['deployment']
    lines = ['', f'night, {adaptation["famda"]["frames"]} unseen scenes     mIoU %   AbsRel   RMSE m   delta1 %']
    for name in ('source_only_plain', 'source_only', 'famda'):
        score = adaptation[name]
        lines.append(
            f'  {name:<27} {score["miou"]:7.1f}  {score["abs_rel"]:7.3f}  {score["rmse"]:7.2f}  {score["delta1"]:8.1f}'
        )
    lines += [
        '',
        f'drift: noticed after {results["drift"]["detected_after_s"]:.1f} s, recorded {results["recording"]["images"]} '
        f'images of {results["recording"]["bag_seconds"]:.0f} s, {results["recording"]["frames"]} of them adapted to',
        f'gate:  {gate["verdict"]} the adapted student, {gate["sabotaged_verdict"]} the sabotaged one',
        _swap(robot),
    ]
    if perception := results['perception']:
        latency = perception['latency_ms']
        lines.append(
            f'node:  {perception["frames_sent"]} frames sent, {perception["frames_answered"]} answered, '
            f'{perception["frames_dropped"]} dropped; headers equal: {perception["headers_equal"]}; '
            f'latency p50 {latency["p50"]:.1f} ms, p99 {latency["p99"]:.1f} ms'
        )
    lines += [
        f'total {results["seconds"]["total"]:.0f} s',
        '',
        f'pictures and tables:  {out / "report.html"}',
        f'the adapted student:  {out / "night.onnx"}',
        f'try it:               famda perceive {out / "night_drive"} --model {out / "night.onnx"} --out runs/answers',
    ]
    return '\n'.join(lines)


def _swap(robot: dict[str, Any]) -> str:
    if robot['swapped_without_drop'] is None:
        return f'swap:  none: {robot["left_out"]}'
    return (
        f'swap:  mIoU {robot["miou_before"]:.1f} % in {robot["frames_before"]} frames before, '
        f'{robot["miou_after"]:.1f} % in {robot["frames_after"]} after it, where the day student would have '
        f'{robot["miou_day_after"]:.1f} %; without a dropped frame: {robot["swapped_without_drop"]}'
    )
