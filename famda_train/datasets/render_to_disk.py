# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The street world on disk: a frame folder with ground truth, or a drive as a rosbag."""
from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from famda_ros.messages.bag_writer import BagWriter
from famda_ros.topics import CAMERA_INFO, COMPRESSED, IMAGE
from famda_train.datasets.frame_folder import FrameFolderWriter
from famda_train.world.drive import optical_quaternion
from famda_train.world.render import Rendering

IMAGE_TOPIC, COMPRESSED_TOPIC = f'/camera/{IMAGE}', f'/camera/{IMAGE}{COMPRESSED}'
INFO_TOPIC = f'/camera/{CAMERA_INFO}'
BASE_FRAME, OPTICAL_FRAME = 'base_link', 'camera_optical_frame'
START_NS = 1_700_000_000 * 10**9
"""Stamp of a drive's first frame; fixed, so that the same drive is the same bag."""
JPEG_QUALITY = 95


def write_frames(
    out: str | Path, domain: str, seeds: Iterable[int], renderings: Iterable[Rendering], ground_truth: bool = True
) -> None:
    """Write a frame folder with images, and with labels, depth and instances if ``ground_truth`` is set.

    Args:
        out: folder to fill.
        domain: becomes the name of the data set.
        seeds: of the renderings, kept with each frame.
        renderings: in order.
        ground_truth: False for a folder that is unlabelled, as a recording is.

    Raises:
        FamdaError: the folder cannot be written.
    """
    space = 'flat7' if ground_truth else None
    origin = f'street world, domain {domain}'
    with FrameFolderWriter(out, name=domain, label_space=space, origin=origin, licence='Apache-2.0') as writer:
        for index, (seed, r) in enumerate(zip(seeds, renderings, strict=True)):
            arrays = {'labels': r.labels, 'depth': r.depth, 'instances': r.instances} if ground_truth else {}
            writer.add(f'{index:06d}', r.image, focal=r.camera.focal, seed=seed, **arrays)


def write_drive(
    out: str | Path, domain: str, frames: Iterable[tuple[float, Rendering]], image: str = 'compressed'
) -> None:
    """Write a drive as an MCAP bag: images, camera_info with the same headers, and the camera's mounting.

    Args:
        out: folder of the bag; must not exist, or be empty.
        domain: noted in the bag's metadata.
        frames: what ``drive`` yields.
        image: 'compressed', 'raw' or 'both'.

    Raises:
        FamdaError: the bag exists already or cannot be written.
    """
    with BagWriter(out, {'origin': f'street world, domain {domain}'}) as bag:
        for index, (seconds, r) in enumerate(frames):
            stamp, camera = START_NS + round(seconds * 1e9), r.camera
            if index == 0:
                bag.write_static_transform(
                    stamp, BASE_FRAME, OPTICAL_FRAME, (0.0, 0.0, camera.y), optical_quaternion(camera.pitch)
                )
            if image in ('compressed', 'both'):
                bag.write_compressed_image(COMPRESSED_TOPIC, stamp, OPTICAL_FRAME, r.image, quality=JPEG_QUALITY)
            if image in ('raw', 'both'):
                bag.write_image(IMAGE_TOPIC, stamp, OPTICAL_FRAME, r.image)
            bag.write_camera_info(
                INFO_TOPIC, stamp, OPTICAL_FRAME, camera.width, camera.height,
                camera.focal, camera.focal, camera.cx, camera.cy,
            )  # fmt: skip
