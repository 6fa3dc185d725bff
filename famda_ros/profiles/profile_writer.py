# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Write what a calibration has found into a profile file, and change nothing else of it."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from pathlib import Path

import yaml

from famda_ros.errors import FamdaError
from famda_ros.files import write_atomically
from famda_ros.profiles.profile_file import SUFFIXES, Profile, load_profile, parse_profile
from famda_ros.resources import PREFIX, resolve

_SCALE_LINE = re.compile(
    r'(?m)^(depth:[ \t]*(?:#.*)?\n(?:[ \t]*(?:#.*)?\n)*[ \t]+)scale:[^\n#]*?(?=[ \t]*(?:#|$))'
)
"""The line of ``depth.scale`` in a file of the usual style: the block ``depth``, and in it ``scale`` with its value."""


def write_depth_scale(path: str | Path, scale: float, model: str | Path, overwrite: bool = False) -> Path:
    """Write ``depth.scale`` into a profile file: a new one, or one that is there, of which nothing else changes.

    Args:
        path: the .yaml file.
        scale: factor of all metres.
        model: student file that it was measured with; a new profile names it, one that is there must not name another.
        overwrite: whether a file that is there may be changed.

    Returns:
        The file.

    Raises:
        FamdaError: the file is there and may not be changed, names another model or is no profile; or it cannot be
            written.
    """
    path = check_profile_to_write(path, model, overwrite)
    line = f'scale: {scale:.4g}'
    if path.exists():
        before, text = load_profile(path), path.read_text(encoding='utf-8')
        text, found = _SCALE_LINE.subn(rf'\g<1>{line}', text, count=1)
        if not found and 'depth.scale' not in before.overrides:
            text = f'{text.rstrip()}\n\ndepth:\n  {line}\n'.lstrip()
    else:
        before = Profile(path.stem, path, resolve(model).absolute())
        text = f'model: {_yaml_text(_model_name(model))}\ndepth:\n  {line}\n'
    wanted = dataclasses.replace(before, overrides={**before.overrides, 'depth.scale': float(f'{scale:.4g}')})
    try:
        good = parse_profile(yaml.safe_load(text), path) == wanted
    except (FamdaError, yaml.YAMLError):
        good = False
    if not good:
        raise FamdaError(f"'{path}' is written in a way that cannot be changed here; put depth: {{{line}}} into it")
    try:
        write_atomically(path, text)
    except OSError as error:
        raise FamdaError(f"cannot write '{path}' ({error.strerror}); choose another --out") from error
    return path


def check_profile_to_write(path: str | Path, model: str | Path, overwrite: bool) -> Path:
    """Return the file of :func:`write_depth_scale`, before the work that finds the scale.

    Raises:
        FamdaError: as that.
    """
    path = Path(path).absolute()
    if path.suffix not in SUFFIXES:
        raise FamdaError(f"a profile is a {' or '.join(SUFFIXES)} file, not '{path}'; choose another --out")
    if not path.parent.is_dir():
        raise FamdaError(f"the folder of '{path}' does not exist; make it, or choose another --out")
    if path.exists():
        if not overwrite:
            raise FamdaError(f"'{path}' exists; choose another --out, or set depth.scale in it with --overwrite")
        named = load_profile(path).model
        if named is not None and not os.path.samefile(named, resolve(model)):
            raise FamdaError(
                f"the profile '{path}' is for the model '{named}', and a scale belongs to one student; give "
                f'--model {named}, or another --out'
            )
    return path


def _model_name(model: str | Path) -> str:
    """Return how a profile names a model that may lie anywhere."""
    return str(model) if str(model).startswith(PREFIX) else str(Path(model).absolute())


def _yaml_text(text: str) -> str:
    """Return a text in one line of YAML, in quotes where it needs them."""
    return yaml.safe_dump(text, width=math.inf, allow_unicode=True).removesuffix('...\n').strip()
