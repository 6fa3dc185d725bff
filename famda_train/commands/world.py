# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda world``."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

POSITIONALS = ()


def run(
    out: str,
    domain: str = 'night',
    frames: int = 100,
    drive: bool = False,
    image: Literal['compressed', 'raw', 'both'] = 'compressed',
    width: int = 192,
    height: int = 96,
    focal: float | None = None,
    camera_height: tuple[float, float] | None = None,
    seed: int = 0,
    workers: int | None = None,
    rate: float = 10.0,
) -> None:
    """Render the street world: frames with exact labels, depth and instances, or a drive as a rosbag.

    Args:
        out: frame folder to fill, or with a drive the bag's folder, which must not exist yet.
        domain: synthetic (clean day, the source), day, night, randomised, varied (other streets too), open (any
            street, camera and light: for students that are to see photographs), or open_night (its nights alone).
        frames: number of frames.
        drive: one drive down a street, written as a rosbag (MCAP), instead of single frames with truth.
        image: what the bag holds: JPEG on /camera/image/compressed, rgb8 on /camera/image, or both.
        width: image width in pixels.
        height: image height in pixels.
        focal: focal length in pixels; default: 0.7 x width, in open drawn for every frame.
        camera_height: '[LEAST, LARGEST]' height of the camera above the road, metres: seeds with another are left out;
            not for drives. Default: every height that the domain has.
        seed: seed of the first frame, further frames count up from it; with a drive, seed of the drive.
        workers: processes that render; default: one per CPU core.
        rate: frames per second of a drive.
    """
    import os

    from famda_ros.errors import FamdaError
    from famda_train.commands.progress import progress_bar
    from famda_train.datasets.render_to_disk import write_drive, write_frames
    from famda_train.world import drive as drive_through
    from famda_train.world import render_many
    from famda_train.world.render import seeds_at_height

    if frames < 1:
        raise FamdaError(f'--frames must be 1 or more, not {frames}')
    if drive and camera_height is not None:
        raise FamdaError('--camera_height is for single frames; a drive has the camera of its seed')
    workers = (os.cpu_count() or 1) if workers is None else workers
    with progress_bar() as bar:
        if drive:
            moments = drive_through(seed, domain, frames, rate, width, height, focal, workers)
            write_drive(out, domain, bar.track(moments, total=frames, description=f'drive: {domain}'), image)
        else:
            seeds: Sequence[int] = range(seed, seed + frames)
            if camera_height is not None:
                seeds = seeds_at_height(seed, domain, frames, camera_height)
            renderings = render_many(seeds, domain, width, height, focal, workers)
            write_frames(out, domain, seeds, bar.track(renderings, total=frames, description=f'frames: {domain}'))
