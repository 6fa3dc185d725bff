# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The bench's tables: what they show, and where they go."""
import io

import pytest
from rich.console import Console

from famda_ros.errors import FamdaError
from famda_train.bench.summary import summarise
from famda_train.bench.tables import (
    as_markdown,
    check_cells,
    check_markers,
    label_cells,
    markers,
    only,
    terminal_tables,
    write_markdown,
)

BEGIN, END = markers('world')


def row(name, seed, miou):
    values = {'abs_rel': 0.2, 'rmse': 8.0, 'delta1': None, 'iou': {'flat': 90.0, 'sky': None}, 'seconds': 1.0}
    return {'name': name, 'target': 'night', 'seed': seed, 'miou': miou, **values}


@pytest.fixture
def result():
    rows = [row('source_only_continued', 0, 40.0), row('source_only_continued', 1, 42.0), row('full', 0, 50.0),
            row('full', 1, 60.0), row('oracle', 0, 70.0), row('oracle', 1, 70.0)]  # fmt: skip
    environment = {'cpu': 'Abacus 3', 'cores': 2, 'torch': '2.9', 'python': '3.11', 'famda': '0.1'}
    return {
        'rows': rows,
        'summary': summarise(rows),
        'scored_on': {'night': '120 unseen scenes per seed, test split'},
        'environment': environment,
        'command': 'famda bench world --seeds 0 1',
    }


def test_markdown_has_numbers_spread_machine_and_command(result):
    text = as_markdown(result)
    line = next(line for line in text.splitlines() if line.startswith('| **FAMDA**'))
    cells = [cell.strip('* ') for cell in line.strip('|').split('|')]
    scores, gains = ['55.0 ± 7.1', '0.200 ± 0.000', '8.00 ± 0.00'], ['+14.0 (+10.0)', '+0.000 (+0.000)']
    assert cells == ['FAMDA', *scores, *gains, '48 %', '–']
    for part in ('night: 120 unseen scenes', 'seeds 0, 1', 'Abacus 3, 2 cores, no GPU, PyTorch 2.9', result['command']):
        assert part in text
    widths = {line.count('|') for line in text.splitlines() if line.startswith('|')}
    assert widths == {9, 4}  # both tables are rectangular, without the metric that nothing has


def checked(name, seed, scale, height):
    teacher = {'abs_rel': 0.25, 'scale': scale}
    road, stability = {'camera_height_m': height, 'tilt_degrees': 1.0}, {'scale_jump': None, 'noise': 2.0}
    return {**row(name, seed, 50.0), 'depth_checks': {'teacher': teacher, 'stability': stability, 'road': road}}


def test_checks_of_depth_are_means_over_seeds(result):
    assert check_cells(result['rows']) == []  # where there is ground truth, nothing is checked
    rows = [checked('full', 0, 1.0, 1.2), checked('full', 1, 2.0, None), {**row('masks', 0, 1.0), 'depth_checks': None}]
    head, line = check_cells(rows)
    assert len(head) == len(line) and line == ['FAMDA', '25', '1.50', '–', '2.0', '1.20', '1.0']
    assert '1.50' in as_markdown({**result, 'rows': [{**one, 'target': 'night'} for one in rows]})


def test_what_labels_add_is_told_for_every_seed(result):
    assert label_cells(result['summary']['night']) == []
    rows = [*result['rows'], row('labels_10', 0, 53.5), row('labels_10', 1, 59.0), row('clicks_20', 1, 61.0)]
    summary = summarise(rows)
    assert label_cells(summary['night']) == [
        ['mIoU more than FAMDA', 'seed 0', 'seed 1'],
        ['FAMDA, 10 frames labelled', '+3.5', '-1.0'],
        ['FAMDA, 10 clicks on each of 20 frames', '–', '+1.0'],
    ]
    assert '| FAMDA, 10 frames labelled | +3.5 | -1.0 |' in as_markdown({**result, 'summary': summary})


def test_one_target_of_several_stands_alone(result):
    dark = [{**one, 'target': 'dark', 'miou': 11.0} for one in result['rows']]
    both = {**result, 'summary': summarise([*result['rows'], *dark]), 'scored_on': {'night': 'one', 'dark': 'other'}}
    text = as_markdown(only(both, 'dark', 'famda bench world --targets dark'))
    assert 'dark: other' in text and '11.0' in text and '--targets dark' in text
    assert 'night: one' not in text and '55.0' not in text and result['command'] not in text.splitlines()


def test_the_terminal_shows_the_same_numbers(result):
    console = Console(width=160, record=True, file=io.StringIO())
    for table in terminal_tables(result):
        console.print(table)
    text = console.export_text()
    assert '55.0 ± 7.1' in text and '+14.0 (+10.0)' in text and '48 %' in text and 'sky' in text


def test_only_what_stands_between_the_markers_is_replaced(tmp_path):
    page = tmp_path / 'README.md'
    page.write_text(f'# Title\n\n{BEGIN}\nold\n{END}\n\ntail – ends here', encoding='utf-8')
    write_markdown(page, 'world', 'first')
    write_markdown(page, 'world', 'second')
    assert page.read_text(encoding='utf-8') == f'# Title\n\n{BEGIN}\n\nsecond\n\n{END}\n\ntail – ends here'


@pytest.mark.parametrize(
    'text',
    ['', BEGIN, END, f'{END}\n{BEGIN}', f'{BEGIN}{END}{BEGIN}{END}'],
    ids=['none', 'begin', 'end', 'turned', 'two'],
)
def test_a_page_without_one_place_is_refused_and_left_alone(tmp_path, text):
    page = tmp_path / 'README.md'
    page.write_text(text)
    with pytest.raises(FamdaError, match='no place for the tables; put the lines'):
        write_markdown(page, 'world', 'table')
    assert page.read_text() == text


def test_a_missing_page_is_one_sentence(tmp_path):
    with pytest.raises(FamdaError, match='cannot read'):
        check_markers(tmp_path / 'nothing.md', 'world')
