# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda adapt`` as it is typed, killed ten times: the next run completes it, repeats no step, and ends the same.

``FAMDA_KILLS`` is the seed of the moments; without it only the test of every step in test_adaptation.py runs.
"""
from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from adaptation_runs import FRAMES, write_parts

from famda_train.adapt.adaptation import FEWEST_STEPS, STEPS
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.models.checkpoint import load_student
from famda_train.training.run_paths import last_checkpoint

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2400),
    pytest.mark.skipif('FAMDA_KILLS' not in os.environ, reason='ten kills take minutes; FAMDA_KILLS=0 runs them'),
]

SEED = int(os.environ.get('FAMDA_KILLS', '0'))
TRAINED_STEPS = 30
"""More than there are between two checkpoints to go on from."""
INSTANT = ('teachers', 'plan', 'profile')
"""Steps that may be done before anybody can kill them; there a kill falls at their end or in the next one."""
TRIES = 6
MADE = {'extract': ('frames/images/*', 'frames/frames.jsonl', 'frames/dataset.yaml'), 'label': ('frames/teachers/*/*',),
        'fit': ('student.ckpt',), 'compare': ('compare.json',), 'export': ('*.onnx',)}  # fmt: skip
"""Step → what stays as it was once the step is done."""


def state_of(out: Path) -> dict:
    """Return what a run has written about itself; it may not have begun."""
    file = out / 'adapt.json'
    return json.loads(file.read_text()) if file.exists() else {'running': None, 'begun': {}, 'results': {}}


def start(parts: Path, out: Path, *options: str) -> subprocess.Popen:
    """Start the command."""
    words = [
        'adapt', parts / 'night.drive', '--out', out, '--base', parts / 'base.ckpt', '--config', parts / 'mini.yaml',
        '--masks', 'felzenszwalb', '--depth', 'none', *options,
    ]  # fmt: skip
    command = [sys.executable, '-m', 'famda_train.commands.cli', *map(str, words)]
    patient = {**os.environ, 'OMP_WAIT_POLICY': 'passive'}  # threads of tiny sums burn what busy processors have
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=patient)


def complete(parts: Path, out: Path, *options: str) -> str:
    """Let the command run to its end; return what it printed."""
    with start(parts, out, *options) as running:
        said, _ = running.communicate()
    assert running.returncode == 0, said
    return said


def kill(parts: Path, out: Path, step: str, after_s: float, seen: Callable[[], bool], *options: str) -> str | None:
    """Kill the command so many seconds after a step has begun and something is seen; return the step that it was in."""
    with start(parts, out, *options) as running:
        try:
            while not (step in state_of(out)['results'] or (state_of(out)['running'] == step and seen())):
                assert running.poll() is None, running.communicate()[0]
                time.sleep(0.002)
            time.sleep(after_s)
        finally:
            running.kill()
            running.communicate()  # ends when its last process does, not with the first
    assert running.returncode in (-signal.SIGKILL, 0)
    return state_of(out)['running']


def kill_in(parts: Path, out: Path, step: str, seconds: float, draw: random.Random, options, seen=lambda: True):
    """Kill the command at a random moment of a step; a run in which the step was too quick is taken back."""
    before = out.with_name(f'{out.name}.before')
    for attempt in range(TRIES):
        shutil.rmtree(before, ignore_errors=True)
        if out.exists():
            shutil.copytree(out, before)
        after_s = draw.uniform(0, seconds / 2**attempt)
        found = kill(parts, out, step, after_s, seen, *options)
        print(f'aimed at {step}, {after_s:.3f} s after it began: killed in {found}')
        if found == step or step in INSTANT:
            return
        shutil.rmtree(out)
        if before.exists():
            before.rename(out)
    pytest.fail(f'{step} was always done before the kill')


def made_by(out: Path, steps) -> dict[Path, tuple[int, bytes]]:
    """Return time and bytes of the files of steps that are done."""
    files = [path for step in steps for pattern in MADE.get(step, ()) for path in out.glob(pattern) if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def distance(one: Path, other: Path) -> float:
    """Return the norm of the difference of two students' weights."""
    ours, theirs = (load_student(path)[0].state_dict() for path in (one, other))
    return float(torch.cat([(ours[name] - theirs[name]).float().flatten() for name in ours]).norm())


def names_in(out: Path) -> set[str]:
    """Return the files of a run; those whose names say what is in them, or when it was, by their kind.

    Every start of a training has a log of its own.
    """
    files = (path.relative_to(out) for path in out.rglob('*') if path.is_file())
    return {path.suffix if 'night-' in path.name or '.run' in str(path) else str(path) for path in files}


@pytest.fixture(scope='module')
def parts(tmp_path_factory):
    return write_parts(tmp_path_factory.mktemp('parts'))


def test_killed_ten_times_it_completes_repeats_nothing_and_ends_the_same(parts):
    print(f'FAMDA_KILLS={SEED}')
    draw, out, whole = random.Random(SEED), parts / 'killed', parts / 'whole'
    options = ('--steps', str(TRAINED_STEPS))
    complete(parts, whole, *options)
    undisturbed = state_of(whole)

    def learnt() -> bool:
        return last_checkpoint(out / 'student.ckpt').is_file()

    for step in STEPS:
        done = state_of(out)
        made = made_by(out, done['results'])
        kill_in(parts, out, step, undisturbed['seconds'][step], draw, options)
        if step == 'fit':  # once more, when there is something to go on from
            kill_in(parts, out, step, undisturbed['seconds'][step] / 4, draw, options, learnt)
        now = state_of(out)
        assert {name: now['begun'][name] for name in done['results']} == {
            name: done['begun'][name] for name in done['results']
        }, 'a step that was done has been repeated'
        assert {name: now['results'][name] for name in done['results']} == done['results']
        assert made_by(out, done['results']) == made, 'what a step has made was changed after it'

    said = complete(parts, out, *options)
    state, result = state_of(out), state_of(out)['results']['report']
    assert state['running'] is None and list(state['results']) == list(STEPS)
    assert f'{result["verdict"]}: ' in said and result['frames'] == FRAMES
    for step in ('extract', 'label', 'fit', 'compare', 'export'):
        assert state['begun'][step] > undisturbed['begun'][step] == 1, f'{step} was never killed'
    for key in ('verdict', 'frames', 'left_out', 'teachers', 'steps'):
        assert result[key] == undisturbed['results']['report'][key]
    ours, theirs = (FrameFolder(run / 'frames').frames for run in (out, whole))
    assert [frame.extra['sha256'] for frame in ours] == [frame.extra['sha256'] for frame in theirs]
    assert names_in(out) == names_in(whole)  # nothing half written is left
    moved = distance(whole / 'student.ckpt', parts / 'base.ckpt')
    apart = distance(whole / 'student.ckpt', out / 'student.ckpt')
    print(f'the training moved the weights by {moved:.4g}; those of the killed run are {apart:.4g} apart')
    assert apart < 0.01 * moved


def test_killed_while_it_measures_how_long_steps_take(parts):
    out, draw = parts / 'measured', random.Random(SEED)
    options = ('--minutes', '1e-4')
    kill_in(parts, out, 'plan', 1.0, draw, options)
    said = complete(parts, out, *options)
    assert f' frames, {FEWEST_STEPS} steps of ' in said
    assert state_of(out)['begun']['plan'] == 2 and state_of(out)['begun']['label'] == 1
    assert [path.name for path in out.iterdir() if 'probe' in path.name] == []
