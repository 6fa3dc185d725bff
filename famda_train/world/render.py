# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Rendered frames of the street world, one by one or many at once."""
from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace

import numpy as np

from famda_ros.errors import FamdaError
from famda_train.child_process import end_with_parent
from famda_train.world.camera import FOCAL_PER_WIDTH, Camera, default_camera
from famda_train.world.domains import VARIED, Style, draw_style, generator, grammar_of, is_open, looks_of
from famda_train.world.gbuffer import GBuffer, make_gbuffer
from famda_train.world.layout import Layout, make_layout
from famda_train.world.open_sensor import develop_open
from famda_train.world.open_shading import shade_open
from famda_train.world.open_street import open_focal, open_scene
from famda_train.world.sensor import develop
from famda_train.world.shading import shade

FEWEST_FOR_PROCESSES = 48
"""Below this many frames of 96 x 192, starting worker processes takes longer than it saves."""
SEEDS_TRIED, MOST_MISSES = 100, 2000
"""Seeds that are looked at for one with a camera of a wanted height: for each, and in a row without one."""


@dataclass(frozen=True)
class Rendering:
    """An image and its ground truth.

    Attributes:
        image: uint8 [H, W, 3] RGB.
        labels: uint8 [H, W], train ids of ``flat7``; 255 = ignored: the own car.
        depth: float32 [H, W] metres along the optical axis, +inf for sky and beyond 400 m, NaN on the own car.
        instances: uint16 [H, W], 0 for sky.
        camera: intrinsics and pose.
    """

    image: np.ndarray
    labels: np.ndarray
    depth: np.ndarray
    instances: np.ndarray
    camera: Camera


def render(seed: int, domain: str, width: int = 192, height: int = 96, focal: float | None = None) -> Rendering:
    """Render one frame.

    Args:
        seed: decides the street; the same seed gives the same geometry in every domain
            but 'varied' and 'open', whose streets are others.
        domain: 'synthetic', 'day', 'night', 'randomised', 'varied' or 'open'.
        width, height: image size in pixels.
        focal: in pixels; default 0.7 x width, in 'open' a field of view of 40 to 110 degrees by the seed.

    Raises:
        FamdaError: unknown domain, negative seed, or a size that is no image.
    """
    check_request(seed, domain, width, height, focal)
    if is_open(domain):
        layout, camera = open_scene(seed, width, height, focal)
    else:
        layout = make_layout(seed, grammar=grammar_of(seed, domain))
        camera = camera_of(seed, domain, width, height, focal)
    return picture(make_gbuffer(layout, camera), layout, draw_style(seed, domain, layout.instances),
                   generator(seed, domain, 1))  # fmt: skip


def picture(g: GBuffer, layout: Layout, style: Style, rng: np.random.Generator) -> Rendering:
    """Turn a G-buffer into a rendering; ``rng`` makes the sensor noise."""
    if style.is_open:
        image = develop_open(shade_open(g, layout, style, rng), style, rng)
    else:
        image = develop(shade(g, layout, style), style, rng)
    return Rendering(image, *g.truth(), g.camera)


def camera_of(seed: int, domain: str, width: int = 192, height: int = 96, focal: float | None = None) -> Camera:
    """Return the camera of the frame of a seed; arguments as of :func:`render`."""
    if is_open(domain):
        return open_scene(seed, width, height, focal)[1]
    place = varied_camera if domain == VARIED else static_camera
    return place(seed, default_camera(width, height, focal))


def seeds_at_height(first: int, domain: str, count: int, limits_m: tuple[float, float]) -> list[int]:
    """Return the first seeds whose camera hangs between two heights.

    Args:
        first: seed to begin with.
        domain: see :func:`render`.
        count: how many.
        limits_m: least and largest height above the road, metres.

    Raises:
        FamdaError: the domain has no such camera among some thousand seeds.
    """
    check_request(first, domain, 2, 2, None)
    low, high = limits_m
    seeds: list[int] = []
    for seed in range(first, first + SEEDS_TRIED * count):
        if low <= camera_of(seed, domain).y <= high:
            seeds.append(seed)
            if len(seeds) == count:
                return seeds
        elif seed - (seeds[-1] if seeds else first) > MOST_MISSES:
            break
    raise FamdaError(f"the domain '{domain}' has hardly a camera between {low:g} and {high:g} m; give a wider range")


def static_camera(seed: int, camera: Camera) -> Camera:
    """Return ``camera`` at the random place in the right-hand lane that belongs to a seed."""
    rng = np.random.default_rng([seed, 0xCA3])
    return replace(
        camera, x=float(1.7 + np.clip(rng.normal(0, 0.35), -0.9, 0.9)), y=float(1.5 + rng.uniform(-0.10, 0.15)),
        yaw=float(rng.normal(0, 0.035)), pitch=float(rng.normal(0, 0.012)),
    )  # fmt: skip


def varied_camera(seed: int, camera: Camera) -> Camera:
    """Return ``camera`` somewhere on the road, higher or lower, looking a little up, down or aside."""
    rng = np.random.default_rng([seed, 0xCA4])
    return replace(
        camera, x=float(rng.uniform(0.6, 3.0)), y=float(rng.uniform(1.1, 2.0)), yaw=float(rng.normal(0, 0.12)),
        pitch=float(rng.normal(0, 0.04)),
    )  # fmt: skip


def focal_of(seed: int, domain: str, width: int, focal: float | None) -> float:
    """Return the focal length in pixels of the frame of a seed: ``focal`` unless that is None."""
    if focal is not None:
        return float(focal)
    return open_focal(seed, width) if is_open(domain) else FOCAL_PER_WIDTH * width


def check_request(seed: int, domain: str, width: int, height: int, focal: float | None) -> None:
    """Refuse what cannot be rendered.

    Raises:
        FamdaError: an argument is out of range; the message names it.
    """
    looks_of(domain)
    if seed < 0:
        raise FamdaError(f'the seed must be 0 or more, not {seed}')
    if width < 2 or height < 2:
        raise FamdaError(f'an image of {width} x {height} pixels cannot be rendered; 2 x 2 is the least')
    if focal is not None and not focal > 0:
        raise FamdaError(f'the focal length must be more than 0 pixels, not {focal}')


def render_many(
    seeds: Iterable[int],
    domain: str,
    width: int = 192,
    height: int = 96,
    focal: float | None = None,
    workers: int | None = None,
) -> Iterator[Rendering]:
    """Render frames with worker processes; yield them in the order of ``seeds``.

    Args:
        seeds: one frame each.
        domain, width, height, focal: see :func:`render`.
        workers: number of processes; 1 = only this one; default one per CPU.
    """
    seeds = list(seeds)
    check_request(min(seeds, default=0), domain, width, height, focal)
    jobs = [(seed, domain, width, height, focal) for seed in seeds]
    return in_order(render, jobs, (os.cpu_count() or 1) if workers is None else workers, width * height)


def in_order(function: Callable[..., Rendering], jobs: list[tuple], workers: int, pixels: int) -> Iterator[Rendering]:
    """Yield ``function(*job)`` of all jobs in order, from worker processes where they pay.

    Args:
        function: importable by other processes.
        jobs: arguments of one call each.
        workers: number of processes; 1 = only this one.
        pixels: number of pixels of one image, which decides whether processes pay.
    """
    if workers < 1:
        raise FamdaError(f'workers must be 1 or more, not {workers}')
    if workers == 1 or len(jobs) * pixels < FEWEST_FOR_PROCESSES * 192 * 96:
        return (function(*job) for job in jobs)
    return _in_processes(function, jobs, min(workers, len(jobs)))


def _in_processes(function: Callable[..., Rendering], jobs: list[tuple], workers: int) -> Iterator[Rendering]:
    # 'spawn' because the caller may hold threads (torch, CUDA), which do not survive a fork.
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker) as pool:
        waiting: deque = deque()
        try:
            # A bounded queue: a slow consumer must not fill the memory with finished frames.
            for job in jobs:
                waiting.append(pool.submit(function, *job))
                if len(waiting) >= 4 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise FamdaError(
                'a rendering process died: out of memory, or a script that calls this without '
                "`if __name__ == '__main__':`; free memory, add that line, or take workers=1"
            ) from error
        finally:
            for future in waiting:
                future.cancel()


def _start_worker() -> None:
    import cv2

    end_with_parent()
    cv2.setNumThreads(1)
