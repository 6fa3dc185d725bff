# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Dense tasks: what they teach, how they are scored, and that the training needs no change for a new one."""
from __future__ import annotations

import math

import lightning
import numpy as np
import pytest
import torch
from small_street import HEIGHT, SMALL_NETWORK, WIDTH
from training_runs import write_streets

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import FLAT7, get_label_space
from famda_ros.student.runtime import Student
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.export.export_student import export_student
from famda_train.models.checkpoint import load_student, save_student
from famda_train.training.data_module import AdaptationData
from famda_train.training.self_training import SelfTraining
from famda_train.training.tasks import (
    Depth,
    DepthSettings,
    Segmentation,
    SegmentationSettings,
    SurfaceNormals,
    Target,
    Task,
)

SKY = FLAT7.classes.index('sky')
H, W = 12, 16


def logits_of(labels, sure=8.0):
    return sure * torch.nn.functional.one_hot(labels, len(FLAT7)).permute(0, 3, 1, 2).float()


@pytest.fixture
def frames():
    """Two source frames: sky above a wall at 20 m and a ground at 5 m."""
    labels = torch.full((2, H, W), FLAT7.classes.index('construction'))
    labels[:, :4], labels[:, 8:] = SKY, 0
    depth = torch.full((2, H, W), 20.0)
    depth[:, :4], depth[:, 8:] = torch.inf, 5.0
    ones = torch.ones(2)
    camera = {'focal': 14 * ones, 'canonical_focal': 14 * ones, 'centre': torch.tensor([[7.5, 5.5]] * 2)}
    return {'labels': labels, 'depth': depth, 'image': torch.rand(2, 3, H, W), **camera}


def segmentation(**options):
    return Segmentation(FLAT7, SegmentationSettings(**options))


TASKS = [segmentation, lambda: Depth(sky=SKY), SurfaceNormals]


@pytest.mark.parametrize('make', TASKS)
def test_every_task_says_what_it_does(make, frames):
    """Shapes, a finite gradient, pictures of what is taught and predicted, numbers."""
    task = make()
    task.prepare(frames)
    raw = torch.randn(2, task.outputs, H, W, requires_grad=True)
    truth = task.ground_truth(frames)
    assert truth.weight.shape == (2, H, W) and truth.weight.dtype == torch.float32
    loss = task.loss(raw, truth)
    loss.backward()
    assert loss.ndim == 0 and loss > 0 and raw.grad.isfinite().all() and raw.grad.abs().sum() > 0
    assert task.loss(raw, Target(truth.values, torch.zeros(2, H, W))) == 0
    for values in (truth.values, task.decode(raw.detach())):
        picture = task.picture(values[0].numpy())
        assert picture.shape == (H, W, 3) and picture.dtype == np.uint8
    metric = task.metric()
    task.score(metric, task.publish(raw.detach()[..., ::4, ::4], (H, W), 4), frames)
    numbers = metric.compute()
    assert numbers and all(isinstance(value, float) for value in numbers.values())


def test_the_truth_scores_perfectly(frames):
    normals = SurfaceNormals()
    normals.prepare(frames)
    known = frames['normals'].nan_to_num(0.5)
    perfect = [
        (segmentation(), logits_of(frames['labels']), {'miou': 100.0}),
        (Depth(sky=SKY), frames['depth'].log().clamp_max(9)[:, None], {'abs_rel': 0.0, 'delta1': 100.0}),
        (normals, known, {'mean_angle': 0.0, 'within_11': 100.0}),
    ]
    for task, raw, expected in perfect:
        metric = task.metric()
        task.score(metric, task.decode(raw), frames)
        numbers = metric.compute()
        assert {key: numbers[key] for key in expected} == pytest.approx(expected, abs=0.1)
        assert float(task.loss(raw, task.ground_truth(frames))) == pytest.approx(0.0, abs=0.01)


def test_depth_is_scored_in_metres_of_the_frames_own_camera(frames):
    task, metric = Depth(), Depth().metric()
    raw = (frames['depth'] + 2).log().clamp_max(9)[:, None]
    task.score(metric, task.decode(raw), {**frames, 'canonical_focal': 28 * torch.ones(2)})
    assert metric.compute()['rmse'] == pytest.approx(1.0, rel=1e-4)


def test_depth_without_a_teacher_keeps_the_scale_of_the_start(frames):
    """The EMA teacher is 30 % too far: its shape is learnt at the scale of the frozen student, sky beyond range."""
    task, labels = Depth(DepthSettings(keep_scale=True), SKY), Target(frames['labels'], torch.ones(2, H, W))
    start = frames['depth'].clamp_max(100.0).log()[:, None]
    raw = start + math.log(1.3)
    task.follow_scale(raw, start)
    values, weight = task.pseudo_target(raw, {}, {'segmentation': labels})
    torch.testing.assert_close(values, frames['depth'])
    assert (weight == 1).all()
    task.follow_scale(start, start)  # one look among others moves it by a tenth
    assert float(task.log_drift) == pytest.approx(0.9 * math.log(1.3), rel=1e-5)
    disparity = {'teacher_disparity': 3.0 / frames['depth'] + 1.0}  # a relative teacher gets metres at that scale
    aligned = task.pseudo_target(start + task.log_drift, disparity, {'segmentation': labels}).values
    torch.testing.assert_close(aligned, frames['depth'], rtol=1e-3, atol=1e-3)
    nothing = Depth(sky=SKY).pseudo_target(raw, {}, {'segmentation': labels})
    assert nothing.values.isnan().all() and (nothing.weight == 0).all()


def test_pseudo_labels_are_those_of_the_teacher_and_weigh_as_it_is_sure(frames):
    task = segmentation(prior_strength=0.0)
    raw = logits_of(frames['labels'])
    raw[0, :, :, W // 2 :] = 0  # half of the first image is unsure
    labels, weight = task.pseudo_target(raw, {}, {})
    assert torch.equal(labels[1], frames['labels'][1])
    assert weight[0].unique().tolist() == [0.5] and weight[1].unique().tolist() == [1.0]
    batch = segmentation(prior_strength=0.0, pixel_weight='batch').pseudo_target(raw, {}, {}).weight
    assert batch.unique().tolist() == [0.75]
    pixel = segmentation(prior_strength=0.0, pixel_weight='pixel').pseudo_target(raw, {}, {}).weight
    torch.testing.assert_close(pixel, raw.softmax(1).amax(1))


def test_masks_refine_and_rows_at_the_border_do_not_teach(frames):
    task = segmentation(prior_strength=0.0, ignore_top=0.25, ignore_bottom=0.25)
    raw = logits_of(frames['labels'])
    raw[:, :, 5, 5] = logits_of(torch.full((1, 1, 1), SKY))[0, :, 0, 0]  # one wrong pixel inside the wall
    segments = torch.zeros(2, H, W, dtype=torch.int32)
    segments[:, 4:8] = 1
    labels, weight = task.pseudo_target(raw, {'segments': segments}, {})
    assert torch.equal(labels, frames['labels'])
    assert (weight[:, :3] == 0).all() and (weight[:, 9:] == 0).all() and (weight[:, 3:9] > 0).all()


def test_the_class_prior_saves_a_class_that_dies_out(frames):
    """A teacher that takes most of the sky for a wall is corrected once the source's shares are known."""
    task = segmentation(prior_strength=1.0)
    wall, raw = FLAT7.classes.index('construction'), logits_of(frames['labels'])
    raw[:, wall, :4] = raw[:, SKY, :4] + 0.5
    for _ in range(300):
        task.observe(frames)
        labels, _ = task.pseudo_target(raw, {}, {})
    assert (labels[:, :4] == SKY).all()
    assert float(task.source_share.sum()) == pytest.approx(1.0, abs=1e-4)
    assert (segmentation(prior_strength=0.0).pseudo_target(raw, {}, {}).values[:, :4] == wall).all()


def test_label_spaces_without_sky_have_none():
    assert segmentation().sky == SKY
    assert Segmentation(get_label_space('camvid11')).sky == get_label_space('camvid11').classes.index('sky')


def teach_depth(task, frames, **target):
    raw = torch.full((2, 1, H, W), math.log(10.0))
    return task.pseudo_target(raw, target, {'segmentation': Target(frames['labels'], torch.ones(2, H, W))})


@pytest.mark.parametrize('loss', ['log_l1', 'silog', 'berhu'])
@pytest.mark.parametrize('start_m', [0.01, 245.0])
def test_a_prediction_outside_the_range_finds_its_way_back(frames, loss, start_m):
    task = Depth(DepthSettings(loss=loss), SKY)
    raw = torch.full((2, 1, H, W), math.log(start_m), requires_grad=True)
    task.loss(raw, Target(torch.full((2, H, W), 20.0), torch.ones(2, H, W))).backward()
    assert ((raw.grad > 0) == (start_m > 20)).all() and raw.grad.all()
    assert float(task.decode(raw.detach()).min()) >= 0.5 and float(task.decode(raw.detach()).max()) <= 120.001


def test_the_range_of_indoor_depth_reaches_alignment_and_statistics(frames):
    """Metres that a street's range would cut off at 1 m, or use although they are far beyond the room."""
    task, metres = Depth(DepthSettings(range_m=(0.3, 20.0))), torch.linspace(0.4, 15, H)[None, :, None].expand(2, H, W)
    labels = Target(torch.zeros(2, H, W, dtype=torch.long), torch.ones(2, H, W))
    raw, pseudo_targets = metres.log()[:, None], {'segmentation': labels}
    values, _ = task.pseudo_target(raw, {'teacher_disparity': 3 / metres + 0.7}, pseudo_targets)
    torch.testing.assert_close(values, metres, rtol=1e-3, atol=1e-3)
    assert task.decode(torch.full((1, 1, 1, 1), 9.0)).item() == pytest.approx(30.0)
    source = Depth(DepthSettings(range_m=(0.3, 20.0), align='source'))
    for _ in range(1500):
        source.observe({'depth': metres})
    values, _ = source.pseudo_target(raw, {'teacher_disparity': 5 / metres + 1}, pseudo_targets)
    torch.testing.assert_close(values, metres, rtol=0.02, atol=0.02)


def test_an_impossible_range_is_refused():
    with pytest.raises(FamdaError, match=r'depth.range_m is \[20, 0.3\]; give 0 < near < far'):
        Depth(DepthSettings(range_m=(20.0, 0.3)))


def test_a_metric_teacher_is_believed_and_sky_is_beyond_range(frames):
    task = Depth(DepthSettings(teacher_weight=0.5), SKY)
    values, weight = teach_depth(task, frames, teacher_depth=torch.full((2, H, W), 12.0))
    assert (values[:, :4] == torch.inf).all() and (values[:, 4:] == 12).all()
    assert weight.unique().tolist() == [0.5]


def test_without_a_depth_teacher_nothing_is_taught(frames):
    values, weight = teach_depth(Depth(sky=SKY), frames)
    assert values.isnan().all() and (weight == 0).all()


def test_a_relative_teacher_gets_the_metres_of_the_ema_teacher(frames):
    task, metres = Depth(sky=SKY), torch.linspace(2, 40, H)[None, :, None].expand(2, H, W)
    labels = Target(torch.zeros(2, H, W, dtype=torch.long), torch.ones(2, H, W))
    target = {'teacher_disparity': 3 / metres + 0.7}
    values, _ = task.pseudo_target(metres.log()[:, None], target, {'segmentation': labels})
    torch.testing.assert_close(values, metres, rtol=1e-3, atol=1e-3)


def test_a_relative_teacher_gets_the_spread_of_the_source(frames):
    """Disparities of the very source, scaled and shifted, come back as its metres."""
    task = Depth(DepthSettings(align='source'), SKY)
    frames['depth'][:, 8:] = torch.linspace(3, 18, 4)[None, :, None]
    for _ in range(1500):
        task.observe(frames)
    values, _ = teach_depth(task, frames, teacher_disparity=5 / frames['depth'].clamp_max(80) + 1)
    torch.testing.assert_close(values[:, 4:], frames['depth'][:, 4:], rtol=0.02, atol=0.02)


def test_disagreement_with_the_ema_teacher_costs_weight(frames):
    task = Depth(DepthSettings(tolerance=0.1), SKY)
    depth = torch.full((2, H, W), 10.0)
    depth[:, :, :8] = 11.0
    weight = teach_depth(task, frames, teacher_depth=depth).weight
    assert (weight[:, :4] == 1).all()  # sky has no metres to disagree about
    torch.testing.assert_close(weight[:, 4:, 8:], torch.ones(2, H - 4, 8), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(weight[:, 4:, :8], torch.full((2, H - 4, 8), math.exp(-math.log(1.1) / 0.1)))


@pytest.mark.parametrize('loss', ['log_l1', 'silog', 'berhu', 'midas'])
def test_depth_losses_in_half_precision(frames, loss):
    task = Depth(DepthSettings(loss=loss, gradient_weight=0.5, sky_weight=0.1), SKY)
    raw = torch.randn(2, 1, H, W)
    full = task.loss(raw.bfloat16().float(), task.ground_truth(frames))
    half = task.loss(raw.bfloat16(), task.ground_truth(frames))
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, full)


def test_sky_is_pushed_to_the_end_of_the_range_where_that_is_asked_for(frames):
    raw = torch.full((2, 1, H, W), math.log(10.0), requires_grad=True)
    for weight, pushed in ((0.0, False), (1.0, True)):
        (gradient,) = torch.autograd.grad(
            Depth(DepthSettings(sky_weight=weight), SKY).loss(raw, Depth().ground_truth(frames)), raw
        )
        assert bool((gradient[:, :, :4] < 0).all()) == pushed


def test_normals_do_not_depend_on_the_canonical_camera(frames):
    task, other = SurfaceNormals(), {**frames, 'canonical_focal': 28 * torch.ones(2), 'depth': 2 * frames['depth']}
    task.prepare(frames)
    task.prepare(other)
    torch.testing.assert_close(frames['normals'], other['normals'], equal_nan=True)
    wall = frames['normals'][:, :, 5:7, 2:-2]
    torch.testing.assert_close(wall, torch.tensor([0.0, 0, -1]).view(1, 3, 1, 1).expand_as(wall), atol=1e-5, rtol=0)


def test_normals_of_a_target_come_from_a_metric_teacher_only(frames):
    task, raw = SurfaceNormals(), torch.randn(2, 3, H, W, dtype=torch.bfloat16)
    camera = {key: frames[key] for key in ('focal', 'canonical_focal', 'centre')}
    relative = {**camera, 'teacher_disparity': torch.ones(2, H, W)}
    task.prepare(relative)
    values, weight = task.pseudo_target(raw, relative, {})
    assert values.isnan().all() and values.dtype == torch.float32 and (weight == 0).all()
    metric = {**camera, 'teacher_depth': torch.full((2, H, W), 7.0)}
    task.prepare(metric)
    assert task.pseudo_target(raw, metric, {}).weight.all()


class Brightness(Task):
    """Predict how bright each pixel is: a task that the training has never heard of."""

    name, outputs, start, weight, whole_frames_teach = 'brightness', 1, 0.5, 2.0, True

    def __init__(self):
        super().__init__()
        self.register_buffer('mean', torch.zeros(()))

    def prepare(self, sample):
        """Add the brightness before the image is changed."""
        sample['brightness'] = sample['image'].mean(1)

    def observe(self, source):
        """Keep the mean."""
        self.mean = source['brightness'].mean()

    def decode(self, raw):
        """Return it as it is."""
        return raw[:, 0].float()

    def picture(self, values):
        """Return grey."""
        return (np.repeat(values[..., None], 3, -1).clip(0, 1) * 255).astype(np.uint8)

    def ground_truth(self, source):
        """Return the brightness."""
        return Target(source['brightness'], torch.ones_like(source['brightness']))

    def pseudo_target(self, raw, target, pseudo_targets):
        """Know it of target frames, too."""
        return self.ground_truth(target)

    def loss(self, raw, target):
        """Return the mean error."""
        return ((self.decode(raw) - target.values).abs() * target.weight).mean()

    def metric(self):
        """Return a list."""
        return []

    def score(self, metric, raw, sample):
        """Add the mean error."""
        metric.append(float((self.decode(raw) - sample['brightness']).abs().mean()))


@pytest.fixture(scope='module')
def street(tmp_path_factory):
    return write_streets(tmp_path_factory.mktemp('street'))


@pytest.fixture(scope='module')
def three_tasks(street):
    """Path of a student of three tasks, and the module that trained it."""
    torch.manual_seed(0)
    data = AdaptationData(str(street / 'source'), str(street / 'target'), depth='street-world', batch_size=2)
    module = SelfTraining(extra_tasks=[Brightness()], network=SMALL_NETWORK, learning_rate=0.02, ramp_steps=1,
                          statistics_batches=2)  # fmt: skip
    before = errors(module, data)
    trainer = lightning.Trainer(
        max_steps=25, max_epochs=-1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, accelerator='cpu', use_distributed_sampler=False,
    )  # fmt: skip
    trainer.fit(module, datamodule=data)
    save_student(street / 'three.ckpt', module.spec, module.network)
    return street / 'three.ckpt', module, before, errors(module, data)


def errors(module, data):
    batch = next(iter(data.train_dataloader()['target']))
    task, metric = module.tasks[2], []
    task.prepare(batch)
    with torch.no_grad():
        task.score(metric, module.predict(module.network.train(), batch['image'])['brightness'], batch)
    return metric[0]


def test_a_task_of_ones_own_is_learnt(three_tasks):
    path, module, before, after = three_tasks
    assert after < 0.6 * before
    assert module.tasks[2].mean > 0
    assert list(load_student(path)[1].heads) == ['segmentation', 'depth', 'brightness']


def test_the_robot_gets_the_two_outputs_that_it_knows(three_tasks, street, tmp_path):
    path = three_tasks[0]
    out = tmp_path / 'student.onnx'
    export_student(path, out, [FrameFolder(street / 'val').image(0)])
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    assert set(Student(out).run(image)) == {'labels', 'confidence', 'depth'}
