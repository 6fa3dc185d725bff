# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda extract``."""
from __future__ import annotations

from typing import Any

from famda_train.commands.recording_warnings import print_warnings

POSITIONALS = ('recordings',)
HAS_RESULT = True


def run(
    out: str,
    recordings: tuple[str, ...] = (),
    topic: str | None = None,
    from_: float = 0.0,
    to: float | None = None,
    rate: float | None = None,
    count: int = 400,
    focal: float | None = None,
    model: str | None = None,
) -> dict[str, Any]:
    """Cut recordings into frames to adapt to: a frame folder for famda label, fit and doctor.

    Left out are frames that are black, blurred, or show what another frame shows. An interrupted run goes on where it
    stopped. Of a file that is cut off or damaged, all that can be read is.

    Args:
        recordings: bags (folder, .mcap, .db3, ROS 1 .bag), videos (.mp4, .mkv, ...), folders of pictures.
        out: frame folder to write.
        topic: image topic of bags; needed only where one has several.
        from_: seconds after a recording's first image to begin at.
        to: seconds after a recording's first image to end at; default: its end.
        rate: frames a second to look at; 0 = all; default: 2, or all where there are no more than twice --count.
        count: most frames to keep, those that cover all others; 0 = all that are left.
        focal: focal length in pixels at the recording's width, for recordings without camera_info.
        model: student .onnx file whose class shares help to choose.
    """
    from famda_train.adapt.extract import ExtractSettings, extract
    from famda_train.commands.progress import progress_bar

    settings = ExtractSettings(topic, from_, to, rate, count, focal, model)
    with progress_bar('images') as progress:
        task = progress.add_task('extract', total=None)
        result = extract(
            recordings,
            out,
            settings,
            on_progress=lambda done, total: progress.update(task, completed=done, total=total or None),
        )
    print_result(result)
    return result


def print_result(result: dict[str, Any]) -> None:
    """Print what was extracted, and what was lost."""
    left_out = ', '.join(f'{count} {reason}' for reason, count in result['left_out'].items())
    print(
        f'{result["frames"]} frames of {result["looked_at"]} looked at, of {result["images"]} images'
        f'{f" ({left_out})" if left_out else ""} -> {result["out"]}'
    )
    print_warnings(result)
    if without := result['frames'] - result['focal']:
        print(f'warning: {without} frames have no focal length: their metres stay those of the model; give --focal')
