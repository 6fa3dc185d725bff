# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda view``."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from famda_train.commands.recording_warnings import MOST_NAMED, print_warnings

if TYPE_CHECKING:
    from famda_train.inspection.viewing import Faults, ViewSource

POSITIONALS = ('source',)
HAS_RESULT = True


def run(
    source: str,
    model: str | None = None,
    save: str | None = None,
    topic: str | None = None,
    threads: int = 0,
    provider: str = 'cpu',
) -> dict[str, Any]:
    """Look at a recording, at answers, at a data set or at a label store in the Rerun viewer.

    Shows images, masks, overlays, depth, coloured points, and numbers over time, frame by frame as they are read.

    Args:
        source: bag or folder of images; bag with answers (of famda perceive, or of a node); data set; or label store
            (FRAMES/teachers/masks-...)
        model: student .onnx file whose predictions are shown beside
        save: .rrd file to write in place of opening the viewer; open it with: rerun FILE
        topic: image topic of a bag with several; of answers of several cameras, the mask topic
        threads: CPU threads per inference; 0 = one per core
        provider: what the student runs on: cpu, openvino, cuda, tensorrt, or auto = the best that agrees with the CPU
    """
    from famda_train.commands.progress import progress_bar
    from famda_train.inspection.rerun_log import RerunLog
    from famda_train.inspection.viewing import Faults

    faults = Faults()
    frames = open_view(source, topic, faults)
    if model is not None:
        from famda_ros.student.runtime import Student
        from famda_train.inspection.viewing import with_student

        frames = with_student(frames, Student(model, threads, provider), faults)
    with RerunLog(frames, save) as log, progress_bar() as progress:
        task = progress.add_task('view', total=frames.total)
        for frame in frames.frames:
            log.log(frame)
            progress.update(task, completed=log.logged)
        result = {
            'frames': log.logged,
            'layers': {name: list(parts) for name, parts in frames.parts.items()},
            'malformed_images': faults.malformed,
            'losses': faults.losses,
            'calibration': faults.calibration,
            'saved': save,
        }
    print(f'{result["frames"]} frames -> {save or "the viewer"}' + (f'; look at it with: rerun {save}' if save else ''))
    print_warnings(result)
    for sentence in faults.malformed[:MOST_NAMED]:
        print(f'left out: {sentence}')
    return result


def open_view(source: str | Path, topic: str | None, faults: Faults) -> ViewSource:
    """Return the frames of whatever there is to see at a path.

    Raises:
        FamdaError: nothing that can be seen, or no frame in it.
    """
    from famda_ros.errors import FamdaError
    from famda_ros.messages.bag_reader import recordings_in

    path = Path(source)
    is_bag = path.is_file() or (path / 'metadata.yaml').is_file() or (path.is_dir() and bool(recordings_in(path)))
    if is_bag:
        from famda_train.inspection.view_recordings import answers_source, masks_of, recording_source

        # With an image topic that is asked for, a bag of a node is a recording.
        masks = masks_of(path)
        return (answers_source if masks and topic in (None, *masks) else recording_source)(path, topic, faults)
    is_store = (path / 'teacher.json').is_file() or path.resolve().parent.name == 'teachers'
    from famda_train.datasets.catalogue import KINDS

    if is_store or any(kind.detect(path) for kind in KINDS.values()) or (path / 'dataset.yaml').is_file():
        from famda_train.inspection.view_datasets import dataset_source, store_source

        if topic is not None:
            raise FamdaError(f"'{source}' is no bag and has no topics; leave --topic out")
        return (store_source if is_store else dataset_source)(path, faults)
    from famda_train.inspection.view_recordings import recording_source

    return recording_source(path, topic, faults)
