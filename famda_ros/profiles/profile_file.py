# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Profiles: small YAML files laid over the node's parameters, for day, night or any other light.

::

    model: night.onnx            # file; absolute, package://famda_ros/..., or beside this file
    min_confidence: 0.4          # each of SETTINGS may be given; what is not stays as the node has it
    exposure:
      target_brightness: 90.0
    recording:                   # for record.launch.py
      tags: {domain: night}
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from famda_ros.errors import FamdaError
from famda_ros.profiles.parameters import PARAMETERS, Parameter
from famda_ros.resources import PREFIX, resolve, share_folders
from famda_ros.strict_yaml import parse_yaml

_OVERRIDABLE = (
    'depth.scale', 'min_confidence', 'max_rate_hz', 'max_age_ms', 'exposure.target_brightness', 'exposure.max_gamma',
)  # fmt: skip

SETTINGS = {parameter.name: parameter for parameter in PARAMETERS if parameter.name in _OVERRIDABLE}
"""Node parameters that a profile may set; their limits are the node's."""

KEYS = ('model', *dict.fromkeys(name.partition('.')[0] for name in SETTINGS), 'recording')
SUFFIXES = ('.yaml', '.yml')


@dataclass(frozen=True)
class Profile:
    """A named overlay of node parameters.

    Attributes:
        name: file name without suffix.
        path: the file.
        model: student .onnx file; None = the node's parameter ``model`` stands.
        overrides: value by parameter name, of :data:`SETTINGS`.
        recording_tags: written into the metadata of recordings made under this profile.
    """

    name: str
    path: Path
    model: Path | None = None
    overrides: Mapping[str, float] = field(default_factory=dict)
    recording_tags: Mapping[str, str] = field(default_factory=dict)


def load_profile(name_or_path: str | Path, folder: str | Path | None = None) -> Profile:
    """Return the profile 'day', 'night', ... of a folder, or the one in a file.

    Args:
        name_or_path: a name (``<folder>/<name>.yaml``), or the path of a .yaml file.
        folder: where names are looked up; None = the installed ``config/profiles``.

    Raises:
        FamdaError: no such profile, or its content is not valid, with the reason.
    """
    path = find_profile(name_or_path, folder)
    try:
        content = parse_yaml(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = ' '.join(str(error).split())
        raise FamdaError(f"the profile '{path}' cannot be read ({reason}); mend the file") from error
    return parse_profile({} if content is None else content, path)


def find_profile(name_or_path: str | Path, folder: str | Path | None = None) -> Path:
    """Return the file of a profile; arguments and errors as :func:`load_profile`."""
    text = str(name_or_path)
    if text.endswith(SUFFIXES) or '/' in text:
        path = Path(os.path.expanduser(text))
        if not os.path.isfile(path):  # unlike Path.is_file it raises nothing, whatever the text
            raise FamdaError(f"the profile '{path}' does not exist; give the path of a profile file or a name")
        return path.absolute()
    folders = [Path(folder)] if folder is not None else [base / 'config' / 'profiles' for base in share_folders()]
    there = {file.stem: file for base in reversed(folders) for file in sorted(base.glob('*.yaml'))}
    if text not in there:
        names = ', '.join(sorted(there)) or 'none are installed'
        raise FamdaError(f"unknown profile '{text}'; choose one of {names}, or give the path of a .yaml file")
    return there[text].absolute()


def parse_profile(content: Any, path: Path) -> Profile:
    """Return the profile that a YAML file describes.

    Args:
        content: what YAML makes of the file.
        path: the file; the model is looked up beside it.

    Raises:
        FamdaError: an unknown key, a value of a wrong type or beyond its limits, or a model that is not there.
    """
    where = f"the profile '{path}'"
    top = _mapping(content, where)
    _check_keys(top, KEYS, where)
    overrides = {}
    for name, parameter in SETTINGS.items():
        group, _, key = name.rpartition('.')
        if group and group in top:
            values = _mapping(top[group], f"'{group}' in {where}")
            known = [setting.partition('.')[2] for setting in SETTINGS if setting.startswith(f'{group}.')]
            _check_keys(values, known, f"'{group}' in {where}")
        else:
            values = {} if group else top
        if key in values:
            overrides[name] = _number(values[key], parameter, where)
    return Profile(
        name=path.stem,
        path=path,
        model=_model(top.get('model'), path, where),
        overrides=overrides,
        recording_tags=_tags(top.get('recording'), where),
    )


def _mapping(content: Any, where: str) -> dict[Any, Any]:
    if not isinstance(content, dict):
        raise FamdaError(f"{where} must hold 'key: value' lines, not {reprlib.repr(content)}")
    return content


def _check_keys(values: Mapping[Any, Any], known: Any, where: str) -> None:
    for key in values:
        if key not in known:
            raise FamdaError(f"unknown key {reprlib.repr(key)} in {where}; the keys are {', '.join(known)}")


def _number(value: Any, parameter: Parameter, where: str) -> float:
    low, high = parameter.minimum, parameter.maximum
    assert low is not None and high is not None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:  # NaN is not between
        shown = reprlib.repr(value)
        raise FamdaError(f"'{parameter.name}' in {where} must be a number from {low:g} to {high:g}, not {shown}")
    return float(value)


def _model(value: Any, profile: Path, where: str) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise FamdaError(f"'model' in {where} must be the path of an .onnx file, not {reprlib.repr(value)}")
    if value.startswith(PREFIX):
        return resolve(value)
    path = profile.parent / os.path.expanduser(value)
    if not os.path.isfile(path):
        raise FamdaError(f"the model '{path}' of {where} does not exist; correct 'model' in the profile")
    return path


def _tags(value: Any, where: str) -> dict[str, str]:
    if value is None:
        return {}
    recording = _mapping(value, f"'recording' in {where}")
    _check_keys(recording, ('tags',), f"'recording' in {where}")
    tags = _mapping(recording.get('tags', {}), f"'recording.tags' in {where}")
    for key, text in tags.items():
        if not (isinstance(key, str) and isinstance(text, str)):
            raise FamdaError(f"'recording.tags' in {where} must be texts, not {key!r}: {text!r}; put them in quotes")
    return dict(tags)
