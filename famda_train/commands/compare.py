# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda compare``."""
from __future__ import annotations

from typing import Any

POSITIONALS = ('old', 'new', 'recording')
HAS_RESULT = True


def run(
    old: str,
    new: str,
    recording: str,
    labelled: str | None = None,
    home: str | None = None,
    labels: str | None = None,
    frames: int = 60,
    topic: str | None = None,
    report: str | None = None,
) -> dict[str, Any]:
    """Which of two students is better at a place that nobody has labelled: promote, hold or ask.

    Every verdict ends with the exit code 0; it is printed, and stands in --json.

    Args:
        old: the student in use, a checkpoint or an .onnx file.
        new: the candidate.
        recording: bag (folder, .mcap, .db3), frame folder or folder of images of the place; masks of a folder's label
            store are used, otherwise superpixels.
        labelled: labelled frame folder or data set of another place or light, such as the source of the training;
            default: 40 rendered frames of the street world by day, where the classes allow it.
        home: labelled frame folder or data set where the old student comes from: the new one may not lose there.
        labels: labelled frame folder or data set of the place, about ten frames; they decide instead of the scores.
        frames: frames of the recording that are looked at, evenly spread.
        topic: image topic of a bag; needed only where it has several.
        report: .html file to write: verdict and scores, and before and after of the frames that differ most.
    """
    from famda_train.adapt.compare import compare
    from famda_train.commands.evaluate import validation_split
    from famda_train.commands.outputs import check_report, command_line
    from famda_train.commands.progress import progress_bar
    from famda_train.datasets.catalogue import open_dataset

    def opened(path: str | None):
        return open_dataset(path, split=validation_split(path)) if path else None

    if report:
        check_report(report)
    with progress_bar() as bar:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what[:28], total=total)
            bar.update(tasks[what], completed=done, total=total)

        comparison = compare(
            old, new, recording, labelled=opened(labelled), home=opened(home), labels=opened(labels),
            count=frames, topic=topic, progress=show,
        )  # fmt: skip
        result = comparison.to_dict()
        print_result(result)
        if report:
            command = command_line(
                'compare', old, new, recording, labelled=labelled, home=home, labels=labels, frames=frames,
                topic=topic, report=report,
            )  # fmt: skip
            _write_report(report, result, topic, command, show)
    return result


def _write_report(path: str, result: dict[str, Any], topic: str | None, command: str, progress) -> None:
    from famda_ros.files import write_atomically
    from famda_train.adapt.differing_frames import differing_frames
    from famda_train.adapt.report import PICTURES, render_comparison

    shown, space = differing_frames(
        result['recording'], (result['old'], result['new']), PICTURES, topic,
        lambda done, total: progress('pictures', done, total),
    )  # fmt: skip
    write_atomically(path, render_comparison(result, shown, space, [('This page', command)]))


def print_result(result: dict[str, Any]) -> None:
    """Print a verdict with its reasons, and what to label where it is 'ask'."""
    print(f'{result["verdict"]}: {result["reasons"][0]}')
    for sentence in result['reasons'][1:]:
        print(f'  {sentence}')
    measured = result['measured']
    print(f'  equal labels: {100 * measured["agreement"]:.1f} % of the pixels of {result["frames"]} frames')
    if result['frames_to_label']:
        print('label these frames, and decide with --labels:')
        for name in result['frames_to_label']:
            print(f'  {name}')
