# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Mistakes in options and settings, each as one sentence: jsonargparse reports them in many lines."""
from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from famda_ros.errors import FamdaError

KEY = re.compile(r'Parser key "([\w.]+)"')
"""Where jsonargparse names the settings on the way to a wrong value."""

UNFIT = re.compile(r'Expected an? (.*?)(?:\. Got value: (.*))?$', re.MULTILINE)
"""Where jsonargparse names a type, and the value that has another."""

LIMITS = {'v>=': 'at least ', 'v<=': 'at most ', 'v<inf': 'finite', 'v>': 'greater than ', 'v<': 'less than '}
"""How jsonargparse writes the limits of a number → in words."""


@dataclass(frozen=True)
class Wording:
    """How the sentences of one command line name things.

    Attributes:
        noun: what is set: option, setting.
        cure: how to give one that is missing.
        help: where all are listed.
        shown: dotted name of a setting → how it is typed.
    """

    noun: str
    cure: str
    help: str
    shown: Callable[[str], str] = str


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and what led to it, the root last."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def first_famda_error(error: BaseException | None) -> FamdaError | None:
    """Return the first FamdaError among an exception and what led to it."""
    return next((cause for cause in causes_of(error) if isinstance(cause, FamdaError)), None)


def as_sentence(message: str, error: BaseException | None, known: Sequence[str], wording: Wording) -> FamdaError:
    """Return a mistake that jsonargparse has found as one sentence.

    Args:
        message: of jsonargparse.
        error: what it raised, if anything.
        known: dotted names of all settings, to suggest one.
        wording: of the command line.
    """
    own = first_famda_error(error)
    return own or FamdaError(_sentence(message, [*causes_of(error)], known, wording))


def _sentence(message: str, causes: list[BaseException], known: Sequence[str], wording: Wording) -> str:
    keys, rest = '.'.join(KEY.findall(message)), message.partition(': ')[2]
    if message.startswith('unrecognized arguments'):
        first = rest.split()[0]
        if first.startswith('-'):
            return _unknown(first.lstrip('-').partition('=')[0], known, wording)
        return f"'{first}' is no {wording.noun}; {wording.cure}"
    if message.startswith('the following arguments are required'):
        names = ', '.join(map(wording.shown, rest.split(', ')))
        return f'{names} {"are" if "," in names else "is"} missing; {wording.cure}'
    root = causes[-1] if causes else None
    if isinstance(root, KeyError):  # Option 'a' is not accepted, or Group 'a' does not accept option 'b'
        return _unknown('.'.join([*filter(None, [keys]), *str(root.args[0]).split("'")[1::2]]), known, wording)
    reason = (message if root is None else str(root)).removeprefix('argument ')
    given, is_restricted, limits = reason.partition(' does not conform to restriction ')
    if is_restricted:
        for sign, words in LIMITS.items():
            limits = limits.replace(sign, words)
        return f'{wording.shown(keys)} must be {limits}, not {given}'
    unfit = [found for found in UNFIT.findall(f'{message}\n{reason}') if 'NoneType' not in found[0]]
    value = next((value for _, value in unfit if value), '')
    if value and keys:
        wanted = ' or '.join(dict.fromkeys(in_words(kind) for kind, _ in unfit))
        return f"{wording.shown(keys)} takes {wanted}, not '{value}'"
    return ' '.join([*([f'{wording.shown(keys)}:'] if keys else []), *reason.split()])


def _unknown(name: str, known: Sequence[str], wording: Wording) -> str:
    """Return the sentence about a name that no setting has, with the one that was probably meant."""
    name = name.replace('.init_args', '')
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    if not near:
        last = {full.rpartition('.')[2]: full for full in known}
        near = [last[leaf] for leaf in difflib.get_close_matches(name.rpartition('.')[2], last, n=1, cutoff=0.8)]
    hint = f"did you mean '{wording.shown(near[0])}'?" if near else f'{wording.help} lists all'
    return f"there is no {wording.noun} '{wording.shown(name)}'; {hint}"


def in_words(kind: str) -> str:
    """Return a type as jsonargparse writes it in fewer words: ``int``, ``ema or source``."""
    if 'Literal[' in kind:
        return kind.partition('[')[2].rstrip(']').replace("'", '').replace(', ', ' or ')
    return kind.removeprefix("<class '").removesuffix("'>").replace('typing.', '').rpartition('.')[2]
