# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Every shipped training configuration trains two steps, on miniature trees in the layouts of the originals."""
from pathlib import Path

import pytest
import torch
import yaml
from miniature_trees import WRITERS
from small_street import SMALL_NETWORK, TEACHERS, write_checkpoint, write_street

from famda_ros.errors import FamdaError
from famda_ros.resources import resource
from famda_train.datasets.catalogue import open_dataset
from famda_train.labelling.labelling import label_frames
from famda_train.models.checkpoint import load_student
from famda_train.training.config_chain import chain_of, with_defaults
from famda_train.training.training_cli import main

CONFIGS = sorted(Path(resource('config/train/daformer.yaml')).parent.glob('*.yaml'))
REAL = [path for path in CONFIGS if '_to_' in path.name]


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Folder ``data/`` as the configurations expect it, with labelled targets."""
    root = tmp_path_factory.mktemp('data')
    for kind in ('synthia', 'vkitti2', 'cityscapes', 'acdc'):
        WRITERS[kind](root / kind)
    for target, options in (('cityscapes', {}), ('acdc', {'condition': 'night'})):
        for role, name in TEACHERS.items():
            label_frames(open_dataset(root / target, split='train', **options), role, name)
    return root


def written(path):
    """What a configuration says, the files it builds on included."""
    merged: dict = {}
    for file in chain_of(path):
        merge(merged, yaml.safe_load(file.read_text()))
    return merged


def merge(below, above):
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            merge(below[key], value)
        else:
            below[key] = value


def test_there_is_a_configuration_for_every_benchmark_and_size():
    benchmarks = ('synthia_to_cityscapes', 'vkitti2_to_cityscapes', 'cityscapes_to_acdc_night')
    assert {path.stem for path in REAL} == {f'{b}_{size}' for b in benchmarks for size in ('mit_b5', 'mit_b0', 'lite0')}


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_configuration_is_short(path):
    assert len(path.read_text().splitlines()) <= 40


@pytest.mark.parametrize('path', REAL, ids=lambda path: path.stem)
def test_two_steps_of_a_real_benchmark(path, data, tmp_path):
    said = written(path)
    sides = {side: Path(said['data'][side]['path']).name for side in ('source', 'target', 'validate')}
    places = [f'--data.{side}.path={data / name}' for side, name in sides.items()]
    sizes = [f'--data.{side}.size=[96,64]' for side in sides]
    teachers = [f'--data.{role}={name}' for role, name in TEACHERS.items()]
    # Weights of the hub cannot be had in a test; those of the package can.
    free = [] if 'lite0' in path.stem else ['--model.init_args.network.weights=null', '--model.feature_distance=null']
    main(['--config', str(path), *places, *sizes, *teachers, *free, '--data.crop=[64,64]', '--data.workers=0',
          '--trainer.max_steps=2', '--trainer.val_check_interval=2', '--trainer.limit_val_batches=1',
          '--trainer.logger=false', f'--out={tmp_path / "out.ckpt"}'])  # fmt: skip
    network, spec = load_student(tmp_path / 'out.ckpt')
    assert spec.label_space == {'synthia': 'synthia16', 'vkitti2': 'vkitti8', 'cityscapes': 'cityscapes19'}[
        sides['source']
    ]
    assert (spec.width, spec.height) == (96, 64) and set(spec.provenance['teachers']) == set(TEACHERS)
    assert 'lite0' in path.stem or spec.network['encoder'] == path.stem[-6:]
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())


def test_street_world_configurations(tmp_path):
    source = write_street(tmp_path / 'source', 'synthetic', 3)
    target = write_street(tmp_path / 'night', 'night', 3, first=50, truth=False)
    for role, name in TEACHERS.items():
        label_frames(open_dataset(target), role, name)
    base = write_checkpoint(tmp_path / 'random.ckpt')
    common = ['--trainer.max_steps=2', '--trainer.logger=false', f'--data.source={source}']
    config = {path.stem: str(path) for path in CONFIGS}
    main(['--config', config['street_world_source'], *common, f'--model.init_args.network={SMALL_NETWORK}',
          f'--out={tmp_path / "base.ckpt"}'])  # fmt: skip
    main(['--config', config['street_world'], *common, f'--data.target={target}',
          f'--model.init_args.init_from={base}', f'--out={tmp_path / "night.ckpt"}'])  # fmt: skip
    assert load_student(tmp_path / 'night.ckpt')[1].domain == 'night'
    # its parts are larger than these frames
    main(['--config', config['street'], *common, '--data.crop=[64, 32]', f'--out={tmp_path / "street.ckpt"}'])
    assert load_student(tmp_path / 'street.ckpt')[1].network['encoder'] == 'efficientnet_lite0'
    for start, name in (('street', 'street_open'), ('street_open', 'street_metres'), ('street_metres', 'street_fine')):
        main(['--config', config[name], *common, '--model.init_args.windows.pixels=2048',
              f'--model.init_args.init_from={tmp_path / start}.ckpt', f'--out={tmp_path / name}.ckpt'])  # fmt: skip
        assert load_student(tmp_path / f'{name}.ckpt')[1].focal == 352
    assert load_student(tmp_path / 'street_fine.ckpt')[1].pixels == 448 * 336
    teachers = [f'--data.{role}={name}' for role, name in TEACHERS.items()]
    main(['--config', config['recordings'], *common, *teachers, f'--data.target={target}', '--data.crop=[64, 32]',
          f'--model.init_args.init_from={tmp_path / "street.ckpt"}',
          f'--out={tmp_path / "recordings.ckpt"}'])  # fmt: skip
    spec = load_student(tmp_path / 'recordings.ckpt')[1]
    assert spec.domain == 'recordings' and spec.network['encoder'] == 'efficientnet_lite0'


def test_own_classes_learn_from_one_folder_of_which_some_frames_are_labelled(tmp_path, capsys):
    folder = write_street(tmp_path / 'hall', 'day', 4)
    for name in ('labels', 'depth'):
        for path in sorted((folder / name).iterdir())[2:]:
            path.unlink()
    for role, name in TEACHERS.items():
        label_frames(open_dataset(folder), role, name)
    teachers = [f'--data.{role}={name}' for role, name in TEACHERS.items()]
    places = [f'--data.{side}={folder}' for side in ('source', 'target')]
    main(['--config', str(resource('config/train/own_classes.yaml')), *places, *teachers, '--data.crop=[64, 32]',
          '--trainer.max_steps=2', '--trainer.logger=false', f'--out={tmp_path / "hall.ckpt"}'])  # fmt: skip
    spec = load_student(tmp_path / 'hall.ckpt')[1]
    assert (spec.domain, tuple(spec.depth_range_m)) == ('hall', (0.3, 20))
    assert set(spec.provenance['teachers']) == set(TEACHERS)
    assert '2 of 4 frames' in ''.join(capsys.readouterr())


def test_a_file_comes_after_what_it_builds_on(tmp_path):
    for name, text in {'a.yaml': 'x: 1', 'b.yaml': 'defaults: a.yaml', 'c.yaml': 'defaults: b.yaml'}.items():
        (tmp_path / name).write_text(text)
    given = with_defaults(['--one', '--config', str(tmp_path / 'c.yaml'), '--two=2'])
    files = [str(tmp_path / f'{name}.yaml') for name in 'abc']
    assert given == ['--one', '--config', files[0], '--config', files[1], '--config', files[2], '--two=2']
    assert with_defaults([f'--config={files[0]}']) == ['--config', files[0]]


@pytest.mark.parametrize(
    ('text', 'sentence'),
    [
        ('defaults: x.yaml', 'builds on itself'),
        ('a: [', 'no valid YAML'),
        ('a: 1\nb: {c: 1\nd: 2}', r"x\.yaml' line 3 is no valid YAML: (did not find )?expected ',' or '}'"),
        ('- 1', 'no settings'),
        (None, 'cannot read'),
    ],
)
def test_bad_files_get_one_sentence(tmp_path, text, sentence):
    if text is not None:
        (tmp_path / 'x.yaml').write_text(text)
    with pytest.raises(FamdaError, match=sentence):
        with_defaults(['--config', str(tmp_path / 'x.yaml')])
