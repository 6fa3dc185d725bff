# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What the documentation tells people to type must at least be a command line of this version."""
import re
import shlex
from pathlib import Path

import pytest

from famda_train.cli import VERBS, build_parser, command_module, split_verb

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]
COMMANDS = [
    (page.name, line.strip())
    for page in PAGES
    for block in re.findall(r'```bash\n(.*?)```', page.read_text(), re.DOTALL)
    for line in block.splitlines()
    if line.strip().startswith('famda ')
]


def test_the_pages_were_found():
    assert len(COMMANDS) > 15 and {name for name, _ in COMMANDS} >= {'README.md', 'adapt.md'}


@pytest.mark.parametrize(('page', 'command'), COMMANDS)
def test_command_is_accepted(page, command):
    verb, words = split_verb(shlex.split(command, comments=True)[1:])
    assert verb in VERBS
    module = command_module(verb)
    if hasattr(module, 'main'):  # famda fit: its configurations are trained with elsewhere
        configs = [word for word in words if word.endswith('.yaml')]
        assert all((ROOT / config).is_file() for config in configs)
    else:
        build_parser(verb, module).parse_args(words)


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r'\]\(([^)#]+)\)', page.read_text()):
        assert target.startswith('https://') or (page.parent / target).exists(), target
