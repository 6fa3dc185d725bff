# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What jsonargparse refuses, in one sentence each."""
from __future__ import annotations

import argparse
from typing import Any, Literal

import pytest
from jsonargparse import ArgumentParser
from jsonargparse.typing import restricted_number_type

from famda_ros.errors import FamdaError
from famda_train.argument_errors import Wording, as_sentence, causes_of, first_famda_error, in_words

Rate = restricted_number_type('RateOfATest', float, [('>', 0), ('<', 10)])


class Group:
    """Settings with a prefix."""

    def __init__(self, steps: int = 1, size: float | None = None, kind: Literal['ema', 'source'] = 'ema'):
        pass


@pytest.fixture
def parser():
    made = ArgumentParser(exit_on_error=False, allow_abbrev=False)
    made.add_argument('data', type=str)
    made.add_argument('--rate', type=Rate, default=1.0)
    made.add_argument('--options', type=dict[str, Any], default={})
    made.add_class_arguments(Group, 'train')
    return made


def sentence(parser, words):
    wording = Wording('option', 'see the help', 'famda x --help', lambda name: f'--{name}')
    with pytest.raises(argparse.ArgumentError) as error:
        parser.parse_args(words)
    return str(as_sentence(str(error.value), error.value, list(parser.get_defaults().keys()), wording))


@pytest.mark.parametrize(
    ('words', 'expected'),
    [
        ([], '--data is missing; see the help'),
        (['d', 'e'], "'e' is no option; see the help"),
        (['d', '--rates=2'], "there is no option '--rates'; did you mean '--rate'?"),
        (['d', '--train.step=2'], "there is no option '--train.step'; did you mean '--train.steps'?"),
        (['d', '--train={step: 2}'], "there is no option '--train.step'; did you mean '--train.steps'?"),
        (['d', '--colour=2'], "there is no option '--colour'; famda x --help lists all"),
        (['d', '--train.steps=many'], "--train.steps takes int, not 'many'"),
        (['d', '--train.size=large'], "--train.size takes float, not 'large'"),
        (['d', '--train.kind=none'], "--train.kind takes ema or source, not 'none'"),
        (['d', '--rate=0'], '--rate must be greater than 0 and less than 10, not 0'),
        (['d', '--options=3'], "--options takes dict, not '3'"),
        (['d', '--rate'], '--rate: expected one argument'),
    ],
)
def test_every_mistake_names_the_option_and_what_to_do(parser, words, expected):
    assert sentence(parser, words) == expected


def test_the_sentence_of_a_class_is_kept():
    own = FamdaError('there is no encoder')
    outer = ValueError('many lines')
    outer.__cause__ = TypeError('more')
    outer.__cause__.__cause__ = own
    assert list(causes_of(outer))[-1] is own is first_famda_error(outer)
    assert as_sentence('any', outer, [], Wording('option', '', '')) is own
    assert first_famda_error(ValueError()) is None


@pytest.mark.parametrize(
    ('kind', 'words'),
    [("<class 'int'>", 'int'), ("<class 'famda.Range'>", 'Range'), ("typing.Literal['a', 'b']", 'a or b')],
)
def test_types_in_words(kind, words):
    assert in_words(kind) == words
