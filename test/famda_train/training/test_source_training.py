# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Both Lightning modules, driven through ``famda fit`` as a user would."""
import math
from dataclasses import replace
from types import SimpleNamespace

import lightning
import numpy as np
import pytest
import torch
from small_street import SMALL_NETWORK, write_checkpoint, write_street

from famda_ros.errors import FamdaError
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.label_store.label_store import LabelStore
from famda_train.labelling.labelling import label_frames
from famda_train.models.blocks import upsample
from famda_train.models.card import model_card
from famda_train.models.checkpoint import load_student, save_student
from famda_train.training.batch_norm_statistics import reestimate_batch_norm
from famda_train.training.data_module import AdaptationData
from famda_train.training.samples import Samples
from famda_train.training.self_training import SelfTraining
from famda_train.training.source_training import SourceTraining
from famda_train.training.stream import to_tensors
from famda_train.training.training_cli import main

SMALL = [f'--model.network={SMALL_NETWORK}']
QUICK = ['--trainer.enable_progress_bar=false', '--data.batch_size=2', '--seed_everything=3']
SOURCE = ['--model=famda_train.training.source_training.SourceTraining', *SMALL]
FAMDA = ['--model=famda_train.training.self_training.SelfTraining', '--model.statistics_batches=4']


@pytest.fixture(scope='module')
def street(tmp_path_factory):
    """Folder with a labelled source, a labelled-by-teachers target and a source-only checkpoint."""
    folder = tmp_path_factory.mktemp('street')
    write_street(folder / 'source', 'synthetic', 4)
    target = FrameFolder(write_street(folder / 'target', 'night', 4, first=50, truth=False))
    for role, name in (('masks', 'felzenszwalb'), ('depth', 'street-world'), ('depth', 'street-world-relative')):
        label_frames(target, role, name)
    fit_source(folder, 'base.ckpt')
    return folder


def fit_source(folder, out, steps=6, extra=()):
    main([*SOURCE, *QUICK, f'--data.source={folder / "source"}', f'--trainer.max_steps={steps}',
          f'--out={folder / out}', *extra])  # fmt: skip
    return folder / out


def fit_famda(folder, out, *extra, steps=3):
    main([*FAMDA, *QUICK, f'--model.init_from={folder / "base.ckpt"}', f'--data.source={folder / "source"}',
          f'--data.target={folder / "target"}', f'--trainer.max_steps={steps}', f'--out={folder / out}',
          '--model.domain=night', *extra])  # fmt: skip
    return folder / out


def weights(path):
    return load_student(path)[0].state_dict()


def test_source_training_learns(street):
    """Longer training on four frames fits them better than a few steps do."""
    fit_source(street, 'longer.ckpt', steps=60)
    samples = Samples(FrameFolder(street / 'source'), ground_truth=True)
    frames = [to_tensors(samples[i]) for i in range(4)]
    image = torch.stack([frame['image'] for frame in frames])
    labels = torch.stack([frame['labels'] for frame in frames])

    def accuracy(path):
        network = load_student(path)[0].train()  # statistics of these very frames
        logits = upsample(network(image)['segmentation'], labels.shape[-2:])
        return (logits.argmax(1) == labels).float().mean()

    assert accuracy(street / 'longer.ckpt') > accuracy(street / 'base.ckpt') + 0.1


@pytest.mark.parametrize('depth', ['street-world', 'street-world-relative'])
def test_famda_trains_with_either_kind_of_depth_teacher(street, depth):
    out = fit_famda(street, f'{depth}.ckpt', '--data.masks=felzenszwalb', f'--data.depth={depth}')
    _, spec = load_student(out)
    assert spec.domain == 'night'
    assert spec.provenance['method'] == 'SelfTraining'
    # that of the checkpoint it starts from
    assert spec.network | spec.provenance['settings']['network'] == spec.network
    assert {t['name'] for t in spec.provenance['teachers'].values()} == {'felzenszwalb', depth}
    assert all(torch.isfinite(value).all() for value in weights(out).values())


def test_every_teacher_changes_what_is_learnt(street):
    believe = '--model.segmentation.confident_from=0.0'  # so early, the EMA teacher is confident of nothing
    plain = weights(fit_famda(street, 'plain.ckpt', believe))
    always = '--model.segmentation.min_share=0.0'
    masks = weights(fit_famda(street, 'masks.ckpt', believe, '--data.masks=felzenszwalb', always))
    depth = weights(fit_famda(street, 'depth.ckpt', believe, '--data.depth=street-world'))
    key = 'heads.depth.1.weight'
    assert not torch.equal(plain[key], depth[key])
    assert not torch.equal(plain['heads.segmentation.1.weight'], masks['heads.segmentation.1.weight'])


def test_same_seed_same_weights(street):
    once = weights(fit_famda(street, 'once.ckpt', '--data.masks=felzenszwalb'))
    again = weights(fit_famda(street, 'again.ckpt', '--data.masks=felzenszwalb'))
    assert all(torch.equal(value, again[key]) for key, value in once.items())


def test_statistics_at_the_end_are_those_of_the_target(street):
    """The same run without re-estimation ends with the same weights and other statistics."""
    with_target = weights(fit_famda(street, 'target.ckpt'))
    without = weights(fit_famda(street, 'training.ckpt', '--model.statistics_batches=0'))
    means = [key for key in with_target if key.endswith('running_mean')]
    parameters = [key for key in with_target if key.endswith(('conv.weight', '1.bias'))]
    assert all(torch.equal(with_target[key], without[key]) for key in parameters)
    assert not any(torch.equal(with_target[key], without[key]) for key in means)


def test_statistics_may_be_those_of_target_images_as_they_come(street):
    """Taken again by hand from all images of the target, they are the same."""
    path = fit_famda(street, 'as_they_come.ckpt', '--model.statistics_of=target')
    network, _ = load_student(path)
    stored = {key: value.clone() for key, value in network.state_dict().items()}
    data = AdaptationData(str(street / 'source'), str(street / 'target'))
    reestimate_batch_norm(network, data.target_images(count=4, batch_size=2))
    taken = network.state_dict()
    assert all(torch.allclose(value, taken[key], atol=1e-5) for key, value in stored.items() if 'running' in key)
    mixed = weights(fit_famda(street, 'mixed.ckpt'))
    means = [key for key in stored if key.endswith('running_mean')]
    assert means and not any(torch.allclose(stored[key], mixed[key], atol=1e-5) for key in means)


def test_spec_tells_what_the_robot_must_know(street):
    _, spec = load_student(street / 'base.ckpt')
    frame = FrameFolder(street / 'source').frames[0]
    assert (spec.width, spec.height, spec.focal) == (frame.width, frame.height, frame.focal)
    assert spec.provenance['steps'] == 6 and spec.provenance['seed'] == 3 and spec.licence == 'Apache-2.0'
    assert spec.provenance['settings']['learning_rate'] == 2e-3
    assert not any(key.startswith('_') for key in spec.provenance['settings'])
    assert spec.network | spec.provenance['settings']['network'] == spec.network


@pytest.mark.parametrize(
    ('extra', 'sentence'),
    [
        (['--data.masks=other'], "there is no store 'masks-other'"),
        (['--model.init_from=nowhere.ckpt'], "there is no checkpoint 'nowhere.ckpt'"),
        (['--data.source=nowhere'], 'give the root of a data set'),
    ],
)
def test_bad_input_gets_one_sentence(street, extra, sentence):
    with pytest.raises(FamdaError, match=sentence):
        fit_famda(street, 'never.ckpt', *extra)
    assert not (street / 'never.ckpt').exists()


def test_source_without_truth_is_refused(street):
    with pytest.raises(FamdaError, match='has no labels'):
        fit_source(street, 'never.ckpt', extra=[f'--data.source={street / "target"}'])


def test_the_range_of_depth_reaches_the_exported_graph(street):
    """A student taught to see farther than the default is not cut off there."""
    _, spec = load_student(fit_source(street, 'far.ckpt', extra=['--model.depth.range_m=[0.5,300]']))
    assert (spec.depth_range_m, spec.output_range_m) == ((0.5, 300.0), (0.25, 450.0))
    _, spec = load_student(street / 'base.ckpt')
    assert (spec.depth_range_m, spec.output_range_m) == ((1.0, 80.0), (0.5, 120.0))


def relabel(street, name, reliability, **identity):
    """Write a depth store that repeats the stand-in's, with one reliability everywhere; return its name."""
    folder = FrameFolder(street / 'target')
    store = LabelStore.open(folder.store, 'depth', 'street-world')
    copy = LabelStore.create(folder.store, 'depth', {**store.identity, 'name': name, **identity})
    for frame in folder.frames:
        depth = store.read_depth(frame.stem)
        told = None if reliability is None else np.full(depth.shape, reliability, np.float32)
        copy.write_depth(frame.stem, depth, told)
    return name


def test_reliability_weighs_the_depth_teacher_only_when_asked(street):
    """Full reliability teaches what no reliability teaches; none at all teaches no depth on the target."""
    sure, unsure = relabel(street, 'sure', 1.0), relabel(street, 'unsure', 0.0)

    def depth_head(out, *extra):
        return weights(fit_famda(street, f'{out}.ckpt', '--model.statistics_batches=0', *extra))['heads.depth.1.weight']

    plain = depth_head('r0', '--data.depth=street-world')
    nothing = depth_head('r1')
    asked = '--data.reliability=true'
    assert torch.equal(plain, depth_head('r2', f'--data.depth={sure}', asked))
    assert torch.equal(plain, depth_head('r3', f'--data.depth={unsure}'))
    ignored = depth_head('r4', f'--data.depth={unsure}', asked)
    assert not torch.equal(plain, ignored)
    torch.testing.assert_close(ignored, nothing, rtol=0.02, atol=5e-3)  # but for the sky, which the labels tell
    assert load_student(street / 'r4.ckpt')[1].provenance['reliability'] is True


def test_a_store_without_reliability_is_told_from_one_with(street):
    with pytest.raises(FamdaError, match=r'holds no reliability for frame .*; label again with --depth-options'):
        fit_famda(street, 'never.ckpt', '--data.depth=street-world', '--data.reliability=true')


def test_a_non_commercial_teacher_is_named_in_checkpoint_and_card(street, capsys):
    """And in those of what is trained further from it, with the same or another teacher."""
    licence = {'weights': 'CC-BY-NC-4.0', 'non_commercial': True}
    store = relabel(street, 'research', None, model='someone/large', licence=licence)
    out = fit_famda(street, 'first.ckpt', f'--data.depth={store}', '--model.statistics_batches=0', steps=1)
    assert "the weights of 'someone/large' are licensed for non-commercial use only" in capsys.readouterr().out
    network, spec = load_student(out)
    expected = 'Apache-2.0; CC-BY-NC-4.0, non-commercial (depth teacher research)'
    for words in (spec.licence, model_card(spec, network, 'first').licence):
        assert words == expected
    assert spec.provenance['teachers']['depth']['licence'] == licence
    for depth in (store, 'street-world'):
        data = AdaptationData(str(street / 'source'), str(street / 'target'), depth=depth)
        module = SelfTraining(init_from=str(out))
        module.trainer = SimpleNamespace(datamodule=data)
        assert module.licence() == expected


def test_random_windows_of_source_frames(street):
    """The student learns from windows of many shapes, keeps the canonical focal length, and repeats itself."""
    windows = '--model.windows={zoom: [0.8, 2.0], aspect: [0.4, 3.0], pixels: 2048}'
    shapes = []

    class Watch(lightning.Callback):
        def on_train_batch_start(self, trainer, module, batch, batch_idx):
            sample, _ = module.prepare(batch['source'], 0)
            shapes.append(tuple(sample['image'].shape[-2:]))
            assert sample['labels'].shape[-2:] == sample['depth'].shape[-2:] == sample['image'].shape[-2:]

    def fitted(name):
        main([*SOURCE, windows, f'--data.source={street / "source"}', f'--out={street / name}', '--overwrite=true',
              '--trainer.max_steps=6', '--trainer.logger=false', '--keep_every=0'], [Watch()])  # fmt: skip
        return load_student(street / name)

    (network, spec), first = fitted('windows.ckpt'), list(shapes)
    (again, _), second = fitted('windows_again.ckpt'), shapes[len(first) :]
    assert first == second and len(set(first)) > 1
    pairs = zip(network.state_dict().values(), again.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert spec.focal == pytest.approx(0.7 * 64)


def test_the_average_of_the_weights_becomes_the_student(street):
    """It is the mean over the steps, in the checkpoint and in what training goes on from, not what was trained last."""
    kept = []

    class Watch(lightning.Callback):
        def on_train_batch_end(self, trainer, module, *_):
            kept.append({name: value.clone() for name, value in module.network.named_parameters()})

    main([*SOURCE, '--model.average=0.5', f'--data.source={street / "source"}', f'--out={street / "average.ckpt"}',
          '--trainer.max_steps=3', '--trainer.logger=false', '--keep_every=0'], [Watch()])  # fmt: skip
    network, _ = load_student(street / 'average.ckpt')
    for name, value in network.named_parameters():
        first, second, third = (step[name] for step in kept)
        torch.testing.assert_close(value, 0.25 * first + 0.25 * second + 0.5 * third)


@pytest.mark.parametrize('value', [1.0, -0.1])
def test_an_average_that_cannot_be(value):
    with pytest.raises(FamdaError, match='give 0 for none, or a decay'):
        SourceTraining(average=value)


def test_a_start_with_another_canonical_focal_keeps_its_metres(street):
    """Its raw depth is scaled by the two focal lengths, so that it says the same of every camera."""
    start = write_checkpoint(street / 'other_focal.ckpt')
    before, spec = load_student(start)
    modules = [SourceTraining(init_from=str(start), average=0.9), SelfTraining(init_from=str(start))]
    for module in modules:
        data = AdaptationData(str(street / 'source'), str(street / 'target'), focal=80.0)
        module.trainer = SimpleNamespace(datamodule=data, max_steps=1, global_step=0)
        module.setup('fit')
        assert module.spec.focal == 80.0
        image = torch.rand(1, 3, 32, 64)
        for network in (module.network, module.averaged if module.averaged is not None else module.teacher):
            now, then = (n.eval()(image)['depth'] for n in (network, before))
            torch.testing.assert_close(now, then + math.log(80.0 / spec.focal))


def test_the_pixels_that_the_robot_shows_come_from_the_start_unless_named(street):
    start, spec = write_checkpoint(street / 'pixels.ckpt'), load_student(street / 'pixels.ckpt')[1]
    finer = street / 'finer.ckpt'
    save_student(finer, replace(spec, pixels=150_528), load_student(start)[0])
    for settings, pixels in (({}, 150_528), ({'pixels': 76_800}, 76_800), ({'network_size': (640, 480)}, 307_200)):
        for training in (SourceTraining, SelfTraining):
            module = training(init_from=str(finer), **settings)
            data = AdaptationData(str(street / 'source'), str(street / 'target'))
            module.trainer = SimpleNamespace(datamodule=data, max_steps=1, global_step=0)
            module.setup('fit')
            assert module.spec.pixels == model_card(module.spec, module.network, 'x').pixels == pixels
    assert model_card(spec, load_student(start)[0], 'x').pixels == spec.width * spec.height


def test_a_share_of_the_start_is_kept_and_parts_are_left_alone(street):
    """The student is a mean of the start's weights and the trained ones, and only the named parts are trained."""
    start = write_checkpoint(street / 'start.ckpt')
    kept = {}

    class Watch(lightning.Callback):
        def on_train_end(self, trainer, module):
            kept.update({name: value.clone() for name, value in module.network.state_dict().items()})

    main(['--model=famda_train.training.source_training.SourceTraining', f'--model.init_from={start}',
          '--model.only=[heads.depth]', '--model.keep_start=0.25', f'--data.source={street / "source"}',
          f'--out={street / "mean.ckpt"}', '--trainer.max_steps=2', '--trainer.logger=false', '--keep_every=0'],
         [Watch()])  # fmt: skip
    before, after = (load_student(path)[0].state_dict() for path in (start, street / 'mean.ckpt'))
    for name, value in after.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, 0.25 * before[name] + 0.75 * kept[name])
        if not name.startswith('heads.depth'):
            assert torch.equal(kept[name], before[name]), name
    assert not torch.equal(kept['heads.depth.1.weight'], before['heads.depth.1.weight'])


def test_shares_and_parts_that_cannot_be():
    for wrong in ({'keep_start': 0.5}, {'only': ['nose']}):
        with pytest.raises(FamdaError, match=r'0 to 1; give both|no part'):
            SourceTraining(**wrong)
