# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures from all over a recording, as they come: what the place looks like to the student that is adapted to it."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import yaml

from famda_ros.errors import FamdaError
from famda_ros.files import write_atomically
from famda_ros.messages.frame_index import FrameRecord, write_frame_index
from famda_ros.messages.image_messages import MalformedImage
from famda_ros.pipeline.even_spread import is_chosen
from famda_train.adapt.extract import ExtractSettings, write_picture
from famda_train.adapt.extract_recordings import Listeners, RecordedImage, Recording, part_of
from famda_train.datasets.frame_folder import FrameFolder


def write_home_frames(
    paths: Sequence[str | Path], out: Path, settings: ExtractSettings, count: int, name: str,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> FrameFolder:  # fmt: skip
    """Write evenly spread pictures of recordings into a frame folder, none of them chosen.

    ``famda extract`` prefers frames that show something new; how often the place looks how, only all of them say.
    What cannot be read is left out; extraction has reported it.

    Args:
        paths: recordings that could be extracted from.
        out: new folder.
        settings: topic, part and focal length.
        count: how many pictures, about; fewer where there are fewer.
        name: of the place.
        progress: called with (pictures read, pictures in all).
    """
    (out / 'images').mkdir(parents=True)
    records: list[FrameRecord] = []
    images = sum(1 for _ in _wanted(paths, settings))
    for number, (recording, image) in enumerate(_wanted(paths, settings)):
        if is_chosen(number, count, images):
            try:
                records.append(write_picture(out, f'{number:06d}', image, recording, settings.focal)[0])
            except MalformedImage:
                continue
        progress(number + 1, images)
    write_frame_index(out, records)
    write_atomically(out / 'dataset.yaml', yaml.safe_dump({'name': name, 'label_space': None, 'origin': 'recordings'}))
    return FrameFolder(out)


def _wanted(
    paths: Sequence[str | Path], settings: ExtractSettings
) -> Iterator[tuple[Recording, RecordedImage]]:
    """Yield all images of the parts that are wanted, each with its recording; what cannot be opened is left out."""
    nobody = Listeners(lambda _: None, lambda _: None)
    for path in paths:
        try:
            recording = Recording(path, settings.topic, nobody)
        except FamdaError:
            continue
        for _, _, image in part_of(recording.images(), settings.start_s, settings.stop_s):
            yield recording, image
