# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A bag that grows file by file: at any moment, also after SIGKILL, what stands under its name can be read."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from famda_ros.errors import FamdaError
from famda_ros.files import write_atomically
from famda_ros.messages.bag_writer import BagWriter

METADATA = 'metadata.yaml'
_INFORMATION = 'rosbag2_bagfile_information'


def append_file(bag: str | Path, write: Callable[[BagWriter], None], custom_data: Mapping[str, str]) -> None:
    """Write one more MCAP file of a bag; the first one makes the bag.

    The file is written elsewhere and moved in when it is whole; ``metadata.yaml`` follows in one step.

    Args:
        bag: folder of the bag.
        write: writes the messages of the file.
        custom_data: tags of the bag; taken from the first file.

    Raises:
        FamdaError: it cannot be written; the bag stays as it was.
    """
    bag = Path(bag)
    if not bag.exists():
        with BagWriter(bag, dict(custom_data)) as writer:
            write(writer)
        return
    metadata = _read(bag)
    name = f'{bag.name}_{len(metadata["relative_file_paths"])}'
    part = bag.with_name(f'.{name}')  # on the same disk
    shutil.rmtree(part, ignore_errors=True)
    try:
        with BagWriter(part) as writer:
            write(writer)
        os.replace(part / f'{part.name}.mcap', bag / f'{name}.mcap')
        merged = merge_metadata(metadata, _read(part), f'{name}.mcap')
        write_atomically(bag / METADATA, yaml.safe_dump({_INFORMATION: merged}, sort_keys=False))
    except OSError as error:
        with contextlib.suppress(OSError):
            (bag / f'{name}.mcap').unlink(missing_ok=True)  # metadata.yaml does not know it
        raise FamdaError(f"cannot write the bag '{bag}' ({error.strerror}); is the disk full?") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def merge_metadata(bag: Mapping[str, Any], part: Mapping[str, Any], file: str) -> dict[str, Any]:
    """Return the metadata of a bag with one more file.

    Args:
        bag, part: contents of ``rosbag2_bagfile_information`` of the bag, and of a bag with the file alone.
        file: name that the file has in the bag.
    """
    begin = min(_begin(bag), _begin(part))
    end = max(_begin(about) + about['duration']['nanoseconds'] for about in (bag, part))
    topics = {topic['topic_metadata']['name']: dict(topic) for topic in bag['topics_with_message_count']}
    for topic in part['topics_with_message_count']:
        name = topic['topic_metadata']['name']
        before = topics[name]['message_count'] if name in topics else 0
        topics[name] = {**topics.get(name, topic), 'message_count': before + topic['message_count']}
    return {
        **bag,
        'relative_file_paths': [*bag['relative_file_paths'], file],
        'starting_time': {'nanoseconds_since_epoch': begin},
        'duration': {'nanoseconds': end - begin},
        'message_count': bag['message_count'] + part['message_count'],
        'topics_with_message_count': list(topics.values()),
        'files': [*bag['files'], {**part['files'][0], 'path': file}],
    }


def _begin(information: Mapping[str, Any]) -> int:
    return information['starting_time']['nanoseconds_since_epoch']


def _read(bag: Path) -> dict[str, Any]:
    return yaml.safe_load((bag / METADATA).read_text(encoding='utf-8'))[_INFORMATION]
