# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Configuration files that build on another: ``defaults: FILE``, relative to the file that says so."""
from __future__ import annotations

from pathlib import Path

import yaml

from famda_ros.errors import FamdaError
from famda_ros.strict_yaml import parse_yaml

FLAGS = ('-c', '--config')


def with_defaults(args: list[str]) -> list[str]:
    """Return a command line in which every ``--config FILE`` is preceded by the files it builds on.

    Raises:
        FamdaError: a file is missing, is no YAML mapping, or builds on itself.
    """
    expanded: list[str] = []
    rest = iter(args)
    for argument in rest:
        flag, equals, value = argument.partition('=')
        if flag not in FLAGS:
            expanded.append(argument)
            continue
        path = value if equals else next(rest, '')
        for file in chain_of(Path(path)):
            expanded += ['--config', str(file)]
    return expanded


def chain_of(path: Path) -> list[Path]:
    """Return the files that a configuration builds on, the most general first, itself last."""
    chain = [path]
    while (base := read_mapping(chain[0]).get('defaults')) is not None:
        if not isinstance(base, str):
            raise FamdaError(f"'{chain[0]}': 'defaults' must be one file, not {base!r}; name it as text")
        below = chain[0].parent / base
        if below.resolve() in {file.resolve() for file in chain}:
            raise FamdaError(f"'{chain[0]}' builds on itself; take 'defaults' out of one of the files")
        chain.insert(0, below)
    return chain


def read_mapping(path: Path) -> dict:
    """Return the content of a YAML file."""
    try:
        content = parse_yaml(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise FamdaError(f"cannot read the configuration '{path}' ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise FamdaError(f"'{path}' is no text; give a YAML file") from error
    except yaml.MarkedYAMLError as error:
        line = f' line {error.problem_mark.line + 1}' if error.problem_mark else ''
        raise FamdaError(f"'{path}'{line} is no valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise FamdaError(f"'{path}' is no valid YAML: {str(error).splitlines()[-1].strip()}") from error
    if not isinstance(content, dict):
        raise FamdaError(f"'{path}' holds no settings; see config/train/ for examples")
    return content
