# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The gate of the workspace: what is checked wherever frames are read.

Readers call the cheap checks for every frame; training, evaluation and ``famda doctor`` call
:func:`check_files` for whole data sets.  All say the same sentence about the same fault.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from famda_ros.errors import FamdaError
from famda_ros.messages.frame_index import decode_file, picture_fault, same_view
from famda_ros.student.label_space import IGNORE
from famda_train.datasets.dataset import Dataset

FRAMES_READ = 50
"""Frames of a data set whose content is read before a training; also the default of ``famda doctor``."""
USUAL_MEDIAN_M = 0.2, 60.0
"""The median of depth lies in between, indoors as in streets; metres or millimetres read as centimetres do not."""
READERS = 16
"""Threads that open files; most of the time they wait for the disk."""


def header_size(path: Path) -> tuple[int, int]:
    """Return (width, height) of an image from its header.

    Raises:
        FamdaError: missing or damaged.
    """
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # some damaged PNG: SyntaxError
        height, width = decode_file(path).shape[:2]  # or the reason why nobody reads it
        return width, height


def check_ids(ids: np.ndarray, known: Iterable[int], where: str, space: str) -> None:
    """Refuse ids that a label space does not define.

    Args:
        ids: uint8 [H, W].
        known: what may occur.
        where: the frame and its data set, for the sentence.
        space: name of the label space or data set that defines the ids.

    Raises:
        FamdaError: names the unknown ids.
    """
    counts = np.bincount(ids.ravel(), minlength=256)
    counts[[*known]] = 0
    unknown = np.flatnonzero(counts).tolist()
    if unknown:
        shown = f'ids {", ".join(map(str, unknown[:8]))}{", ..." if len(unknown) > 8 else ""}'
        what = 'an id or colour' if unknown == [IGNORE] else shown
        raise FamdaError(
            f'labels of {where} hold {what} that {space} does not define; take its original label images '
            '(famda doctor looks through all of them)'
        )


def checked_image(dataset: Dataset, index: int, whole: bool = False) -> np.ndarray:
    """Read the image of a frame, uint8 [H, W, 3] RGB.

    Args:
        dataset: that has the frame.
        index: of the frame.
        whole: also look for JPEG files that are cut off.

    Raises:
        FamdaError: it cannot be read, or has another shape than its record.
    """
    image = dataset.whole_image(index) if whole else dataset.image(index)
    path = dataset.image_path(index)
    if path is not None and dataset.ONE_SIZE:
        _refuse(picture_fault(dataset.frames[index], path, image.shape[1], image.shape[0]))
    return image


def spread_images(dataset: Dataset, count: int) -> Iterator[np.ndarray]:
    """Yield ``count`` images from all over a data set, in order, or all where there are fewer.

    Raises:
        FamdaError: there are no frames, an image cannot be read, or one, whichever, is missing or has another shape
            than its record.
    """
    check_files(dataset)
    places = sample_indices(len(dataset), min(count, len(dataset)))
    return (checked_image(dataset, index) for index in places)


def checked_layer(dataset: Dataset, kind: str, index: int, image: np.ndarray) -> np.ndarray:
    """Read the ``labels``, ``depth`` or ``instances`` of a frame, [H, W].

    Args:
        dataset: that has the frame.
        kind: of ground truth.
        index: of the frame.
        image: of the frame, [H, W, 3].

    Raises:
        FamdaError: it cannot be read, or has another shape than the image.
    """
    array = getattr(dataset, kind)(index)
    check_view(array, image, kind, dataset.ground_truth_path(kind, index) or dataset.frames[index].stem)
    return array


def check_view(array: np.ndarray, image: np.ndarray, kind: str, where: str | Path) -> None:
    """Refuse an array that does not show what the image shows: its ratio of width to height is another.

    Args:
        array: [H, W, ...], at any scale.
        image: [H, W, ...].
        kind: what the array is, for the sentence.
        where: its file.

    Raises:
        FamdaError: names the file and both sizes.
    """
    _refuse(view_fault(kind, where, array.shape[1::-1], image.shape[1::-1]))


def view_fault(kind: str, where: str | Path, size: tuple[int, ...], image: tuple[int, ...]) -> str | None:
    """Return a sentence where two sizes (width, height) are not one picture at two scales; None = they are."""
    if same_view(*size, *image):
        return None
    return (
        f"{kind} '{where}' are {size[0]}x{size[1]} pixels but the image is {image[0]}x{image[1]}; "
        'take both from one version of the data'
    )


def _refuse(fault: str | None) -> None:
    if fault:
        raise FamdaError(fault)


def file_faults(dataset: Dataset, kinds: Sequence[str] = ()) -> list[str]:
    """Return sentences about files that are missing, or have another shape than they must have; [] = none.

    Looks at every file, but into headers alone.

    Args:
        dataset: whose files they are.
        kinds: ground truth that is wanted, as far as the data set has it.
    """
    missing = missing_files(dataset, kinds)
    if missing or dataset.image_path(0) is None:
        return missing

    def faults(index: int) -> list[str]:
        return list(_shape_faults(dataset, index, kinds))

    with ThreadPoolExecutor(READERS) as pool:
        return [fault for found in pool.map(faults, range(len(dataset))) for fault in found]


def check_files(dataset: Dataset, kinds: Sequence[str] = ()) -> None:
    """Refuse a data set without frames, or with a fault that :func:`file_faults` finds.

    Raises:
        FamdaError: the first fault.
    """
    dataset.require()
    faults = file_faults(dataset, kinds)
    if faults:
        more = f' ({len(faults) - 1} more faults: famda doctor {dataset.path})' if len(faults) > 1 else ''
        raise FamdaError(faults[0] + more)


def missing_files(dataset: Dataset, kinds: Sequence[str]) -> list[str]:
    """Return sentences about images that are missing, and ground truth that is missing or lies under other names."""
    paths = [dataset.image_path(index) for index in range(len(dataset))]
    gone = [path for path in paths if path is not None and not path.is_file()]
    faults = [f"{len(gone)} images are missing (the first: '{gone[0]}'); copy them again"] if gone else []
    for kind in kinds:
        if dataset.PARTLY_LABELLED:
            faults += filter(None, [stray_fault(dataset, kind)])
            continue
        if not dataset.has(kind):
            continue
        layers = [dataset.ground_truth_path(kind, index) for index in range(len(dataset))]
        missing = [path for path in layers if path is not None and not path.is_file()]
        if missing:
            faults.append(
                f"{len(missing)} of {len(dataset)} images have no {kind} (the first: '{missing[0]}'); "
                'copy the missing files or remove these images'
            )
    return faults


def stray_fault(dataset: Dataset, kind: str) -> str | None:
    """Return a sentence where frames have no ground truth of a kind and files of other names lie there; None = no."""
    stray = dataset.stray_files(kind)
    without = sum(not dataset.has_at(kind, index) for index in range(len(dataset))) if stray else 0
    if not without:
        return None
    return (
        f"'{stray[0].parent}' holds {len(stray)} files that belong to no frame (the first: '{stray[0].name}'), and "
        f'{without} of {len(dataset)} frames have no {kind}; name the files after the stems of their frames, in .png, '
        'or take them away'
    )


def depth_unit_fault(dataset: Dataset, medians: Sequence[float | None]) -> str | None:
    """Return a sentence where depth was written in another unit than that of its files; None = it seems right.

    Args:
        dataset: whose depth it is.
        medians: of the known depth of some frames, metres; None = nothing is known in one.
    """
    known = [median for median in medians if median is not None]
    if not known or USUAL_MEDIAN_M[0] <= (median := float(np.median(known))) <= USUAL_MEDIAN_M[1]:
        return None
    return (
        f"the depth of '{dataset.path}' has a median of {median:.3g} m, as no camera on the ground sees it: the files "
        'are read in centimetres (docs/datasets.md); write it again in these'
    )


def median_depth(depth: np.ndarray) -> float | None:
    """Return the median of the known depth, float [H, W] metres; None = no pixel is known."""
    known = depth[np.isfinite(depth)]
    return float(np.median(known)) if known.size else None


def check_depth_unit(dataset: Dataset, frames: int = FRAMES_READ) -> None:
    """Refuse depth on disk that :func:`depth_unit_fault` finds fault with, in some frames of all over a data set.

    Raises:
        FamdaError: the fault, or depth that cannot be read.
    """
    there = [index for index in range(len(dataset)) if dataset.has_at('depth', index)]
    if not there or dataset.ground_truth_path('depth', there[0]) is None:
        return
    sample = [there[place] for place in sample_indices(len(there), frames)]
    _refuse(depth_unit_fault(dataset, [median_depth(dataset.depth(index)) for index in sample]))


def several_sizes(sizes: Sequence[str]) -> str:
    """Return the sentence about images of several sizes, each 'WxH'."""
    return (
        f'images of {len(sizes)} sizes ({", ".join(sizes[:6])}); a training needs one: give the size that it resizes '
        'to, such as size: [320, 240]'
    )


def check_one_size(dataset: Dataset) -> None:
    """Refuse records of several sizes, where a data set must have one.

    Raises:
        FamdaError: names the sizes.
    """
    sizes = sorted({f'{frame.width}x{frame.height}' for frame in dataset.frames})
    if dataset.ONE_SIZE and len(sizes) > 1:
        raise FamdaError(f"'{dataset.path}' has {several_sizes(sizes)}")


def check_images(dataset: Dataset, frames: int = FRAMES_READ) -> None:
    """Refuse images that cannot be read, or have another shape than their records, among some of all over a data set.

    Args:
        dataset: whose images are read where they lie on disk.
        frames: how many, as many as ``famda doctor`` reads; 0 = all.

    Raises:
        FamdaError: the first fault.
    """
    if dataset.image_path(0) is None:
        return
    places = sample_indices(len(dataset), frames)
    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(lambda index: checked_image(dataset, index, whole=True).shape, places))


def check_ground_truth(dataset: Dataset, kind: str, frames: int = FRAMES_READ) -> None:
    """Refuse ground truth that cannot be read in frames spread over a data set, or says nothing in any pixel.

    Args:
        dataset: that has such ground truth.
        kind: ``labels`` or ``depth``.
        frames: how many are read, as many as ``famda doctor`` reads; more where they say nothing. 0 = all.

    Raises:
        FamdaError: unreadable, ids that are not defined, depth in another unit, or nothing is known in any frame.
    """
    there = [index for index in range(len(dataset)) if dataset.has_at(kind, index)]
    sample = [there[place] for place in sample_indices(len(there), frames)]
    known, medians = list[bool](), list[float | None]()
    for index in sample:
        layer = getattr(dataset, kind)(index)
        known.append(says_something(kind, layer))
        medians.append(median_depth(layer) if kind == 'depth' else None)
    if there and dataset.ground_truth_path(kind, there[0]) is not None:
        _refuse(depth_unit_fault(dataset, medians))
    others = sorted(set(there).difference(sample))
    if not any(known) and not any(says_something(kind, getattr(dataset, kind)(index)) for index in others):
        raise FamdaError(nothing_known(dataset, kind))


def sample_indices(count: int, frames: int) -> list[int]:
    """Return evenly spaced indices of ``count`` frames, first and last among them; ``frames`` = 0: all.

    Raises:
        FamdaError: ``frames`` is below 0.
    """
    if frames < 0:
        raise FamdaError(f'--frames must be 0 (all) or more, not {frames}')
    if frames == 0 or frames >= count:
        return list(range(count))
    return np.unique(np.linspace(0, count - 1, frames).round().astype(int)).tolist()


def nothing_known(dataset: Dataset, kind: str) -> str:
    """Return the sentence about labels without a class, or depth without a distance, in any frame."""
    what = 'labelled: all are 255 (ignore)' if kind == 'labels' else 'of known depth'
    return f"no pixel of '{dataset.path}' is {what}; write its {kind} again"


def says_something(kind: str, array: np.ndarray) -> bool:
    """Tell whether labels name a class, or depth a distance, in any pixel."""
    return bool((array != IGNORE).any() if kind == 'labels' else np.isfinite(array).any())


def _shape_faults(dataset: Dataset, index: int, kinds: Sequence[str]) -> Iterator[str]:
    path = dataset.image_path(index)
    assert path is not None
    try:
        image = header_size(path)
        if dataset.ONE_SIZE and (fault := picture_fault(dataset.frames[index], path, *image)):
            yield fault
        for kind in kinds:
            layer = dataset.ground_truth_path(kind, index) if dataset.has_at(kind, index) else None
            if layer is not None and (fault := view_fault(kind, layer, header_size(layer), image)):
                yield fault
    except FamdaError as error:
        yield str(error)

