# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The ``famda`` console script: one verb, one module in ``famda_train.commands``.

A command module has a function ``run`` with typed, documented keyword arguments
and a tuple ``POSITIONALS`` with the names of those given without a flag.  What
``run`` returns (a dictionary) is what ``--json FILE`` writes.
"""
from __future__ import annotations

import importlib
import inspect
import json
import sys
from functools import partial
from typing import Any

from famda_ros.errors import FamdaError

VERBS = {
    'demo': 'the whole loop on the built-in street world, no downloads',
    'world': 'render the street world: frames with exact labels and depth, or a drive as a rosbag',
    'label': 'fill the label store of a frame folder with teacher outputs',
    'fit': 'train a student (LightningCLI)',
    'evaluate': 'score a checkpoint or an ONNX student on labelled frames',
    'export': 'turn a checkpoint into a self-describing, parity-checked ONNX student',
    'perceive': 'run a student over a recording, without a ROS graph',
    'pretrain-depth': 'train the stand-in depth teacher of the street world',
}

EXIT_OK, EXIT_ERROR, EXIT_INTERRUPTED = 0, 2, 130


def main(args: list[str] | None = None) -> int:
    """Run ``famda VERB ...`` and return the exit code."""
    args = sys.argv[1:] if args is None else args
    if not args or args[0] in ('-h', '--help'):
        print(_usage())
        return EXIT_OK if args else EXIT_ERROR
    if args[0] == '--version':
        from famda_ros import __version__

        print(f'famda {__version__}')
        return EXIT_OK
    verb, rest = args[0], args[1:]
    if verb not in VERBS:
        return _fail(f"unknown verb '{verb}'; choose one of {', '.join(VERBS)}")
    try:
        return _run_verb(verb, rest)
    except FamdaError as error:
        return _fail(str(error), verb)
    except KeyboardInterrupt:
        return _fail('interrupted', verb, EXIT_INTERRUPTED)
    except ModuleNotFoundError as error:
        if error.name and error.name.split('.')[0] in ('famda_ros', 'famda_train'):
            raise
        return _fail(f"'{error.name}' is not installed; get it with: pip install 'famda_ros[train]'", verb)


def _run_verb(verb: str, rest: list[str]) -> int:
    module = importlib.import_module(f'famda_train.commands.{verb.replace("-", "_")}')
    if hasattr(module, 'main'):  # a verb with a command line of its own
        return module.main(rest) or EXIT_OK
    parser = build_parser(verb, module)
    options = vars(parser.parse_args(rest))
    json_file = options.pop('json', None)
    result = module.run(**options)
    if json_file:
        from famda_ros.files import write_atomically

        try:
            write_atomically(json_file, json.dumps(result, indent=2) + '\n')
        except OSError as error:
            raise FamdaError(f"cannot write '{json_file}' ({error.strerror})") from error
    return EXIT_OK


def build_parser(verb: str, module):
    """Return the parser of a command module."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog=f'famda {verb}', description=(inspect.getdoc(module.run) or '').split('\n\nArgs:')[0])
    positionals = getattr(module, 'POSITIONALS', ())
    switches = _switches(module.run)
    add: Any = partial(parser.add_function_arguments, module.run, as_group=False)
    add(as_positional=True, skip=set(inspect.signature(module.run).parameters) - set(positionals))
    add(as_positional=False, skip={*positionals, *switches})
    for name, text in switches.items():
        parser.add_argument(f'--{name.replace("_", "-")}', action='store_true', help=text)
    if getattr(module, 'HAS_RESULT', False):
        parser.add_argument('--json', type=str, default=None, metavar='FILE', help='also write the result as JSON')
    return parser


def _switches(function) -> dict[str, str]:
    """Return {name: help} of the parameters that are off by default and take no value."""
    from docstring_parser import parse

    texts = {p.arg_name: p.description for p in parse(inspect.getdoc(function)).params}
    parameters = inspect.signature(function).parameters.values()
    return {p.name: texts.get(p.name) or '' for p in parameters if p.default is False}


def _usage() -> str:
    width = max(map(len, VERBS))
    verbs = '\n'.join(f'  {verb:<{width}}  {text}' for verb, text in VERBS.items())
    return f'usage: famda VERB ...\n\n{verbs}\n\nfamda VERB --help lists the options of a verb.'


def _fail(sentence: str, verb: str = '', code: int = EXIT_ERROR) -> int:
    print(f'famda {verb}: {sentence}'.replace(' :', ':'), file=sys.stderr)
    return code


if __name__ == '__main__':
    sys.exit(main())
