# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A drive: the camera moves down one long street, and only noise differs between pictures of the same thing."""
from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np

from famda_ros.errors import FamdaError
from famda_train.world.camera import Camera, default_camera
from famda_train.world.domains import Style, draw_style, generator, grammar_of, is_open
from famda_train.world.gbuffer import make_gbuffer
from famda_train.world.layout import STREET_SPEED, Layout, make_layout
from famda_train.world.open_street import open_camera, open_layout
from famda_train.world.render import Rendering, check_request, in_order, picture


def drive(
    seed: int,
    domain: str,
    frames: int,
    rate_hz: float = 10.0,
    width: int = 192,
    height: int = 96,
    focal: float | None = None,
    workers: int = 1,
) -> Iterator[tuple[float, Rendering]]:
    """Drive down a street at about 8 m/s.

    The street is as long as the drive, so another number of frames is another street.

    Args:
        seed: of the street and of the path through it.
        domain: 'synthetic', 'day', 'night', 'randomised', 'varied' or 'open'.
        frames: number of images.
        rate_hz: images per second.
        width, height: image size in pixels.
        focal: in pixels; default 0.7 x width, in 'open' that of the seed.
        workers: number of processes; 1 = only this one.

    Returns:
        Iterator of (seconds since the start, rendering).

    Raises:
        FamdaError: an argument is out of range; the message names it.
    """
    check_request(seed, domain, width, height, focal)
    if frames < 1 or not rate_hz > 0:
        raise FamdaError(f'a drive needs at least 1 frame and a rate above 0 Hz, not {frames} at {rate_hz} Hz')
    length = STREET_SPEED * frames / rate_hz
    jobs = [(seed, domain, length, index / rate_hz, index, width, height, focal) for index in range(frames)]
    pictures = in_order(drive_frame, jobs, workers, width * height)
    return ((job[3], rendering) for job, rendering in zip(jobs, pictures, strict=True))


def drive_frame(
    seed: int, domain: str, length: float, seconds: float, index: int, width: int, height: int, focal: float | None
) -> Rendering:
    """Render one moment of a drive of ``length`` metres; see :func:`drive`."""
    layout, style = _street(seed, domain, length)
    if is_open(domain):
        start = open_camera(seed, open_layout(seed, length)[1], width, height, focal)
    else:
        start = default_camera(width, height, focal)
    camera = camera_at(seed, seconds, start, keep_pose=is_open(domain))
    return picture(make_gbuffer(layout, camera, seconds), layout, style, generator(seed, domain, 2, index))


@lru_cache(maxsize=2)
def _street(seed: int, domain: str, length: float) -> tuple[Layout, Style]:
    layout = open_layout(seed, length)[0] if is_open(domain) else make_layout(seed, length, grammar_of(seed, domain))
    return layout, draw_style(seed, domain, layout.instances)


def camera_at(seed: int, seconds: float, camera: Camera, keep_pose: bool = False) -> Camera:
    """Return ``camera`` where a drive has it after some seconds: in its lane, swaying a little.

    Args:
        keep_pose: the lane, height and pitch are those of ``camera``, not of the seed.
    """
    rng = np.random.default_rng([seed, 0xD21])
    x, height, pitch = rng.normal(1.7, 0.12), 1.5 + rng.uniform(-0.10, 0.15), rng.normal(0, 0.012)
    period, phase = rng.uniform(5, 9), rng.uniform(0, 2 * math.pi)
    turn, sway = 2 * math.pi / period, 0.15
    angle = turn * seconds + phase
    # Looks where it goes: the yaw is the direction of the path.
    yaw = math.atan2(sway * turn * math.cos(angle), STREET_SPEED)
    if keep_pose:
        return replace(
            camera, x=float(camera.x + sway * math.sin(angle)), z=STREET_SPEED * seconds, yaw=camera.yaw + yaw
        )
    return replace(
        camera, x=float(np.clip(x, 1.4, 2.0) + sway * math.sin(angle)), y=float(height), z=STREET_SPEED * seconds,
        yaw=yaw, pitch=float(pitch),
    )  # fmt: skip


def optical_quaternion(pitch: float) -> tuple[float, float, float, float]:
    """Return (x, y, z, w) of the camera's optical frame in base_link (x forward, y left, z up).

    Args:
        pitch: radians, positive looks up.
    """
    s, c = math.sin(pitch / 2), math.cos(pitch / 2)
    # (-0.5, 0.5, -0.5, 0.5) turns base_link axes into optical ones; then a turn about the optical x axis.
    return 0.5 * (s - c), 0.5 * (c - s), -0.5 * (c + s), 0.5 * (c + s)
