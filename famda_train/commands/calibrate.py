# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda calibrate``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from famda_ros.errors import FamdaError
from famda_ros.resources import DEFAULT_MODEL

POSITIONALS = ('source',)
HAS_RESULT = True


def run(
    source: str,
    model: str = DEFAULT_MODEL,
    camera_height: float | None = None,
    distance: tuple[str, ...] = (),
    depth: str | None = None,
    topic: str | None = None,
    frames: int = 200,
    threads: int = 0,
    provider: str = 'cpu',
    out: str | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Find the one factor by which a student's metres are off at a place, from a recording and something known.

    Give one of --camera-height, --distance and --depth.

    Args:
        source: bag (folder, .mcap, .db3) or frame folder, of a camera with a calibration
        model: student .onnx file; default: the one that comes with the package
        camera_height: metres from the road, or floor, up to the camera's lens
        distance: points as METRES:U,V, measured by tape from the lens, such as 3.2:310,215 (column, row); of a
            recording that was made standing still
        depth: topic of the bag with depth images (32FC1 metres or 16UC1 millimetres; most pixels may be empty),
            registered to the camera, as a LiDAR or depth camera gives them
        topic: image topic of the bag; needed only where it has several
        frames: so many images are used at most, evenly spread over the recording
        threads: CPU threads per inference; 0 = one per core
        provider: what the student runs on: cpu, openvino, cuda, tensorrt, or auto = the best that agrees with the CPU
        out: profile (.yaml) to write depth.scale into; default: only print it
        overwrite: change a profile that is there; all else in it stays
    """
    from famda_ros.pipeline.calibration import CameraHeight, DepthImages, Reference, TapeMeasured, calibrate
    from famda_ros.profiles.profile_writer import check_profile_to_write, write_depth_scale
    from famda_train.commands.progress import progress_bar

    if (camera_height is not None) + bool(distance) + (depth is not None) != 1:
        raise FamdaError('give one of --camera-height, --distance and --depth')
    reference: Reference
    if camera_height is not None:
        reference = CameraHeight(camera_height)
    else:
        reference = TapeMeasured(distance) if depth is None else DepthImages(source, depth)
    if out is not None:
        check_profile_to_write(out, model, overwrite)
    with progress_bar() as progress:
        task = progress.add_task('calibrate', total=None)
        found = calibrate(
            source, model, reference, topic, frames, threads, provider,
            lambda done, total: progress.update(task, completed=done, total=total),
        )  # fmt: skip
    print(
        f'depth.scale {found.scale:.3f}, 95 % interval {found.low:.3f} to {found.high:.3f}, '
        f'from {found.used} of {found.seen} frames'
    )
    if out is not None:
        print(f'wrote {write_depth_scale(out, found.scale, model, overwrite)}')
    return {**asdict(found), 'profile': out}
