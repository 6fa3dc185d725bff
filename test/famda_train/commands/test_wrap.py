# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""famda wrap, as it is typed."""
from __future__ import annotations

import json

import cv2
import numpy as np
import onnx
import pytest
import yaml
from foreign_networks import HEIGHT, SPACE, WIDTH, foreign
from small_street import write_checkpoint, write_street

from famda_ros.messages.bag_reader import topics_of
from famda_ros.student.drift_reference import FEWEST_FRAMES
from famda_ros.student.label_space import get_label_space
from famda_ros.student.model_card import read_card
from famda_train.commands.cli import EXIT_ERROR, EXIT_OK, main
from famda_train.datasets.frame_folder import write_png


@pytest.fixture
def folder(tmp_path):
    """A network of dynamic size, one of fixed size, and the YAML file of their classes."""
    onnx.save(foreign({'seg': 'logits', 'far': 'depth'}, size=None), tmp_path / 'any.onnx')
    onnx.save(foreign({'seg': 'logits'}), tmp_path / 'fixed.onnx')
    (tmp_path / 'labels.yaml').write_text(yaml.safe_dump(SPACE.to_dict(), sort_keys=False))
    return tmp_path


def wrap(folder, model, *words):
    pixels = ['--mean', '0.485', '0.456', '0.406', '--std', '0.229', '0.224', '0.225']
    return main([
        'wrap', f'{folder}/{model}.onnx', '--space', f'{folder}/labels.yaml', *pixels, '--out', f'{folder}/out.onnx',
        *words,
    ])  # fmt: skip


def test_with_depth(folder, capsys):
    words = ['--output', 'seg=logits', 'far=depth', '--depth-range', '0.5', '80', '--focal', '70', '--domain', 'hall']
    size = ['--size', f'{WIDTH}x{HEIGHT}', '--json', f'{folder}/result.json']
    assert wrap(folder, 'any', *words, *size) == EXIT_OK
    said = capsys.readouterr().out
    assert f'(fp32, multiples of 32, about {WIDTH}x{HEIGHT}): labels, confidence, depth' in said
    assert 'of the labels agree' in said and 'name images of your camera with --frames' in said
    card = read_card(folder / 'out.onnx')
    assert (card.focal, card.depth_range_m, card.domain, card.stride) == (70.0, (0.5, 80.0), 'hall', 32)
    assert card.provenance['wrapped'] == 'any.onnx'
    result = json.loads((folder / 'result.json').read_text())
    assert result['labels'] > 0.999 and result['frames'] == 9 and result['outputs'] == list(card.outputs)
    assert wrap(folder, 'fixed') == EXIT_ERROR
    assert "out.onnx' exists; choose another --out, or replace it with --overwrite" in capsys.readouterr().err
    assert wrap(folder, 'fixed', '--overwrite') == EXIT_OK and read_card(folder / 'out.onnx').stride == 0


def test_frames_of_the_camera(folder, capsys):
    """Where there are enough of them, they are what the drift monitor compares with."""
    rng = np.random.default_rng(0)
    (folder / 'images').mkdir()
    (folder / 'dataset.yaml').write_text('name: hall\n')
    lines = []
    for number in range(FEWEST_FRAMES):
        write_png(folder / 'images' / f'{number:06d}.png', rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
        lines.append(json.dumps({
            'stem': f'{number:06d}', 'image': f'images/{number:06d}.png', 'width': WIDTH, 'height': HEIGHT,
        }))  # fmt: skip
    (folder / 'frames.jsonl').write_text('\n'.join(lines) + '\n')
    assert wrap(folder, 'fixed', '--frames', str(folder), '--count', '3') == EXIT_OK
    said = capsys.readouterr().out
    assert '(3 frames)' in said and 'no reference' not in said and 'rendered' not in said
    assert read_card(folder / 'out.onnx').reference.frames == FEWEST_FRAMES


@pytest.mark.parametrize(
    ('model', 'words', 'sentence'),
    [
        ('fixed', ['--mean', '1', '2'], 'give --mean one number, or three in the order of the channels'),
        ('fixed', ['--std', '0'], '--std greater than 0'),
        ('fixed', ['--white', '-1'], '--white must be greater than 0'),
        ('fixed', ['--output', 'seg'], "--output takes NAME=labels, logits, probabilities or depth, each name"),
        ('fixed', ['--output', 'seg=logits', 'seg=labels'], 'each name once'),
        ('any', ['--size', '96'], '--size takes WIDTHxHEIGHT'),
        ('fixed', ['--depth-range', '80', '1'], '--depth-range takes two numbers'),
        ('fixed', ['--count', '0'], '--count must be 1 frame or more'),
        ('missing', [], 'cannot read the network'),
        ('fixed', ['--space', 'nowhere.yaml'], "cannot read the label space"),
    ],
)  # fmt: skip
def test_refusals_are_one_sentence(folder, capsys, model, words, sentence):
    assert wrap(folder, model, *words) == EXIT_ERROR
    said = capsys.readouterr().err.strip().splitlines()
    assert sentence in said[-1] and said[-1].startswith('famda wrap: ') and not (folder / 'out.onnx').exists()


def test_mean_and_std_are_never_guessed(folder, capsys):
    words = ['wrap', f'{folder}/fixed.onnx', '--space', f'{folder}/labels.yaml', '--out', f'{folder}/out.onnx']
    assert main(words) == EXIT_ERROR
    assert 'give --mean one number, or three' in capsys.readouterr().err


def test_files_that_are_no_network(folder, capsys):
    assert wrap(folder, 'fixed') == EXIT_OK
    capsys.readouterr()
    (folder / 'text.onnx').write_text('no network')
    (folder / 'out.onnx').rename(folder / 'student.onnx')
    two = foreign({'seg': 'logits'})
    two.graph.input.append(onnx.helper.make_tensor_value_info('more', onnx.TensorProto.FLOAT, [1]))
    onnx.save(two, folder / 'two.onnx')
    onnx.save(foreign({'seg': 'logits'}, opset=9), folder / 'old.onnx')
    for name, sentence in {
        'text': 'is no ONNX network that can be read',
        'student': 'is a student already',
        'two': "must have one input, the image, not 'input', 'more'",
        'old': 'is of ONNX opset 9, and 11 or newer is needed',
    }.items():
        assert wrap(folder, name) == EXIT_ERROR
        assert sentence in capsys.readouterr().err


def test_weights_in_another_file_are_taken_in(folder):
    model = foreign({'seg': 'logits'})
    onnx.save_model(
        model, folder / 'apart.onnx', save_as_external_data=True, location='weights.bin', size_threshold=0
    )
    assert (folder / 'weights.bin').exists() and wrap(folder, 'apart') == EXIT_OK
    (folder / 'weights.bin').unlink()
    assert wrap(folder, 'apart', '--overwrite') == EXIT_ERROR
    assert read_card(folder / 'out.onnx').outputs == ('labels', 'confidence')


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A rendered street with ground truth, and students of its classes: scores, other scores, and ids alone."""
    place = tmp_path_factory.mktemp('place')
    write_street(place / 'street', 'day', 6)
    classes = len(get_label_space('flat7'))
    for name, gives in (('scores', 'logits'), ('others', 'logits'), ('ids', 'ids')):
        model = foreign({'out': gives}, classes=classes)
        if name == 'others':
            weight = next(tensor for tensor in model.graph.initializer if tensor.name == 'k2')
            weight.CopyFrom(onnx.numpy_helper.from_array(-onnx.numpy_helper.to_array(weight), 'k2'))
        onnx.save(model, place / 'net.onnx')
        words = ['--space', 'flat7', '--mean', '0.5', '--std', '0.25', '--frames', f'{place}/street']
        assert main(['wrap', f'{place}/net.onnx', *words, '--out', f'{place}/{name}.onnx']) == EXIT_OK
    return place


@pytest.mark.parametrize('name', ['scores', 'ids'])
def test_masks_over_a_recording(place, tmp_path, capsys, name):
    words = ['--out', f'{tmp_path}/bag', '--pictures', f'{tmp_path}/pictures']
    assert main(['perceive', f'{place}/street', '--model', f'{place}/{name}.onnx', *words]) == EXIT_OK
    assert 'gives no' in capsys.readouterr().out
    names = {'segmentation/mask', 'segmentation/color', 'segmentation/labels', 'camera_info'}
    names |= {'segmentation/confidence'} if name == 'scores' else set()
    assert {topic.lstrip('/') for topic in topics_of(tmp_path / 'bag')} == names
    first = cv2.imread(str(next((tmp_path / 'pictures').iterdir())))
    image = cv2.imread(str(next((place / 'street' / 'images').iterdir())))
    assert first.shape == image.shape  # the mask alone, no depth beside it


@pytest.mark.parametrize('name', ['scores', 'ids'])
def test_masks_are_scored(place, tmp_path, capsys, name):
    words = ['--picture', f'{tmp_path}/picture.png', '--json', f'{tmp_path}/result.json']
    assert main(['evaluate', f'{place}/{name}.onnx', f'{place}/street', *words]) == EXIT_OK
    result = json.loads((tmp_path / 'result.json').read_text())
    assert result['frames'] == 6 and 0 < result['miou'] < 100 and not {'abs_rel', 'bands'} & set(result)
    assert ('calibration' in result) == (name == 'scores') and (tmp_path / 'picture.png').exists()


def test_which_of_two_networks_is_better(place, tmp_path, capsys):
    old, new, street = f'{place}/scores.onnx', f'{place}/others.onnx', f'{place}/street'
    assert main(['compare', old, new, street, '--labelled', street, '--json', f'{tmp_path}/result.json']) == EXIT_OK
    result = json.loads((tmp_path / 'result.json').read_text())
    assert result['verdict'] in ('promote', 'hold', 'ask') and result['measured']['depth_ratio'] is None
    assert not any('depth' in alarm for alarm in result['alarms'])
    assert main(['compare', old, f'{place}/ids.onnx', street]) == EXIT_ERROR
    assert 'does not show how sure it is of each class' in capsys.readouterr().err
    with_depth = write_checkpoint(tmp_path / 'student.ckpt')
    assert main(['compare', old, str(with_depth), street]) == EXIT_ERROR
    assert 'gives depth, and the other none; students that give the same can be' in capsys.readouterr().err


def test_there_is_no_scale_to_find(place, capsys):
    words = ['--model', f'{place}/scores.onnx', '--camera-height', '1.5']
    assert main(['calibrate', f'{place}/street', *words]) == EXIT_ERROR
    assert 'gives no depth, so there is no scale to find' in capsys.readouterr().err
