# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda perceive``."""

from __future__ import annotations

from typing import Any

from famda_ros.resources import DEFAULT_MODEL

POSITIONALS = ('source',)
HAS_RESULT = True


def run(
    source: str, out: str, model: str = DEFAULT_MODEL, topic: str | None = None, threads: int = 0
) -> dict[str, Any]:
    """Run a student over a recording, without a ROS graph.

    Writes masks, confidence (0..255), colours, metric depth (metres, +inf = beyond range), labels
    and calibration into a bag, each with the header of its image.

    Args:
        source: bag (folder, .mcap, .db3), frame folder or folder of images
        out: bag to write; must not exist
        model: student .onnx file; default: the one that comes with the package
        topic: image topic of the bag; needed only where it has several
        threads: CPU threads of one inference; 0 = one per core
    """
    from famda_ros.perceive import perceive
    from famda_train.commands.progress import progress_bar

    with progress_bar() as progress:
        task = progress.add_task('perceive', total=None)
        result = perceive(
            source,
            model,
            out,
            topic=topic,
            threads=threads,
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    left_out = f', {result["malformed"]} malformed images left out' if result['malformed'] else ''
    print(f'{result["frames"]} frames at {result["fps"]} frames/s on {result["provider"]} -> {out}{left_out}')
    return result
