# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What the documentation tells people to type must at least be a command line of this version."""
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from miniature_trees import WRITERS
from small_street import write_checkpoint

from famda_train.commands.cli import VERBS, build_parser, command_module, split_verb
from famda_train.models.checkpoint import load_student

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / 'docs').rglob('*.md'))
PAGES = [ROOT / 'README.md', *DOCS, *sorted((ROOT / 'models').rglob('*.md'))]
HOUSE = runpy.run_path(str(ROOT / 'test' / 'test_import_laws.py'))
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


def name_of(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for target in re.findall(r'\]\(([^)#]+)\)', page.read_text()):
        assert target.startswith('https://') or (page.parent / target).exists(), target


@pytest.mark.parametrize('page', [page for page in DOCS if page.parent.name == 'docs'], ids=name_of)
def test_page_opens_with_a_short_quick_start(page):
    introduction, rest = page.read_text().split('\n## ', 1)
    assert introduction.startswith('# ') and '```' not in introduction
    title, block = re.match(r'(.*?)\n.*?```\w+\n(.*?)```', rest, re.DOTALL).groups()
    assert title == 'Quick start' and len(block.splitlines()) <= 15


def test_quick_starts_can_be_pasted_one_after_the_other():
    """What one page's writes, no other page's does: nothing that exists is overwritten."""
    written: dict[str, set[str]] = {}
    for page in PAGES:
        title = 'What you can do with it' if page == ROOT / 'README.md' else 'Quick start'
        block = re.search(rf'## {title}\n.*?```bash\n(.*?)```', page.read_text(), re.DOTALL)
        for path in re.findall(r'--(?:out|to|pictures?|contact-sheet|save)[ =](\S+)', block[1] if block else ''):
            written.setdefault(path, set()).add(name_of(page))
    assert len(written) > 30
    assert not {path: pages for path, pages in written.items() if len(pages) > 1}


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_what_sets_the_dds_profile_sets_it_for_every_distribution(page):
    for block in re.findall(r'```bash\n(.*?)```', page.read_text(), re.DOTALL):
        assert ('FASTDDS_DEFAULT_PROFILES_FILE=' in block) == ('FASTRTPS_DEFAULT_PROFILES_FILE=' in block), block


def test_architecture_page_lists_the_rooms_in_their_order():
    page = (ROOT / 'docs' / 'architecture.md').read_text()
    robot, workspace = page.split('### famda_ros')[1].split('### famda_train')
    rows = [re.findall(r'^\| `(\w+)` \|', part, re.MULTILINE) for part in (robot, workspace)]
    assert rows == [HOUSE['ROBOT'], HOUSE['WORKSPACE']]


def test_architecture_picture_shows_the_rooms_in_their_order():
    texts = re.findall(r'<text[^>]*>([^<]*)</text>', (ROOT / 'docs' / 'images' / 'architecture.svg').read_text())
    drawn = [text for text in texts if text in HOUSE['ROBOT'] + HOUSE['WORKSPACE']]
    assert sorted(drawn) == sorted(HOUSE['ROBOT'] + HOUSE['WORKSPACE'])
    for rooms in (HOUSE['ROBOT'], HOUSE['WORKSPACE']):
        assert [room for room in drawn if room in rooms] == rooms


def test_files_named_on_the_architecture_page_exist():
    page = (ROOT / 'docs' / 'architecture.md').read_text()
    named = {name for name in re.findall(r'`([\w/]+\.py|[\w/]+/)`', page) if '/' in name}
    folders = (ROOT, ROOT / 'famda_ros', ROOT / 'famda_train')
    assert len(named) > 30
    assert not {name for name in named if not any((folder / name).exists() for folder in folders)}


def script_of(page, name):
    """Return the Python that a page shows after naming the file it belongs into."""
    return re.search(rf'`{name}`:\n\n```python\n(.*?)```', (ROOT / 'docs' / page).read_text(), re.DOTALL)[1]


@pytest.mark.slow
def test_finish_script_of_the_reproduce_page(tmp_path):
    """It writes the target's size and statistics into a checkpoint; without a target, the size alone."""
    WRITERS['cityscapes'](tmp_path / 'cityscapes')
    (tmp_path / 'finish.py').write_text(script_of('reproduce.md', 'runs/finish.py'))
    student = write_checkpoint(tmp_path / 'student.ckpt')
    before = load_student(student)[0].state_dict()

    def changed(*arguments):
        subprocess.run([sys.executable, 'finish.py', 'student.ckpt', '48', '24', *arguments], cwd=tmp_path, check=True)
        network, spec = load_student(student)
        assert (spec.width, spec.height) == (48, 24)
        return {key for key, value in network.state_dict().items() if not torch.equal(value, before[key])}

    assert not changed()
    statistics = changed('cityscapes')
    assert statistics and all('running' in key or 'num_batches' in key for key in statistics)


def test_table_script_of_the_reproduce_page(tmp_path):
    (tmp_path / 'table.py').write_text(script_of('reproduce.md', 'runs/table.py'))
    folder = tmp_path / 'runs' / 'street' / 'small'
    folder.mkdir(parents=True)
    rows = ('source_only', 'fair_baseline', 'self_training', 'masks', 'depth', 'full')
    for place, row in enumerate(rows):
        for seed, off in enumerate((-2.0, 0.0, 2.0)):
            score = {'miou': 40.0 + 10 * place + off * (1 if row == 'full' else 2)}
            (folder / f'{row}_{seed}.metric.json').write_text(json.dumps(score))
    where = {**os.environ, 'B': 'street', 'S': 'small'}
    said = subprocess.check_output([sys.executable, 'table.py'], cwd=tmp_path, env=where, text=True)
    lines = said.splitlines()
    assert [line.split()[0] for line in lines] == list(rows)
    assert lines[1].split()[1:] == ['50.0', '±', '4.0', 'gain', '+0.0', '(least', '+0.0)']
    assert lines[-1].split()[1:] == ['90.0', '±', '2.0', 'gain', '+40.0', '(least', '+38.0)']
