# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A folder of deployed students: versions side by side, a profile that names the active one, a record to go back by.

::

    robot/
      night.yaml                                      # the profile: its 'model' is the active version
      models/night-20261128-091402-1f0c9a3e.onnx      # every version; never overwritten
      deployed.json                                   # which version replaced which, and when

The profile is written last and in one step: whoever is killed in between leaves the version that was active before.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from famda_ros.errors import FamdaError
from famda_ros.files import atomic_path, make_output_folder, sha256_of, write_atomically
from famda_ros.profiles.profile_file import parse_profile
from famda_ros.profiles.student_switch import check_successor, outputs_fault
from famda_ros.resources import PREFIX, resolve
from famda_ros.strict_yaml import parse_yaml
from famda_ros.student.model_card import ModelCard, read_card
from famda_ros.student.runtime import Student

VERSIONS, RECORD = 'models', 'deployed.json'
SCHEMA_VERSION = 1
NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9_-]{0,63}')
"""What a profile may be named here: it becomes part of file names."""
MODEL_LINE = re.compile(r'^model[ \t]*:.*$', re.MULTILINE)


@dataclass(frozen=True)
class Deployment:
    """One version that was made the active one.

    Attributes:
        profile: name of the profile.
        file: the version, relative to the folder.
        replaced: what the profile named before, as it was written there; '' = nothing.
        name, domain, label_space: of its model card.
        sha256: hexadecimal digest of the file.
        time: when, UTC, as '2026-11-28T09:14:02Z'.
    """

    profile: str
    file: str
    replaced: str
    name: str
    domain: str
    label_space: str
    sha256: str
    time: str


def deploy(
    model: str | Path, folder: str | Path, profile: str | None = None, clock: Callable[[], float] = time.time
) -> Deployment:
    """Copy a student into a folder as a new version and make it the active one of a profile.

    Other lines of a profile that is there already stay as they are.  A file that the folder has already is not
    copied again.

    Args:
        model: student .onnx file; it is loaded and run once before anything is written.
        folder: of deployed students; created where it is missing.
        profile: which profile gets it; None = the one named after the domain of its card.
        clock: seconds since 1970.

    Raises:
        FamdaError: no student, other classes or outputs than the version it replaces, a name that cannot be a file's,
            or a folder that cannot be written or is damaged.
    """
    student = Student(model, threads=1, provider='cpu')
    card = student.card
    check_successor(student, card, None)
    name = _checked_name(card.domain if profile is None else profile)
    folder = make_output_folder(folder)
    make_output_folder(folder / VERSIONS)
    with _locked(folder):
        record = _read_record(folder)
        before = active(folder, name)
        if fault := _misfit(card, _card(folder, before)):
            raise FamdaError(
                f"'{model}' {fault} in the profile '{name}' of '{folder}'; a running node would refuse it: deploy it "
                'under another name with --profile'
            )
        now, digest = time.gmtime(clock()), sha256_of(student.path)
        file = next((entry.file for entry in record if _is_version(folder, entry, digest)), '')
        if file == before and file:
            raise FamdaError(f"'{model}' is the active version of the profile '{name}' already; nothing was changed")
        file = file or f'{VERSIONS}/{name}-{time.strftime("%Y%m%d-%H%M%S", now)}-{digest[:8]}.onnx'
        if not (folder / file).exists():
            _copy(student.path, folder / file)
        entry = Deployment(
            name, file, before, card.name, card.domain, card.label_space.name, digest,
            time.strftime('%Y-%m-%dT%H:%M:%SZ', now),
        )  # fmt: skip
        _write_record(folder, [*record, entry])
        _activate(folder, name, file)
    return entry


def rollback(folder: str | Path, profile: str | None = None) -> tuple[str, str, str]:
    """Make the version active again that the active one has replaced.

    Args:
        folder: of deployed students.
        profile: which profile; None = the only one.

    Returns:
        (profile, what was active, what is active now): the last two as the profile names them.

    Raises:
        FamdaError: nothing was replaced, what was replaced is gone or no student any more, or the folder is damaged.
    """
    folder = _existing(folder)
    with _locked(folder):
        record = _read_record(folder)
        name = _checked_name(profile) if profile is not None else _only_profile(folder, record)
        now = active(folder, name)
        entry = next((e for e in reversed(record) if (e.profile, e.file) == (name, now)), None)
        if entry is None or not entry.replaced:
            raise FamdaError(
                f"the profile '{name}' of '{folder}' has no version before {now or 'the first'}; "
                f"'famda models {folder}' lists what there is to deploy"
            )
        Student(_path(folder, entry.replaced), threads=1, provider='cpu')
        _activate(folder, name, entry.replaced)
    return name, now, entry.replaced


def versions(folder: str | Path) -> list[dict[str, Any]]:
    """Return every deployment of a folder, the oldest first.

    Returns:
        Dictionaries of the attributes of :class:`Deployment`, with ``active`` (the profile names it now, and no
        later deployment does) and ``there`` (its file is there).

    Raises:
        FamdaError: no such folder, or a damaged one.
    """
    folder = _existing(folder)
    record = _read_record(folder)
    newest = {(entry.profile, entry.file): number for number, entry in enumerate(record)}
    named = {name: active(folder, name) for name in {entry.profile for entry in record}}
    return [
        {
            **asdict(entry),
            'active': named[entry.profile] == entry.file and newest[entry.profile, entry.file] == number,
            'there': (folder / entry.file).is_file(),
        }
        for number, entry in enumerate(record)
    ]


def active(folder: str | Path, profile: str) -> str:
    """Return the model that a profile of the folder names, as it is written there; '' = none, or no such profile.

    Raises:
        FamdaError: the profile cannot be read.
    """
    path = Path(folder) / f'{profile}.yaml'
    try:
        content = _parsed(path.read_text(encoding='utf-8'), path)
    except FileNotFoundError:
        return ''
    model = content.get('model') if isinstance(content, dict) else None
    return model if isinstance(model, str) else ''


def _parsed(text: str, path: Path) -> Any:
    try:
        return parse_yaml(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise FamdaError(f"the profile '{path}' cannot be read ({' '.join(str(error).split())}); mend it") from error


def _path(folder: Path, model: str) -> Path:
    """Return the file that a profile of the folder means."""
    return resolve(model) if model.startswith(PREFIX) else folder / os.path.expanduser(model)


def _card(folder: Path, model: str) -> ModelCard | None:
    """Return the card of what a profile names; None where it is no student (any more)."""
    try:
        return read_card(_path(folder, model)) if model else None
    except FamdaError:
        return None


def _misfit(card: ModelCard, before: ModelCard | None) -> str:
    """Return why a student cannot take the place of another, up to 'in the profile'; '' = it can."""
    if before is None:
        return ''
    new, old = card.label_space, before.label_space
    if new != old:
        return f"has the label space '{new.name}' with {len(new)} classes instead of '{old.name}' with {len(old)}"
    return outputs_fault(card, before)


def _is_version(folder: Path, entry: Deployment, digest: str) -> bool:
    return entry.sha256 == digest and (folder / entry.file).is_file() and sha256_of(folder / entry.file) == digest


def _checked_name(profile: str) -> str:
    if not NAME.fullmatch(profile):
        raise FamdaError(
            f"'{profile}' cannot be the name of a profile here: letters, digits, _ and - only; name one with --profile"
        )
    return profile


def _only_profile(folder: Path, record: list[Deployment]) -> str:
    names = sorted({entry.profile for entry in record})
    if len(names) == 1:
        return names[0]
    raise FamdaError(
        f"'{folder}' has the profiles {', '.join(names)}; say which with --profile"
        if names
        else f"nothing has been deployed to '{folder}' yet"
    )


def _existing(folder: str | Path) -> Path:
    if not (Path(folder) / RECORD).is_file():
        raise FamdaError(f"'{folder}' is no folder of deployed students; 'famda deploy FILE --to {folder}' makes one")
    return Path(folder)


def _activate(folder: Path, profile: str, file: str) -> None:
    """Let a profile name another model; its other lines stay."""
    path = folder / f'{profile}.yaml'
    text = path.read_text(encoding='utf-8') if path.is_file() else ''
    line = f'model: {json.dumps(file)}'  # JSON's quotes are YAML's, too
    text = MODEL_LINE.sub(lambda _: line, text, count=1) if MODEL_LINE.search(text) else f'{line}\n{text}'
    parse_profile(_parsed(text, path), path)  # what is wrong in other lines is said before anything changes
    write_atomically(path, text)
    _flush(path.parent)


def _copy(source: Path, target: Path) -> None:
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)
        _flush(temporary)


def _flush(path: Path) -> None:
    """Have a file or folder on the disk: a robot's power goes without warning."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_record(folder: Path) -> list[Deployment]:
    path = folder / RECORD
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        if content['schema_version'] != SCHEMA_VERSION:
            raise ValueError(f'schema version {content["schema_version"]} instead of {SCHEMA_VERSION}')
        names = {field.name for field in fields(Deployment)}
        for entry in content['deployed']:
            if set(entry) != names or not all(isinstance(value, str) for value in entry.values()):
                raise ValueError(f'an entry must have {", ".join(sorted(names))}, all of them texts')
        return [Deployment(**entry) for entry in content['deployed']]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FamdaError(f"'{path}' is damaged ({error}); mend or remove it: profiles work without it") from error


def _write_record(folder: Path, record: list[Deployment]) -> None:
    content = {'schema_version': SCHEMA_VERSION, 'deployed': [asdict(entry) for entry in record]}
    write_atomically(folder / RECORD, json.dumps(content, indent=2, ensure_ascii=False) + '\n')


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from changing the folder meanwhile."""
    try:
        with open(folder / '.lock', 'w') as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise FamdaError(f"somebody else is changing '{folder}'; try again when they have finished") from error
            yield
    except OSError as error:
        raise FamdaError(f"cannot write to '{folder}' ({error.strerror}); free space or choose another one") from error
