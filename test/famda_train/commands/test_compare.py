# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda compare`` as it is typed."""
import json

from html_page import Page
from small_street import write_checkpoint, write_street

from famda_train.commands import cli


def test_verdict_is_printed_and_written_and_every_verdict_is_a_success(tmp_path, capsys):
    old, new = (str(write_checkpoint(tmp_path / f'{seed}.ckpt', seed=seed)) for seed in (0, 1))
    recording, day = write_street(tmp_path / 'night', 'night', 4, truth=False), write_street(tmp_path / 'day', 'day', 6)
    result = tmp_path / 'verdict.json'
    words = ['--labelled', str(day), '--frames', '3', '--json', str(result)]
    verdicts = set()
    for pair in ([old, new], [new, old], [old, old]):
        assert cli.main(['compare', *pair, str(recording), *words]) == cli.EXIT_OK
        found, said = json.loads(result.read_text()), capsys.readouterr().out
        assert said.startswith(f'{found["verdict"]}: {found["reasons"][0]}\n') and 'of 3 frames' in said
        assert (found['old'], found['new'], found['frames']) == (*pair, 3)
        assert bool(found['frames_to_label']) == (found['verdict'] == 'ask')
        verdicts.add(found['verdict'])
    assert 'ask' in verdicts  # a student and itself: the frames to label are named
    assert 'label these frames, and decide with --labels:' in said
    labelled = write_street(tmp_path / 'labelled', 'night', 6)
    assert cli.main(['compare', old, old, str(recording), *words, '--labels', str(labelled)]) == cli.EXIT_OK
    assert capsys.readouterr().out.startswith('hold: +0.00 points of mIoU on 6 labelled frames')


def test_the_report_shows_the_verdict_and_the_command(tmp_path, capsys):
    old, new = (str(write_checkpoint(tmp_path / f'{seed}.ckpt', seed=seed)) for seed in (0, 1))
    recording, day = write_street(tmp_path / 'night', 'night', 2, truth=False), write_street(tmp_path / 'day', 'day', 2)
    report, words = tmp_path / 'report.html', [old, new, str(recording), '--labelled', str(day)]
    assert cli.main(['compare', *words, '--report', str(tmp_path / 'report.txt')]) == cli.EXIT_ERROR
    assert 'must end in .html' in capsys.readouterr().err
    assert cli.main(['compare', *words, '--report', str(report)]) == cli.EXIT_OK
    page, said = Page(report.read_text()), capsys.readouterr().out
    assert said.splitlines()[0].partition(': ')[2] in page.text
    assert f'famda compare {old} {new} {recording} --labelled={day} --frames=60 --report={report}' in page.text
    assert sum(tag == 'input' for tag, _ in page.tags) == 2 * 2  # mask and depth of two frames


def test_what_cannot_be_compared_is_one_sentence(tmp_path, capsys):
    student = str(write_checkpoint(tmp_path / '0.ckpt'))
    assert cli.main(['compare', student, student, str(tmp_path / 'gone')]) == cli.EXIT_ERROR
    *_, said = capsys.readouterr().err.splitlines()  # below the progress bar
    assert said.startswith('famda compare: ') and 'does not exist' in said
