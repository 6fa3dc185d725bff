# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Published data sets in miniature: their layouts and encodings exactly, a handful of rendered frames of 64x32 pixels.

Every writer returns {stem: truth} of what it wrote.  The first rows of the raw labels hold every
id that the data set defines, one pixel each.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from famda_train.world import render

WIDTH, HEIGHT = 64, 32
BASELINE, FOCAL = 0.2104, 2263.5
"""Of the miniature Cityscapes: metres, and pixels at 2048 columns."""

# Raw ids that stand for the seven classes of the street world: flat, construction, object, nature, sky, human, vehicle.
CITYSCAPES = (7, 11, 17, 21, 23, 24, 26)
CITYSCAPES_TRAIN = (0, 2, 5, 8, 10, 11, 13)
SYNTHIA = (3, 2, 7, 6, 1, 10, 8)
VKITTI = (5, 4, 9, 2, 1, 10, 12)
CAMVID = (3, 1, 2, 5, 0, 9, 8)

VKITTI_COLORS = (
    (210, 0, 200), (90, 200, 255), (0, 199, 0), (90, 240, 0), (140, 140, 140), (100, 60, 100), (250, 100, 255),
    (255, 255, 0), (200, 200, 0), (255, 130, 0), (80, 80, 80), (160, 60, 60), (255, 127, 80), (0, 139, 139),
)  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """What a miniature frame holds: image uint8, raw ids uint8, depth float32 metres (+inf = sky)."""

    image: np.ndarray
    ids: np.ndarray
    depth: np.ndarray


def scene(seed: int, domain: str, raw: tuple[int, ...], every: Iterable[int], focal: float | None = None) -> Truth:
    """Render a frame whose seven classes are written as ``raw`` ids, with ``every`` id in its first row."""
    rendering = render(seed, domain, WIDTH, HEIGHT, focal)
    ids = np.array(raw, np.uint8)[rendering.labels]
    listed = np.array(sorted(every), np.uint8)
    ids[0, : len(listed)] = listed
    return Truth(rendering.image, ids, rendering.depth)


def put(path: Path, array: np.ndarray) -> None:
    """Write an image; arrays of three channels are RGB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array[..., ::-1] if array.ndim == 3 else array)


def centimetres(depth: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(depth), np.minimum(np.round(depth * 100), 65534), 65535).astype(np.uint16)


def write_synthia(
    root: Path, frames: int = 3, labels: str = 'GT/LABELS', depth: str = 'Depth/Depth'
) -> dict[str, Truth]:
    written = {}
    for index in range(frames):
        truth = scene(index, 'synthetic', SYNTHIA, range(23), 532.740352 * WIDTH / 1280)
        stem = f'{index:07d}'
        put(root / 'RGB' / f'{stem}.png', truth.image)
        if labels == 'parsed_LABELS':
            put(root / labels / f'{stem}.png', truth.ids)
        else:  # class in red, instance number in green
            instance = np.full_like(truth.ids, 9)
            channels = [truth.ids, instance, np.zeros_like(truth.ids)]
            put(root / labels / f'{stem}.png', np.stack(channels, axis=-1).astype(np.uint16))
        put(root / depth / f'{stem}.png', centimetres(truth.depth))
        written[stem] = truth
    return written


def write_vkitti2(
    root: Path,
    frames: int = 2,
    scenes: tuple[str, ...] = ('Scene01', 'Scene20'),
    conditions: tuple[str, ...] = ('15-deg-left', 'fog'),
    cameras: tuple[str, ...] = ('Camera_0',),
) -> dict[str, Truth]:
    written = {}
    places = [(s, c, k, i) for s in scenes for c in conditions for k in cameras for i in range(frames)]
    for seed, (name, condition, camera, index) in enumerate(places):
        truth = scene(seed, 'synthetic', VKITTI, range(14), 725.0087 * WIDTH / 1242)
        folder = root / name / condition / 'frames'
        put(folder / 'rgb' / camera / f'rgb_{index:05d}.jpg', truth.image)
        put(folder / 'depth' / camera / f'depth_{index:05d}.png', centimetres(truth.depth))
        colors = np.array(VKITTI_COLORS, np.uint8)[truth.ids]
        put(folder / 'classSegmentation' / camera / f'classgt_{index:05d}.png', colors)
        written[f'{name}_{condition}_{camera}_{index:05d}'] = truth
    return written


def write_cityscapes(root: Path, frames: int = 2, cameras: bool = True) -> dict[str, Truth]:
    written = {}
    cities = {'train': ('aachen', 'ulm'), 'val': ('munster',), 'test': ('bonn',)}
    places = [(split, city, i) for split in cities for city in cities[split] for i in range(frames)]
    for seed, (split, city, index) in enumerate(places):
        truth = scene(seed, 'day', CITYSCAPES, range(34), FOCAL * WIDTH / 2048)
        name = f'{city}_{index:06d}_000019'
        put(root / 'leftImg8bit' / split / city / f'{name}_leftImg8bit.png', truth.image)
        labels = np.zeros_like(truth.ids) if split == 'test' else truth.ids
        put(root / 'gtFine' / split / city / f'{name}_gtFine_labelIds.png', labels)
        written[name] = truth
        if split == 'test':
            continue
        disparity = np.round(256 * BASELINE * FOCAL / truth.depth + 1)
        measured = np.isfinite(truth.depth) & (disparity < 65536)
        put(root / 'disparity' / split / city / f'{name}_disparity.png', np.where(measured, disparity, 0).astype('u2'))
        if cameras:
            camera = root / 'camera' / split / city / f'{name}_camera.json'
            camera.parent.mkdir(parents=True, exist_ok=True)
            camera.write_text(json.dumps({'extrinsic': {'baseline': BASELINE}, 'intrinsic': {'fx': FOCAL, 'u0': 1096}}))
    return written


def write_acdc(root: Path, frames: int = 2, conditions: tuple[str, ...] = ('night', 'fog')) -> dict[str, Truth]:
    written = {}
    splits = ('train', 'val', 'test', 'train_ref')
    places = [(condition, split, i) for condition in conditions for split in splits for i in range(frames)]
    for seed, (condition, split, index) in enumerate(places):
        truth = scene(seed, 'day' if split.endswith('ref') else 'night', CITYSCAPES_TRAIN, [*range(19), 255])
        sequence = f'GOPR0{100 + splits.index(split)}'
        name = f'{sequence}_frame_{index:06d}'
        ending = 'rgb_ref_anon' if split.endswith('ref') else 'rgb_anon'
        put(root / 'rgb_anon' / condition / split / sequence / f'{name}_{ending}.png', truth.image)
        if split in ('train', 'val'):
            put(root / 'gt' / condition / split / sequence / f'{name}_gt_labelTrainIds.png', truth.ids)
        written[f'{condition}_{name}'] = truth
    return written


def write_dark_zurich(root: Path, frames: int = 2) -> dict[str, Truth]:
    written = {}
    parts = (('train', 'night'), ('train', 'day'), ('val', 'night'), ('val_ref', 'day'))
    places = [(split, time, i) for split, time in parts for i in range(frames)]
    for seed, (split, time, index) in enumerate(places):
        truth = scene(seed, time, CITYSCAPES_TRAIN, [*range(19), 255])
        sequence = f'GOPR0{300 + parts.index((split, time))}'
        name = f'{sequence}_frame_{index:06d}'
        put(root / 'rgb_anon' / split / time / sequence / f'{name}_rgb_anon.png', truth.image)
        if split == 'val':
            put(root / 'gt' / split / time / sequence / f'{name}_gt_labelTrainIds.png', truth.ids)
        written[f'{time}_{name}'] = truth
    return written


def write_gta5(root: Path, frames: int = 3) -> dict[str, Truth]:
    written = {}
    palette = np.random.default_rng(5).integers(0, 256, 768).tolist()
    for index in range(frames):
        truth = scene(index, 'synthetic', CITYSCAPES, range(35))
        stem = f'{index + 1:05d}'
        put(root / 'images' / f'{stem}.png', truth.image)
        labels = Image.fromarray(truth.ids)
        labels.putpalette(palette)
        (root / 'labels').mkdir(exist_ok=True)
        labels.save(root / 'labels' / f'{stem}.png')
        written[stem] = truth
    return written


def write_camvid(root: Path, frames: int = 2) -> dict[str, Truth]:
    written = {}
    places = [(split, i) for split in ('day_train', 'day_val', 'dusk_adapt', 'dusk_val') for i in range(frames)]
    for seed, (split, index) in enumerate(places):
        truth = scene(seed, 'day', CAMVID, range(12))
        stem = f'{split.upper()}_f{index:05d}'
        put(root / split / 'images' / f'{stem}.jpg', truth.image)
        if split != 'dusk_adapt':
            put(root / split / 'labels' / f'{stem}.png', truth.ids)
        written[stem] = truth
    (root / 'dataset.yaml').write_text('name: camvid\nlabel_space: camvid11\nignore: 11\n')
    return written


WRITERS: dict[str, Callable[[Path], dict[str, Truth]]] = {
    'synthia': write_synthia,
    'vkitti2': write_vkitti2,
    'cityscapes': write_cityscapes,
    'acdc': write_acdc,
    'dark-zurich': write_dark_zurich,
    'gta5': write_gta5,
    'camvid': write_camvid,
}
