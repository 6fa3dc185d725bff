# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What a worker does: build a teacher once, then read frames, run the teacher, encode its outputs."""
from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.messages.frame_index import focal_at
from famda_train.datasets.checks import checked_image
from famda_train.datasets.dataset import Dataset
from famda_train.label_store.checks import image_checksum
from famda_train.label_store.label_picture import LabelPicture, encode_depth, encode_segments

THREAD_VARIABLES = ('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS')


@dataclass(frozen=True)
class TeacherSpec:
    """A teacher by name; goes to other processes and machines, where it is built.

    Attributes:
        role: ``masks`` or ``depth``.
        name: of the teacher.
        settings: of the teacher.
    """

    role: str
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> Any:
        """Return the teacher.

        Raises:
            FamdaError: no such teacher, or it cannot be built with these settings here.
        """
        if self.role == 'masks':
            from famda_train.teachers.mask_teachers import build_mask_teacher

            return build_mask_teacher(self.name, dict(self.settings))
        from famda_train.teachers.depth_teachers import build_depth_teacher

        return build_depth_teacher(self.name, dict(self.settings))


@dataclass(frozen=True)
class Job:
    """What a worker needs to know.

    Attributes:
        teacher: that labels.
        dataset: frames that it labels.
        folder: what relative paths are relative to.
    """

    teacher: TeacherSpec
    dataset: Dataset
    folder: str = field(default_factory=os.getcwd)


@dataclass(frozen=True)
class Outcome:
    """What became of a frame.

    Attributes:
        index: of the frame.
        label: output of the teacher; None = see ``fault``.
        fault: why there is none, one sentence.
        fatal: the next frames would fare no better.
        image_crc32: checksum of the file of the image that was labelled; None = there is none.
    """

    index: int
    label: LabelPicture | None = None
    fault: str = ''
    fatal: bool = False
    image_crc32: str | None = None


class Labeller:
    """A teacher at work on a data set.

    Args:
        job: what to do.

    Attributes:
        identity: of the teacher, as the label store records it.

    Raises:
        FamdaError: the teacher cannot be built, or the data set is not on this machine.
    """

    def __init__(self, job: Job):
        self._dataset, self._role = job.dataset, job.teacher.role
        first = job.dataset.path / job.dataset.frames[0].image if job.dataset.frames else job.dataset.path
        if not first.parent.is_dir() and job.dataset.path.is_absolute():
            raise FamdaError(
                f"'{first.parent}' is not there on the machine '{socket.gethostname()}'; put the frames into a folder "
                'that all machines see under the same path'
            )
        self._teacher = job.teacher.build()
        self.identity: dict[str, Any] = self._teacher.identity

    def __call__(self, index: int) -> Outcome:
        """Label a frame.  A frame that cannot be read, and a teacher that gives up, are outcomes too."""
        crc32 = image_checksum(self._dataset.image_path(index))  # before it is read: a later change is noticed
        try:
            array = self._read(index)
        except (FamdaError, OSError, cv2.error) as error:
            return Outcome(index, fault=str(error))
        try:
            return Outcome(index, self._encode(array, index), image_crc32=crc32)
        except FamdaError as error:
            return Outcome(index, fault=str(error), fatal=True)

    def _read(self, index: int) -> np.ndarray:
        """Return the image, or what the teacher makes of a frame's ground truth."""
        if self._reads_ground_truth:
            return self._teacher.read(self._dataset, index)
        return checked_image(self._dataset, index, whole=True)

    def _encode(self, array: np.ndarray, index: int) -> LabelPicture:
        if self._role == 'masks':
            return encode_segments(array if self._reads_ground_truth else self._teacher(array))
        from famda_train.teachers.depth_teachers import read_depth

        return encode_depth(*read_depth(self._teacher, array, focal_at(self._dataset.frames[index], array.shape[1])))

    @property
    def _reads_ground_truth(self) -> bool:
        return hasattr(self._teacher, 'read')


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Build and compute on one thread: frames are labelled side by side, and more threads round differently."""
    variables = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    opencv_threads, threads = cv2.getNumThreads(), _torch_threads()
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, '1'))  # for libraries that are imported from now on
    cv2.setNumThreads(1)
    _set_torch_threads(1)
    try:
        yield
    finally:
        for name, value in variables.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        cv2.setNumThreads(opencv_threads)
        _set_torch_threads(threads or cores())


def _torch_threads() -> int | None:
    torch = sys.modules.get('torch')  # not imported for teachers that do without
    return torch.get_num_threads() if torch else None


def _set_torch_threads(count: int) -> None:
    if torch := sys.modules.get('torch'):
        torch.set_num_threads(count)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def gpus_in_use() -> int:
    """Return how many GPUs this process sees if its teacher computes on one; 0 = it does not."""
    torch = sys.modules.get('torch')
    return torch.cuda.device_count() if torch and torch.cuda.is_initialized() else 0


def resident_bytes() -> int:
    """Return the memory that this process holds; 0 = the system does not tell."""
    return _kilobytes('/proc/self/status', 'VmRSS') * 1024


def available_bytes() -> int:
    """Return the memory that new processes can have; 0 = the system does not tell."""
    return _kilobytes('/proc/meminfo', 'MemAvailable') * 1024


def _kilobytes(file: str, key: str) -> int:
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f'{key}:')), 0)
