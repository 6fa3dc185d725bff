# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The console script: exit codes, one-sentence errors, the result file."""
import json
import sys
import types
from pathlib import Path
from typing import Literal

import pytest

from famda_ros import __version__
from famda_ros.errors import FamdaError
from famda_train.commands import cli


@pytest.fixture
def verb(monkeypatch):
    """Put a command module with the given ``run`` in place of the verb ``evaluate``."""

    def install(run, **attributes):
        module = types.ModuleType('famda_train.commands.evaluate')
        module.__dict__.update(run=run, **attributes)
        monkeypatch.setitem(sys.modules, module.__name__, module)

    return install


def run_typed(data: str, size: int = 3, kind: Literal['a', 'b'] = 'a') -> dict:
    """Score something.

    Args:
        data: what to score.
        size: how much of it, in frames.
        kind: which kind.
    """
    return {'data': data, 'size': size, 'kind': kind}


def test_no_verb_is_an_error_and_help_is_not(capsys):
    assert cli.main([]) == cli.EXIT_ERROR
    assert cli.main(['--help']) == cli.EXIT_OK
    text = capsys.readouterr().out
    assert all(name in text for name in cli.VERBS)


def test_version(capsys):
    assert cli.main(['--version']) == cli.EXIT_OK
    assert capsys.readouterr().out == f'famda {__version__}\n'


def test_an_unknown_verb_lists_the_known_ones(capsys):
    assert cli.main(['evalute']) == cli.EXIT_ERROR
    message = capsys.readouterr().err
    assert message.startswith("famda: unknown verb 'evalute'")
    assert message.count('\n') == 1


def test_a_group_lists_its_verbs(capsys):
    assert cli.main(['bench', '--help']) == cli.EXIT_OK
    text = capsys.readouterr().out
    assert text.startswith('usage: famda bench VERB') and '\n  world ' in text and '\n  train ' in text
    assert 'evaluate' not in text
    assert cli.main(['bench']) == cli.EXIT_ERROR


def test_an_unknown_verb_of_a_group_lists_those_of_the_group(capsys):
    assert cli.main(['bench', 'wrld']) == cli.EXIT_ERROR
    message = capsys.readouterr().err
    assert message.startswith("famda bench: unknown verb 'wrld'; choose one of ")
    assert all(verb in message for verb in ('world', 'real', 'train', 'label'))
    assert 'evaluate' not in message


def test_a_verb_of_two_words_is_run_by_its_module(monkeypatch, capsys):
    def run(seeds: tuple[int, ...] = (0, 1), names: tuple[str, ...] = ()) -> None:
        """Tell.

        Args:
            seeds: several.
            names: several, too.
        """
        raise FamdaError(f'{seeds} {names}')

    module = types.ModuleType('famda_train.commands.bench_world')
    module.__dict__.update(run=run)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert cli.main(['bench', 'world']) == cli.EXIT_ERROR
    assert cli.main(['bench', 'world', '--seeds', '4', '5', '--names', 'a']) == cli.EXIT_ERROR
    told = capsys.readouterr().err.splitlines()
    assert told == ['famda bench world: (0, 1) ()', "famda bench world: (4, 5) ('a',)"]
    assert cli.main(['bench', 'world', '--seeds', 'four']) == cli.EXIT_ERROR
    assert capsys.readouterr().err == "famda bench world: --seeds takes int, not 'four'\n"


def test_arguments_are_typed_and_the_result_is_written(verb, tmp_path):
    verb(run_typed, POSITIONALS=('data',), HAS_RESULT=True)
    result = tmp_path / 'result.json'
    assert cli.main(['evaluate', 'frames', '--size', '5', '--kind', 'b', '--json', str(result)]) == cli.EXIT_OK
    assert json.loads(result.read_text()) == {'data': 'frames', 'size': 5, 'kind': 'b'}


@pytest.mark.parametrize(
    ('wrong', 'sentence'),
    [
        (['frames', '--size', 'many'], "--size takes int, not 'many'"),
        (['frames', '--kind', 'c'], "--kind takes a or b, not 'c'"),
        (['frames', '--siz', '1'], "there is no option '--siz'; did you mean '--size'?"),
        (['frames', '--colour', '1'], "there is no option '--colour'; famda evaluate --help lists all"),
        (['frames', 'more'], "'more' is no option; see famda evaluate --help"),
        (['frames', '--size'], '--size: expected one argument'),
        (['frames', '--focal-length', 'long'], "--focal-length takes float, not 'long'"),
        ([], 'data is missing; see famda evaluate --help'),
    ],
)
def test_wrong_arguments_never_run(verb, capsys, wrong, sentence):
    def run(data: str, size: int = 3, kind: Literal['a', 'b'] = 'a', focal_length: float | None = None) -> None:
        """Fail when called."""
        raise AssertionError('ran')

    verb(run, POSITIONALS=('data',))
    assert cli.main(['evaluate', *wrong]) == cli.EXIT_ERROR
    assert capsys.readouterr().err == f'famda evaluate: {sentence}\n'


def test_a_missing_option_is_shown_as_it_is_typed(verb, capsys):
    def run(out_dir: str) -> None:
        """Fail when called."""
        raise AssertionError('ran')

    verb(run)
    assert cli.main(['evaluate']) == cli.EXIT_ERROR
    assert capsys.readouterr().err == 'famda evaluate: --out-dir is missing; see famda evaluate --help\n'


def test_help_shows_arguments_and_defaults(verb, capsys):
    verb(run_typed, POSITIONALS=('data',), HAS_RESULT=True)
    with pytest.raises(SystemExit) as exit_:
        cli.main(['evaluate', '--help'])
    assert not exit_.value.code
    text = capsys.readouterr().out
    assert all(part in text for part in ('famda evaluate', 'data', '--size', 'in frames', '3', '--json'))


def test_a_result_that_cannot_be_written_is_one_sentence(verb, capsys):
    verb(run_typed, POSITIONALS=('data',), HAS_RESULT=True)
    assert cli.main(['evaluate', 'frames', '--json', '/nowhere/result.json']) == cli.EXIT_ERROR
    assert "cannot write '/nowhere/result.json'" in capsys.readouterr().err


def test_whether_the_result_can_be_written_is_found_out_before_the_work(verb, tmp_path, capsys):
    ran = []

    def run(out: str = 'out') -> dict:
        """Make a folder."""
        ran.append(out)
        Path(out).mkdir(parents=True)
        return {}

    verb(run, HAS_RESULT=True)
    (tmp_path / 'file').touch()
    for path in (tmp_path / 'missing' / 'r.json', tmp_path / 'file' / 'r.json', tmp_path):
        assert cli.main(['evaluate', '--json', str(path)]) == cli.EXIT_ERROR
        assert capsys.readouterr().err.startswith(f"famda evaluate: cannot write '{path}'")
    assert not ran
    for name, result in (('a', 'a/r.json'), ('b/c', 'b/r.json')):  # in folders that the run itself makes
        words = ['evaluate', '--out', str(tmp_path / name), '--json', str(tmp_path / result)]
        assert cli.main(words) == cli.EXIT_OK
        assert json.loads((tmp_path / result).read_text()) == {}


@pytest.mark.parametrize('dash', ['-', '_'])
@pytest.mark.parametrize('equals', [True, False], ids=['=', 'space'])
def test_options_take_hyphens_and_underscores_and_show_hyphens(verb, capsys, dash, equals):
    def run(
        base_steps: int = 1, dry_run: bool = False, all_seeds: tuple[int, ...] = (), options: dict | None = None
    ) -> None:
        """Tell."""
        raise FamdaError(f'{base_steps} {dry_run} {all_seeds} {options}')

    verb(run)
    steps = [f'--base{dash}steps=2'] if equals else [f'--base{dash}steps', '2']
    words = [*steps, f'--dry{dash}run', '--options.a_b', 'c', f'--all{dash}seeds', '3', '4']
    assert cli.main(['evaluate', *words]) == cli.EXIT_ERROR
    assert capsys.readouterr().err == "famda evaluate: 2 True (3, 4) {'a_b': 'c'}\n"
    with pytest.raises(SystemExit):
        cli.main(['evaluate', '--help'])
    text = capsys.readouterr().out
    assert all(f'--{name}' in text for name in ('base-steps', 'dry-run', 'all-seeds'))
    assert '--base_steps' not in text


@pytest.mark.parametrize(
    'error, code, sentence',
    [
        (FamdaError('the disk is full'), 2, 'famda evaluate: the disk is full\n'),
        (KeyboardInterrupt(), 130, 'famda evaluate: interrupted\n'),
        (ModuleNotFoundError("No module named 'torch'", name='torch'), 2, "famda evaluate: 'torch' is not installed"),
    ],
    ids=['fault', 'ctrl-c', 'no torch'],
)
def test_faults_are_one_sentence_and_an_exit_code(verb, capsys, error, code, sentence):
    def run() -> None:
        """Fail."""
        raise error

    verb(run)
    assert cli.main(['evaluate']) == code
    message = capsys.readouterr().err
    assert message.startswith(sentence)
    assert message.count('\n') == 1


@pytest.mark.parametrize(
    'error', [ZeroDivisionError(), ModuleNotFoundError('x', name='famda_train.nothing')], ids=['bug', 'own module']
)
def test_bugs_keep_their_traceback(verb, error):
    def run() -> None:
        """Fail."""
        raise error

    verb(run)
    with pytest.raises(type(error)):
        cli.main(['evaluate'])
