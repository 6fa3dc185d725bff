# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Labels as files of other tools and back: COCO (JSON, masks as RLE) and CVAT for images 1.1 (XML, masks).

A class of a frame is one mask there.  Back come masks and polygons, painted one over the other: those of COCO by
size, small ones over large ones, those of CVAT by their z order.
"""
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from xml.etree import ElementTree

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from famda_ros.errors import FamdaError
from famda_ros.files import write_atomically
from famda_ros.messages.frame_index import FrameRecord, load_json
from famda_ros.student.label_space import IGNORE, LabelSpace

SUFFIXES = ('.json', '.xml')


class Shape(NamedTuple):
    """A region of one class.

    Attributes:
        name: of the class.
        inside: bool [H, W].
    """

    name: str
    inside: np.ndarray


class Read(NamedTuple):
    """What a file says about an image: its name, its size, its shapes from the lowest to the uppermost."""

    image: str
    width: int
    height: int
    shapes: list[Shape]


def write_labels(path: str | Path, frames: Iterable[tuple[FrameRecord, np.ndarray]], space: LabelSpace) -> None:
    """Write labels as a COCO (.json) or a CVAT (.xml) file.

    Args:
        path: of the file.
        frames: records, and uint8 [H, W] train ids; 255 = not labelled.
        space: their label space.

    Raises:
        FamdaError: another suffix, or the file cannot be written.
    """
    is_coco = checked_suffix(path) == '.json'
    try:
        write_atomically(path, _coco(frames, space) if is_coco else _cvat(frames, space))
    except OSError as error:
        raise FamdaError(f"cannot write '{path}' ({error.strerror})") from error


def checked_suffix(path: str | Path) -> str:
    """Return the suffix of a file of another tool, which says what it is.

    Raises:
        FamdaError: it is none of :data:`SUFFIXES`.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise FamdaError(f"'{path}' must end in .json (COCO) or .xml (CVAT for images)")
    return suffix


def read_labels(
    path: str | Path, frames: Iterable[FrameRecord], space: LabelSpace
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read labels of a COCO (.json) or a CVAT (.xml) file.

    Args:
        path: of the file.
        frames: records that images are found among: by their whole path, else by their name without suffix.
        space: label space of the result.

    Returns:
        ({stem: uint8 [H, W] train ids, 255 = in no shape} of images with shapes, names of images that are no frame).

    Raises:
        FamdaError: no such file, damaged, a class that the label space has not, or an image of another size.
    """
    read = {'.json': _read_coco, '.xml': _read_cvat}[checked_suffix(path)]
    records = _by_name(list(frames))
    found: dict[str, np.ndarray] = {}
    strangers = []
    try:
        for image in read(Path(path).read_bytes()):
            frame = records.get(image.image) or records.get(PurePosixPath(image.image).stem)
            if frame is None:
                strangers.append(image.image)
                continue
            if (image.width, image.height) != (frame.width, frame.height):
                raise FamdaError(
                    f"'{path}': image {image.image} is {image.width}x{image.height} there, and "
                    f'{frame.width}x{frame.height} in the folder; export it with images of this size'
                )
            for shape in image.shapes:
                if shape.name not in space.classes:
                    raise FamdaError(
                        f"'{path}' has the class '{shape.name}', which {space.name} has not: {', '.join(space.classes)}"
                    )
                labels = found.setdefault(frame.stem, np.full((frame.height, frame.width), IGNORE, np.uint8))
                labels[shape.inside] = space.classes.index(shape.name)
    except OSError as error:
        raise FamdaError(f"cannot read '{path}' ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, ElementTree.ParseError, cv2.error) as error:
        reason = ' '.join(f'{type(error).__name__}: {error}'.split())[:120]
        raise FamdaError(f"'{path}' is damaged, or no such file ({reason}); export it again") from error
    return found, strangers


def _by_name(frames: list[FrameRecord]) -> dict[str, FrameRecord]:
    """Return image path → frame, and name without folder and suffix → frame where it is the only one of that name."""
    stems = [PurePosixPath(frame.image).stem for frame in frames]
    count = Counter(stems)
    single = {stem: frame for stem, frame in zip(stems, frames, strict=True) if count[stem] == 1}
    return single | {frame.image: frame for frame in frames}


def _classes(labels: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for label in np.unique(labels[labels != IGNORE]).tolist():
        yield label, labels == label


def _coco(frames: Iterable[tuple[FrameRecord, np.ndarray]], space: LabelSpace) -> str:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (frame, labels) in enumerate(frames, 1):
        images.append({'id': number, 'file_name': frame.image, 'width': frame.width, 'height': frame.height})
        for label, inside in _classes(labels):
            code = coco_mask.encode(np.asfortranarray(inside.astype(np.uint8)))
            annotations.append({
                'id': len(annotations) + 1, 'image_id': number, 'category_id': label + 1, 'iscrowd': 0,
                'area': int(inside.sum()), 'bbox': coco_mask.toBbox(code).tolist(),
                'segmentation': {'size': [frame.height, frame.width], 'counts': code['counts'].decode('ascii')},
            })  # fmt: skip
    categories = [{'id': place, 'name': name, 'supercategory': ''} for place, name in enumerate(space.classes, 1)]
    return json.dumps({'images': images, 'categories': categories, 'annotations': annotations})


def _read_coco(content: bytes) -> Iterator[Read]:
    values = load_json(content)
    names = {category['id']: category['name'] for category in values['categories']}
    for image in values['images']:
        height, width = image['height'], image['width']
        own = [one for one in values['annotations'] if one['image_id'] == image['id']]
        shapes = [Shape(names[one['category_id']], _coco_inside(one['segmentation'], height, width)) for one in own]
        yield Read(image['file_name'], width, height, sorted(shapes, key=lambda shape: -int(shape.inside.sum())))


def _coco_inside(segmentation: Any, height: int, width: int) -> np.ndarray:
    if isinstance(segmentation, Mapping) and list(segmentation['size']) != [height, width]:
        raise ValueError(f'a mask of {segmentation["size"]} in an image of {[height, width]}')
    if isinstance(segmentation, Mapping) and isinstance(segmentation['counts'], str):
        code: Any = {**segmentation, 'counts': segmentation['counts'].encode('ascii')}
    else:  # polygons, or counts that are not compressed
        code = coco_mask.frPyObjects(segmentation, height, width)
        code = coco_mask.merge(code) if isinstance(code, list) else code
    return coco_mask.decode(code).astype(bool)


def _cvat(frames: Iterable[tuple[FrameRecord, np.ndarray]], space: LabelSpace) -> bytes:
    root = ElementTree.Element('annotations')
    ElementTree.SubElement(root, 'version').text = '1.1'
    known = ElementTree.SubElement(ElementTree.SubElement(ElementTree.SubElement(root, 'meta'), 'task'), 'labels')
    for name, color in zip(space.classes, space.colors, strict=True):
        label = ElementTree.SubElement(known, 'label')
        ElementTree.SubElement(label, 'name').text = name
        ElementTree.SubElement(label, 'color').text = '#{:02x}{:02x}{:02x}'.format(*color)
    for number, (frame, labels) in enumerate(frames):
        size = {'width': str(frame.width), 'height': str(frame.height)}
        image = ElementTree.SubElement(root, 'image', {'id': str(number), 'name': frame.image, **size})
        for train_id, inside in _classes(labels):
            left, top, width, height = cv2.boundingRect(inside.astype(np.uint8))
            runs = _runs(inside[top : top + height, left : left + width])
            box = {'left': left, 'top': top, 'width': width, 'height': height, 'z_order': 0}
            ElementTree.SubElement(image, 'mask', {
                'label': space.classes[train_id], 'source': 'manual', 'occluded': '0',
                'rle': ', '.join(map(str, runs)), **{key: str(value) for key, value in box.items()},
            })  # fmt: skip
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding='utf-8', xml_declaration=True)


def _runs(inside: np.ndarray) -> list[int]:
    """Return the lengths of runs, row by row, outside and inside in turn; the first one is outside, and may be 0."""
    flat = inside.ravel()
    ends = [0, *(np.flatnonzero(flat[1:] != flat[:-1]) + 1).tolist(), flat.size]
    return [*([0] if flat[0] else []), *np.diff(ends).tolist()]


def _read_cvat(content: bytes) -> Iterator[Read]:
    for image in ElementTree.fromstring(content).iter('image'):
        width, height = int(image.attrib['width']), int(image.attrib['height'])
        if not (0 < width < 1 << 16 and 0 < height < 1 << 16):
            raise ValueError(f'an image of {width}x{height}')
        shapes = []
        for one in sorted(image, key=lambda one: int(one.get('z_order', 0))):
            if one.tag == 'mask':
                shapes.append(Shape(one.attrib['label'], _cvat_inside(one.attrib, height, width)))
            elif one.tag == 'polygon':
                corners = [[float(part) for part in pair.split(',')] for pair in one.attrib['points'].split(';')]
                filled = np.zeros((height, width), np.uint8)
                cv2.fillPoly(filled, [np.round(corners).astype(np.int32)], 1)
                shapes.append(Shape(one.attrib['label'], filled.astype(bool)))
        yield Read(image.attrib['name'], width, height, shapes)


def _cvat_inside(values: Mapping[str, str], height: int, width: int) -> np.ndarray:
    left, top, wide, high = (int(values[key]) for key in ('left', 'top', 'width', 'height'))
    runs = [int(run) for run in values['rle'].split(',')]
    if min(left, top, *runs) < 0 or left + wide > width or top + high > height or sum(runs) != wide * high:
        raise ValueError('a mask that lies outside its image')
    inside = np.zeros((height, width), bool)
    box = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(high, wide)
    inside[top : top + high, left : left + wide] = box
    return inside
