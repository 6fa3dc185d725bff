# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Self-training driven step by step: the EMA teacher, the edges of what is pasted, the student's size."""
from __future__ import annotations

import cv2
import lightning
import numpy as np
import pytest
import torch
from small_street import HEIGHT, SMALL_NETWORK, WIDTH, write_checkpoint, write_street
from torch.nn import functional

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import FLAT7, IGNORE
from famda_train.augmentation.zoom import Windows
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.models.checkpoint import KEY, load_student
from famda_train.training import rare_class_sampling, self_training
from famda_train.training.data_module import AdaptationData, DataSource, RareClassSampling
from famda_train.training.self_training import SelfTraining
from famda_train.training.source_training import SourceTraining
from famda_train.training.tasks import DepthSettings, SegmentationSettings, SurfaceNormals


@pytest.fixture(scope='module')
def street(tmp_path_factory):
    folder = tmp_path_factory.mktemp('street')
    write_street(folder / 'source', 'synthetic', 4)
    write_street(folder / 'target', 'night', 4, first=50, truth=False)
    return folder


def data_of(street, size=None, **options):
    target = DataSource(str(street / 'target'), size=size)
    return AdaptationData(str(street / 'source'), target, batch_size=2, **options)


def fit(module, data, steps=1, resume=None, **options):
    trainer = lightning.Trainer(
        max_steps=steps, max_epochs=-1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, accelerator='cpu', use_distributed_sampler=False, **options,
    )  # fmt: skip
    trainer.fit(module, datamodule=data, ckpt_path=resume)
    return module


def module_of(kind=SelfTraining, **options):
    without = {'statistics_batches': 0} if kind is SelfTraining else {}
    return kind(network=SMALL_NETWORK, **{**without, **options})


@pytest.mark.parametrize('batches', [1, 3])
def test_the_teacher_follows_once_per_optimiser_step(street, monkeypatch, batches):
    decays = []
    update = self_training.update_teacher
    monkeypatch.setattr(
        self_training, 'update_teacher', lambda *arguments: decays.append(arguments[-1]) or update(*arguments)
    )
    fit(module_of(), data_of(street), steps=3, accumulate_grad_batches=batches)
    assert decays == pytest.approx([0, 1 / 2, 2 / 3])


def test_what_jumps_along_a_paste_edge_is_not_taught_there(street, monkeypatch):
    module, seen = module_of(extra_tasks=[SurfaceNormals()], whole_frames=False), []
    left = torch.arange(WIDTH).expand(2, HEIGHT, WIDTH) < 20
    monkeypatch.setattr(module, 'paste_mask', lambda *_: left)
    total_loss = module.total_loss

    def record(raw, targets, side):
        seen.append((side, targets))
        return total_loss(raw, targets, side)

    monkeypatch.setattr(module, 'total_loss', record)
    fit(module, data_of(street))
    targets = dict(seen)['mixed']
    for name in ('depth', 'normals'):
        weight = targets[name].weight[:, 0]
        assert not weight[:, 18:22].any() and weight[:, :18].all()
    assert targets['segmentation'].weight[:, 0, :20].all()


@pytest.mark.parametrize('kind', [SourceTraining, SelfTraining])
def test_windows_and_a_further_task_train_together(street, kind):
    module = module_of(kind, extra_tasks=[SurfaceNormals()], windows=Windows(pixels=HEIGHT * HEIGHT))
    options = {'crop': (HEIGHT, HEIGHT)} if kind is SelfTraining else {}
    assert fit(module, data_of(street, **options), steps=2).global_step == 2


def test_the_scale_of_depth_is_compared_with_the_start_of_training(street):
    """The student's depth is moved by 40 % in the middle of a training; what it is taught on the target is not."""
    module = module_of(depth=DepthSettings(keep_scale=True))
    start = {name: value.clone() for name, value in module.anchor.state_dict().items() if 'running' not in name}
    shift = torch.tensor(1.4).log()
    with torch.no_grad():
        for network in (module.network, module.teacher):
            network.heads['depth'][-1].bias += shift
    fit(module, data_of(street), steps=1)
    assert float(module.depth.log_drift) == pytest.approx(float(shift), abs=0.02)
    same = module.anchor.state_dict()
    assert all(torch.equal(value, same[name]) for name, value in start.items() if 'num_batches' not in name)


def test_a_share_of_the_start_is_kept(street, tmp_path):
    start = write_checkpoint(tmp_path / 'start.ckpt')
    module = fit(module_of(init_from=str(start), keep_start=0.25, statistics_batches=2), data_of(street), steps=2)
    before, trained = load_student(start)[0].state_dict(), module.network.state_dict()
    kept = module.student()[KEY]['weights']
    assert any(not torch.equal(trained[name], value) for name, value in before.items())
    for name, value in kept.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, 0.25 * before[name] + 0.75 * trained[name])


def test_an_average_of_the_steps_is_the_teacher_already():
    with pytest.raises(FamdaError, match=r'average is for training on the source alone; remove it'):
        module_of(average=0.9)


def test_label_maps_are_counted_once_per_run(street, monkeypatch):
    counted = []
    count = rare_class_sampling._count_pixels
    monkeypatch.setattr(
        rare_class_sampling, '_count_pixels', lambda *arguments: counted.append(arguments) or count(*arguments)
    )
    fit(module_of(statistics_batches=2), data_of(street, rare_classes=RareClassSampling()))
    assert len(counted) == 1


@pytest.mark.parametrize(
    ('kind', 'asked', 'size'),
    [(SelfTraining, None, (48, 24)), (SelfTraining, (96, 64), (96, 64)), (SourceTraining, (96, 64), (96, 64))],
)
def test_the_student_is_for_images_of_the_targets_size(street, kind, asked, size):
    """Its focal is in pixels, whatever the size."""
    data = data_of(street, size=(48, 24), crop=(32, 16))
    spec = fit(module_of(kind, network_size=asked), data).spec
    assert (spec.width, spec.height) == size and spec.focal == data.source.focal


class SaveAt(lightning.Callback):
    """Save a checkpoint when a step is done."""

    def __init__(self, step, path):
        self.step, self.path = step, path

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        """Count steps from 1."""
        if trainer.global_step == self.step and not self.path.exists():
            trainer.save_checkpoint(self.path)


def test_a_resumed_training_with_dropout_repeats_itself(street, tmp_path):
    """What layers draw in a step depends on the step, not on what was drawn before it."""

    def train(**options):
        torch.manual_seed(3)
        module = module_of(SourceTraining)
        module.network.decoder.register_forward_hook(
            lambda layer, _, features: functional.dropout(features, 0.3, layer.training)
        )
        data = AdaptationData(str(street / 'source'), batch_size=2)
        return fit(module, data, steps=4, accumulate_grad_batches=2, **options).network.state_dict()

    half = tmp_path / 'half.ckpt'
    whole = train(callbacks=[SaveAt(2, half)])
    resumed = train(resume=half)
    assert whole.keys() == resumed.keys() and all(torch.equal(value, resumed[key]) for key, value in whole.items())


def test_without_a_target_the_student_is_for_images_of_the_sources_size(street):
    spec = fit(module_of(SourceTraining), AdaptationData(str(street / 'source'), batch_size=2)).spec
    assert (spec.width, spec.height) == (WIDTH, HEIGHT)


def test_a_rare_class_that_is_forgotten_is_named_after_300_steps():
    """One percent of the source; the teacher thinks of it now and then, but never predicts it."""
    task = module_of(segmentation=SegmentationSettings(prior_strength=0.0)).segmentation
    human = FLAT7.classes.index('human')
    labels = torch.zeros(1, 10, 100, dtype=torch.long)
    labels[:, 0, :10] = human
    raw = torch.zeros(1, len(FLAT7), 10, 100)
    raw[:, 0], raw[:, human] = 5.0, 3.0
    for _ in range(300):
        task.observe({'labels': labels})
        task.pseudo_target(raw, {}, {})
    assert task.forgotten_classes() == ['human']
    raw[:, human, 0, :10] = 9.0
    for _ in range(300):
        task.pseudo_target(raw, {}, {})
    assert task.forgotten_classes() == []


@pytest.fixture(scope='module')
def labelled(tmp_path_factory):
    """Frames of the target of which one alone is labelled, and this one as vehicle and without a horizon."""
    folder = write_street(tmp_path_factory.mktemp('labelled') / 'frames', 'night', 3, first=90)
    for number, frame in enumerate(FrameFolder(folder).frames):
        path = folder / 'labels' / f'{frame.stem}.png'
        path.unlink()
        if number == 1:
            assert cv2.imwrite(str(path), np.full((HEIGHT, WIDTH), FLAT7.classes.index('vehicle'), np.uint8))
    return folder


def test_the_student_learns_the_labels_of_the_target(street, labelled, capsys):
    def vehicle(**options):
        torch.manual_seed(5)
        data = data_of(street, crop=(32, 24), **options)
        module = module_of(learning_rate=5e-3, ramp_steps=1, statistics_batches=4, target_labels_weight=5.0)
        fit(module, data, steps=25)
        image = torch.from_numpy(FrameFolder(street / 'target').image(0)).permute(2, 0, 1)[None] / 255
        raw = module.predict(module.network.eval(), image.float())['segmentation']
        return float((raw.argmax(1) == FLAT7.classes.index('vehicle')).float().mean()), module

    without, _ = vehicle()
    share, module = vehicle(target_labels=str(labelled))
    assert share > without + 0.2
    assert f"note: 1 of 3 frames of '{labelled}' have labels; only these count" in capsys.readouterr().err
    assert module.spec.provenance['target_labels_frames'] == 1
    assert module.spec.provenance['target_labels']['label_space'] == 'flat7'


def test_the_loss_of_the_labels_has_its_weight(street, labelled):
    """The labels are one more part of the loss of a step, in proportion to their weight."""

    def parts(weight):
        torch.manual_seed(5)
        module = module_of(target_labels_weight=weight)
        fit(module, data_of(street, target_labels=str(labelled)))
        return {name: float(value) for name, value in module.trainer.callback_metrics.items()}

    one, half = parts(1.0), parts(0.5)
    assert one['labelled_loss'] == pytest.approx(one['labelled/segmentation'] + one['labelled/depth'], rel=1e-5)
    assert half['labelled_loss'] == pytest.approx(0.5 * one['labelled_loss'], rel=1e-5) and half['labelled_loss'] > 0
    assert one['loss'] - half['loss'] == pytest.approx(half['labelled_loss'], rel=1e-4)


def test_pixels_without_a_label_do_not_count(street, labelled, monkeypatch):
    module = module_of()
    raw = {task.name: torch.randn(1, task.outputs, HEIGHT, WIDTH) for task in module.tasks}
    monkeypatch.setattr(module, 'predict', lambda *_: raw)
    monkeypatch.setattr(module, 'log_dict', lambda *_, **__: None)
    labels = torch.full((1, HEIGHT, WIDTH), IGNORE, dtype=torch.uint8)
    labels[:, 7, 11] = labels[:, 7, WIDTH - 12] = 3  # mirrored or not
    raw['segmentation'][..., WIDTH - 12] = raw['segmentation'][..., 11]
    sample = {
        'image': torch.rand(1, 3, HEIGHT, WIDTH), 'labels': labels, 'place': torch.tensor([0]),
        'depth': torch.full((1, HEIGHT, WIDTH), torch.nan), 'centre': torch.tensor([[31.5, 15.5]]),
    }  # fmt: skip
    wanted = functional.cross_entropy(raw['segmentation'][:, :, 7, 11], torch.tensor([3]))
    assert float(module.labelled_loss(sample)) == pytest.approx(float(wanted), rel=1e-5)
    sample['labels'] = torch.full_like(labels, IGNORE)
    assert float(module.labelled_loss(sample)) == 0


def test_a_resumed_training_draws_the_same_labelled_frames(street, labelled, tmp_path):
    def train(**options):
        torch.manual_seed(3)
        data = data_of(street, crop=(32, 24), target_labels=str(labelled))
        return fit(module_of(), data, steps=4, **options).network.state_dict()

    half = tmp_path / 'half.ckpt'
    whole = train(callbacks=[SaveAt(2, half)])
    resumed = train(resume=half)
    assert all(torch.equal(value, resumed[key]) for key, value in whole.items())
    (path,) = (labelled / 'labels').iterdir()
    before = path.read_bytes()
    assert cv2.imwrite(str(path), np.zeros((HEIGHT, WIDTH), np.uint8))
    with pytest.raises(FamdaError, match=r'labels of data\.target_labels have changed since the interrupted run began'):
        train(resume=half)
    path.write_bytes(before)


def test_what_would_leave_the_labels_unused_is_refused(street, labelled):
    with pytest.raises(FamdaError, match='SourceTraining is none; take SelfTraining, or give the labelled frames as'):
        fit(module_of(SourceTraining), data_of(street, target_labels=str(labelled)))
    for weight in (0.0, -1.0, float('nan')):
        with pytest.raises(FamdaError, match=r'model\.target_labels_weight cannot be .*; give a number above 0'):
            module_of(target_labels_weight=weight)


def test_depth_is_taught_by_labelled_frames_that_have_it(street, labelled):
    module = module_of()
    fit(module, data_of(street, target_labels=str(labelled)))
    source = write_street(street / 'without_depth', 'synthetic', 1)
    for path in (source / 'depth').iterdir():
        path.unlink()
    module.data.source.dataset = FrameFolder(source)
    assert module.depth_taught
    module.data.target_labels = None
    assert not module.depth_taught
