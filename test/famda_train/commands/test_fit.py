# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Trainings that are killed, resumed, poisoned, shared among processes, watched and validated."""
from __future__ import annotations

import json
import math
import re
import shutil
import signal
import subprocess
import sys

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from training_runs import (
    DEADLINE_S,
    SELF,
    SOURCE,
    At,
    arguments,
    end,
    fit,
    fit_until_killed,
    poison_second_process,
    same,
    start,
    start_ranks,
    weights,
    write_streets,
)

from famda_ros.errors import FamdaError
from famda_train.commands import fit as fit_command
from famda_train.commands import validate
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.evaluation.evaluate import evaluate
from famda_train.evaluation.models import load_predictor
from famda_train.evaluation.protocol import DEPTH_METRICS
from famda_train.models.checkpoint import load_student
from famda_train.training import training_cli

pytestmark = pytest.mark.slow

NORMALS = '--model.extra_tasks=[{class_path: famda_train.training.tasks.SurfaceNormals}]'


@pytest.fixture(scope='module', autouse=True)
def one_thread():
    """Sums are the same bit by bit only with as many threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='module')
def street(tmp_path_factory):
    return write_streets(tmp_path_factory.mktemp('street'))


@pytest.mark.parametrize('kind', [SOURCE, SELF])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(street, kind):
    """The reference has one endless epoch; the killed run and its resume have epochs of four batches."""
    whole = fit(arguments(kind, street, f'{kind}-whole.ckpt', steps=8))
    epochs = '--trainer.limit_train_batches=4'
    killed = arguments(kind, street, f'{kind}-killed.ckpt', '--keep_every=3', epochs, steps=8)
    assert end(start(fit_until_killed, killed, 7)) == [-9]
    assert not (street / f'{kind}-killed.ckpt').exists()
    last = street / f'{kind}-killed.run' / 'last.ckpt'
    assert torch.load(last, weights_only=True)['global_step'] == 6
    resumed = fit([*killed, '--resume=true'])
    assert resumed == {step: whole[step] for step in (7, 8)}
    assert same(weights(street / f'{kind}-killed.ckpt'), weights(street / f'{kind}-whole.ckpt'))
    assert not last.exists()
    with pytest.raises(FamdaError, match='is finished; there is nothing to resume'):
        fit([*killed, '--resume=true'])


def test_files_of_another_run_are_replaced_on_request_only(street):
    out = street / 'again.ckpt'
    careful = arguments(SOURCE, street, out.name, '--overwrite=false', steps=1)
    fit(careful)
    before = out.read_bytes()
    with pytest.raises(FamdaError, match=r"again\.ckpt' exists; choose another --out"):
        fit(careful)
    assert out.read_bytes() == before
    last = out.with_suffix('.run') / 'last.ckpt'
    last.parent.mkdir(exist_ok=True)
    last.write_bytes(before)
    with pytest.raises(FamdaError, match=r'continue with --resume=true, or remove it'):
        fit(careful)
    fit([*careful, '--overwrite=true'])
    assert not last.exists()


def test_nothing_to_resume_is_said_in_one_sentence(street):
    with pytest.raises(FamdaError, match=r"nothing to resume for '.*new\.ckpt'; leave out --resume"):
        fit(arguments(SOURCE, street, 'new.ckpt', '--resume=true'))


@pytest.mark.parametrize('kind', [SOURCE, SELF])
def test_two_processes_train_as_one_with_twice_the_batch(street, tmp_path, kind):
    alone = fit(arguments(kind, street, f'{kind}-alone.ckpt', norm='group'))
    reports = [tmp_path / f'{rank}.json' for rank in range(2)]
    shared = arguments(kind, street, f'{kind}-shared.ckpt', '--data.batch_size=1', norm='group')
    assert end(*start_ranks(shared, [str(report) for report in reports])) == [0, 0]
    for report in reports:
        told = json.loads(report.read_text())
        assert told['error'] == ''
        assert [*told['losses'].values()] == pytest.approx([*alone.values()], rel=1e-4)
    one, other = weights(street / f'{kind}-alone.ckpt'), weights(street / f'{kind}-shared.ckpt')
    # Where a gradient is next to nothing, Adam makes a step of its rounding error.
    distance = torch.stack([(other[key] - value).norm() for key, value in one.items()]).norm()
    assert distance < 1e-3 * torch.stack([value.norm() for value in one.values()]).norm()
    assert len(list((street / f'{kind}-shared.run').glob('events*'))) == 1


def poison(trainer, batch):
    """Spoil the last source frame at hand."""
    batch['source']['image'][-1] = float('nan')


@pytest.mark.parametrize('kind', [SOURCE, SELF])
def test_a_loss_that_is_no_number_names_step_and_frames(street, kind):
    args = arguments(kind, street, f'{kind}-poisoned.ckpt', '--keep_every=2', norm='group')
    with pytest.raises(FamdaError, match=r"loss is nan at step 3 with source '.*', source '.*learning_rate") as failure:
        fit(args, At(3, poison))
    named = set(re.findall(r"source '(\w+)'", str(failure.value)))
    assert named <= {frame.stem for frame in FrameFolder(street / 'source').frames}
    assert ("target '" in str(failure.value)) == (kind == SELF)
    assert torch.load(street / f'{kind}-poisoned.run' / 'last.ckpt', weights_only=True)['global_step'] == 2
    assert load_student(street / f'{kind}-poisoned.run' / 'last.ckpt')
    fit([*args, '--resume=true'])  # without the poison all is well
    assert (street / f'{kind}-poisoned.ckpt').is_file()


def test_a_huge_learning_rate_is_found_out(street):
    args = arguments(SOURCE, street, 'huge.ckpt', '--model.learning_rate=1e30', '--keep_every=1', steps=9)
    with pytest.raises(FamdaError, match=r'model\.init_args\.learning_rate; the checkpoint of step \d is intact'):
        fit(args)
    assert load_student(street / 'huge.run' / 'last.ckpt')
    assert not (street / 'huge.ckpt').exists()


def test_a_fault_of_one_process_ends_all_with_one_reason(street, tmp_path):
    reports = [tmp_path / f'{rank}.json' for rank in range(2)]
    args = arguments(SOURCE, street, 'fault.ckpt', '--data.batch_size=1', norm='group')
    assert end(*start_ranks(args, [str(report) for report in reports], 2, poison_second_process)) == [0, 0]
    errors = [json.loads(report.read_text())['error'] for report in reports]
    assert errors[0] == errors[1] and 'loss is nan at step 2' in errors[0]
    assert len(re.findall(r"source '\w+'", errors[0])) == 2  # the frames of both


def test_the_launcher_starts_the_command_line_again(street):
    """As a user types it; one event file, one checkpoint, every line on the terminal once."""
    args = arguments(SELF, street, 'launched.ckpt', '--data.batch_size=1', '--keep_every=2', steps=3, norm='group')
    launch = [sys.executable, '-m', 'famda_train.commands.cli', 'fit']
    command = [*launch, *args, '--trainer.devices=2', '--trainer.strategy=ddp']
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    errors = [line for line in done.stderr.splitlines() if not line.startswith('step ')]  # on a slow machine
    *warnings, result = done.stdout.splitlines()
    assert (done.returncode, errors) == (0, []) and len(set(warnings)) == len(warnings)
    assert all(line.startswith('warning: class ') for line in warnings)  # three steps teach little
    assert result.startswith(f'wrote {street / "launched.ckpt"} (3 steps, loss ')
    assert weights(street / 'launched.ckpt')
    assert [file.suffix for file in sorted((street / 'launched.run').iterdir())][1:] == ['.yaml']


def test_validation_is_logged_and_scores_as_evaluation(street, capsys):
    """One decoder: ``famda validate``, TensorBoard and ``famda evaluate`` give the numbers of the student's file."""
    extra = [f'--data.validate={street / "val"}', '--trainer.val_check_interval=2', '--keep_every=3']
    args = arguments(SOURCE, street, 'validated.ckpt', *extra, steps=4)
    fit(args)
    log = EventAccumulator(str(street / 'validated.run'))
    log.Reload()
    seen = {tag: [(event.step + 1, event.value) for event in log.Scalars(tag)] for tag in log.Tags()['scalars']}
    assert [step for step, _ in seen['val/miou']] == [2, 4]

    scores = evaluate(load_predictor(street / 'validated.ckpt')[0], FrameFolder(street / 'val'))
    names = ['miou', *DEPTH_METRICS]
    assert [seen[f'val/{name}'][-1][1] for name in names] == pytest.approx([scores[name] for name in names], rel=1e-4)

    capsys.readouterr()
    before = sorted((street / 'validated.run').iterdir())
    validate.main(args)
    printed = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert {name: float(value) for name, value in printed.items()} == pytest.approx(
        {name: seen[f'val/{name}'][-1][1] for name in names}, rel=1e-3
    )
    assert sorted((street / 'validated.run').iterdir()) == before


def test_watching_on_frames_changes_nothing_that_is_learnt(street):
    blind = fit(arguments(SELF, street, 'blind.ckpt', steps=4))
    often = [f'--data.validate={street / "val"}', '--trainer.val_check_interval=1']
    seen = fit(arguments(SELF, street, 'seen.ckpt', *often, steps=4))
    assert seen == blind and same(weights(street / 'seen.ckpt'), weights(street / 'blind.ckpt'))


def test_metres_are_scored_as_those_of_each_camera(street, capsys):
    """The canonical camera of the training is another than that of the frames."""
    extra = [f'--data.validate={street / "val"}', '--data.focal=90']
    args = arguments(SOURCE, street, 'focal.ckpt', *extra, steps=2)
    fit(args)
    scores = evaluate(load_predictor(street / 'focal.ckpt')[0], FrameFolder(street / 'val'))
    capsys.readouterr()
    validate.main(args)
    printed = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert float(printed['rmse']) == pytest.approx(scores['rmse'], rel=1e-3)
    assert float(printed['abs_rel']) == pytest.approx(scores['abs_rel'], rel=1e-3)


def test_what_cannot_be_validated_is_said_in_one_sentence(street):
    with pytest.raises(FamdaError, match=r'data\.validate'):
        validate.main(arguments(SOURCE, street, 'any.ckpt'))
    with pytest.raises(FamdaError, match=r'no checkpoint .*any\.ckpt.*famda fit'):
        validate.main(arguments(SOURCE, street, 'any.ckpt', f'--data.validate={street / "val"}'))


@pytest.mark.parametrize('kind', [SOURCE, SELF])
def test_half_precision_gives_nearly_the_same_losses(street, kind):
    full = fit(arguments(kind, street, 'full.ckpt', NORMALS, steps=4))
    half = fit(arguments(kind, street, 'half.ckpt', NORMALS, '--trainer.precision=bf16-mixed', steps=4))
    assert half != full and all(map(math.isfinite, half.values()))
    assert [*half.values()] == pytest.approx([*full.values()], rel=0.05)
    assert all(value.dtype in (torch.float32, torch.int64) for value in weights(street / 'half.ckpt').values())


def test_callbacks_and_loggers_of_a_configuration_take_part(street):
    logger = f'{{class_path: lightning.pytorch.loggers.CSVLogger, init_args: {{save_dir: {street / "csv"}}}}}'
    monitor = '--trainer.callbacks=[{class_path: lightning.pytorch.callbacks.LearningRateMonitor}]'
    fit(arguments(SOURCE, street, 'csv.ckpt', f'--trainer.logger={logger}', monitor, '--pictures_every=1', steps=2))
    assert 'lr-AdamW' in next((street / 'csv').rglob('metrics.csv')).read_text()


@pytest.mark.parametrize('teacher', ['street-world', 'street-world-relative'])
def test_a_third_task_joins_a_checkpoint_that_lacks_it(street, teacher):
    if not (street / 'two.ckpt').is_file():
        fit(arguments(SOURCE, street, 'two.ckpt', steps=2))
    begin = f'--model.init_from={street / "two.ckpt"}'
    fit(arguments(SELF, street, 'three.ckpt', begin, NORMALS, f'--data.depth={teacher}', steps=3))
    _, spec = load_student(street / 'three.ckpt')
    assert list(spec.heads) == ['segmentation', 'depth', 'normals']
    settings = spec.provenance['settings']
    assert settings['extra_tasks'] == ['normals'] and settings['ema_limit'] == 0.99
    assert str(street) not in json.dumps(settings)
    fit(arguments(SOURCE, street, 'on.ckpt', f'--model.init_from={street / "three.ckpt"}', steps=1))
    assert list(load_student(street / 'on.ckpt')[1].heads) == ['segmentation', 'depth']


@pytest.mark.parametrize(
    ('extra', 'sentence'),
    [
        ('--model.network={encoder: nope}', "unknown encoder 'nope'"),
        ('--model.network={decoder: nope}', "unknown decoder 'nope'"),
        ('--model.network={encodr: nope}', "the network has no option 'encodr'; it takes encoder, decoder"),
        ('--model.network={encoder: resnet18, norm: group}', "the encoder 'resnet18' has batch normalisation"),
        ('--model.feature_distance={weight: 1}', "ImageNet weights; 'pyramid-small' has none; leave feature_distance"),
        ('--model.segmentation.class_weights={humn: 2}', "no class 'humn' to weigh; flat7 has flat, construction"),
        ('--model.learnin_rate=1', "no setting 'model.learnin_rate'; did you mean 'model.learning_rate'"),
        ('--model.segmentation={pixel_weigh: 1}', "did you mean 'model.segmentation.pixel_weight'"),
        ('--data.bath_size=1', "did you mean 'data.batch_size'"),
        ('--trainer.max_steps=many', "trainer.max_steps takes int, not 'many'"),
        ('--data.masks=sam', "make it with famda label and --masks sam .*, or take --data.masks null"),
    ],
)
def test_a_mistake_in_the_settings_is_one_sentence(street, capfd, extra, sentence):
    with pytest.raises(FamdaError, match=sentence) as failure:
        fit_command.main(arguments(SELF, street, 'never.ckpt', extra))
    assert '\n' not in str(failure.value) and failure.value.__cause__ is None
    assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize('text', ['data: {bath_size: 1}', 'trainer: {max_stps: 1}', 'keep_evry: 1'])
def test_a_typo_in_a_file_is_told_from_the_nearest_setting(street, text):
    (street / 'typo.yaml').write_text(text)
    with pytest.raises(FamdaError, match=r"did you mean '(data\.batch_size|trainer\.max_steps|keep_every)'"):
        fit_command.main(['--config', str(street / 'typo.yaml'), *arguments(SOURCE, street, 'never.ckpt')])


def test_without_settings_a_configuration_is_asked_for(street):
    for args in ([], [f'--data.source={street / "source"}']):
        with pytest.raises(FamdaError, match=r'give --config FILE, for example config/train/street_world\.yaml'):
            fit_command.main(args)


def test_every_value_of_the_settings_is_shown(street, capsys):
    with pytest.raises(SystemExit):
        fit_command.main([*arguments(SELF, street, 'never.ckpt'), '--model.depth.align=source', '--print_config'])
    shown = yaml.safe_load(capsys.readouterr().out)['model']['init_args']
    assert shown['depth']['align'] == 'source' and shown['depth']['loss'] == 'log_l1'
    assert shown['segmentation']['pixel_weight'] == 'image'


def interrupt(*_):
    """As Ctrl-C does."""
    raise KeyboardInterrupt


@pytest.fixture
def handler():
    """Lightning ignores further interrupts for good."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupted_run_tells_what_is_kept_and_goes_on_with_the_same_settings_only(
    street, handler, monkeypatch, capsys
):
    args = arguments(SELF, street, 'stopped.ckpt', '--keep_every=2', steps=5)
    for step, then in ((1, 'nothing was kept yet'), (3, 'continue from step 2 with --resume=true')):
        with monkeypatch.context() as context:
            context.setattr(training_cli, 'EndTogether', lambda step=step: At(step, interrupt))
            assert fit_command.main(args) == 130
        assert capsys.readouterr().err == f'famda fit: interrupted at step {step}; {then}\n'
    state = torch.load(street / 'stopped.run' / 'last.ckpt', weights_only=True)
    assert str(street / 'stopped') not in json.dumps(state['famda_run'])

    resumed = [*args, '--resume=true']
    for change, told in (
        ('--data.batch_size=1', 'data.batch_size 2, now 1'),
        ('--model.learning_rate=0.5', 'learning_rate 0.002, now 0.5'),
        ('--model.network={channels: 8}', r'network.widths \[4, 8, 8, 8, 8\], now null'),
        ('--model.segmentation.pixel_weight=pixel', 'pixel_weight image, now pixel'),
        ('--data.rare_classes={temperature: 0.5}', 'data.rare_classes.temperature null, now 0.5'),
        ('--trainer.max_steps=1', 'trainer.max_steps 5, now 1'),
        ('--seed_everything=4', 'seed_everything 3, now 4'),
    ):
        with pytest.raises(FamdaError, match=f'the interrupted run had .*{told}.*; resume with the same settings'):
            fit_command.main([*resumed, change])
    fit([*resumed, '--keep_every=3', '--data.workers=1', f'--data.validate={street / "val"}'])
    assert (street / 'stopped.ckpt').is_file()


def test_a_source_without_depth_is_warned_of(street, tmp_path, capsys):
    flat = tmp_path / 'flat'
    shutil.copytree(street / 'source', flat)
    shutil.rmtree(flat / 'depth')
    fit(arguments(SOURCE, street, 'flat.ckpt', f'--data.source={flat}', steps=1))
    assert capsys.readouterr().out == f"warning: '{flat}' has no depth; the student's depth is not taught\n"
    assert load_student(street / 'flat.ckpt')[1].provenance['depth_taught'] is False
    fit(arguments(SELF, street, 'metric.ckpt', f'--data.source={flat}', steps=1))  # its teacher knows metres
    assert load_student(street / 'metric.ckpt')[1].provenance['depth_taught'] is True
