# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from tiny_student import TINY_SPACE, save_tiny, tiny_card, tiny_masks_card, tiny_onnx

from famda_ros.errors import FamdaError
from famda_ros.student.model_card import METADATA_KEY, ModelCard, read_card


def test_json_round_trip():
    card = tiny_card(provenance={'data': 'street world', 'seed': 3}, metrics={'miou': {'value': 0.5}})
    assert ModelCard.from_json(card.to_json()) == card


def test_how_weights_are_stored(tmp_path):
    card = tiny_card(weights='fp16')
    assert json.loads(card.to_json())['weights'] == 'fp16'
    assert read_card(save_tiny(tmp_path / 'half.onnx', card=card)) == card
    # A file from before there was a choice.
    values = json.loads(tiny_card().to_json())
    del values['weights']
    assert read_card(save_tiny(tmp_path / 'old.onnx', metadata=json.dumps(values))).weights == 'fp32'


def test_read_from_onnx(tmp_path):
    assert METADATA_KEY == 'famda'
    assert read_card(save_tiny(tmp_path / 'tiny.onnx')) == tiny_card()
    assert read_card(save_tiny(tmp_path / 'dynamic.onnx', dynamic=True)) == tiny_card()


@pytest.mark.parametrize(
    ('changes', 'sentence'),
    [
        ({'name': ' '}, 'name'),
        ({'network_width': 0}, 'network size'),
        ({'focal': -1.0}, 'focal'),
        ({'focal': float('nan')}, 'focal'),
        ({'focal': 1e9}, 'is not of a lens'),
        ({'focal': 0.01}, 'is not of a lens'),
        ({'depth_range_m': (5.0, 5.0)}, 'depth_range_m'),
        ({'depth_range_m': (300.0, 80000.0)}, 'far <= 10000 metres'),
        ({'precision': 'fp8'}, 'precision'),
        ({'weights': 'bf16'}, 'weights must be one of fp32, fp16'),
        ({'weights': 'fp16', 'precision': 'int8'}, 'weights fp16 need the precision fp32'),
        ({'weights_sha256': 'abc'}, '64 hexadecimal'),
        ({'outputs': ('depth',)}, 'outputs must be labels and some of labels, confidence, depth'),
        ({'outputs': ('labels', 'normals')}, 'outputs must be labels'),
        ({'outputs': ('labels',), 'depth_range_m': None}, 'focal is for depth, which the student does not give'),
        ({'outputs': ('labels',), 'focal': None}, 'depth_range_m and depth belong together'),
        ({'depth_range_m': None}, 'depth_range_m and depth belong together'),
    ],
)
def test_senseless_values_are_refused(changes, sentence):
    with pytest.raises(FamdaError, match=sentence):
        tiny_card(**changes).to_json()


@pytest.mark.parametrize(
    ('edit', 'sentence'),
    [
        (lambda v: v.update(schema_version=2), 'schema version 2, this famda_ros reads version 1'),
        (lambda v: v.pop('focal'), 'not valid'),
        (lambda v: v['label_space'].pop('colors'), 'not valid'),
        (lambda v: v['label_space'].update(colors=[[1, 2, 3], [1, 2, 300]]), 'colour value 300'),
        (lambda v: v['label_space'].update(classes='ab'), 'must be a list of names'),
        (lambda v: v['label_space'].update(name=7), 'the label space has no name'),
        (lambda v: v.update(depth_range_m=None), 'not valid'),
        (lambda v: v.update(focal='wide'), 'focal must be positive'),
        (lambda v: v.update(weights=['fp16']), 'weights must be one of'),
        (lambda v: v.pop('schema_version'), 'damaged'),
    ],
)
def test_damaged_cards_are_refused(tmp_path, edit, sentence):
    values = json.loads(tiny_card().to_json())
    edit(values)
    path = save_tiny(tmp_path / 'x.onnx', metadata=json.dumps(values))
    with pytest.raises(FamdaError, match=sentence):
        read_card(path)


def test_extra_keys_of_a_later_exporter_are_ignored():
    values = {**json.loads(tiny_card().to_json()), 'colour_of_the_bike_shed': 'green'}
    assert ModelCard.from_json(json.dumps(values)) == tiny_card()


def test_files_that_are_no_students(tmp_path):
    with pytest.raises(FamdaError, match='No such file'):
        read_card(tmp_path / 'nope.onnx')
    with pytest.raises(FamdaError, match='cannot read the model'):
        read_card(tmp_path)
    (tmp_path / 'text.onnx').write_text('hello')
    with pytest.raises(FamdaError, match='no ONNX model'):
        read_card(tmp_path / 'text.onnx')
    with pytest.raises(FamdaError, match='has no FAMDA model card'):
        read_card(save_tiny(tmp_path / 'cardless.onnx', metadata=''))
    with pytest.raises(FamdaError, match="outputs are 'labels'"):
        read_card(save_tiny(tmp_path / 'two.onnx', drop_output='depth'))
    with pytest.raises(FamdaError, match=r"'image' has the shape \[1, 48, 64, 3\] instead of \[1, 96, 64, 3\]"):
        other = tiny_card(network_height=96).to_json()
        read_card(save_tiny(tmp_path / 'size.onnx', metadata=other))


def test_input_of_another_name_or_type_is_refused(tmp_path):
    model = tiny_onnx()
    model.graph.input[0].name = 'pixels'
    model.graph.node[0].input[0] = 'pixels'
    onnx.save(model, str(tmp_path / 'x.onnx'))
    with pytest.raises(FamdaError, match="inputs are 'pixels'"):
        read_card(tmp_path / 'x.onnx')


def test_external_data_is_refused(tmp_path):
    model = tiny_onnx()
    weights = onnx.numpy_helper.from_array(np.zeros(4096, np.float32), 'weights')
    model.graph.initializer.append(weights)
    onnx.save(model, str(tmp_path / 'x.onnx'), save_as_external_data=True, location='x.data', size_threshold=1024)
    assert (tmp_path / 'x.data').is_file()
    with pytest.raises(FamdaError, match='keeps its weights in another file'):
        read_card(tmp_path / 'x.onnx')


def test_labels_topic_text():
    labels = json.loads(tiny_card().labels_json())
    assert labels['ignore'] == 255 and labels['label_space'] == TINY_SPACE.name
    assert labels['classes'][1] == {'id': 1, 'name': 'red', 'color': [200, 0, 0]}


@pytest.mark.parametrize('outputs', [('labels',), ('labels', 'confidence')])
def test_a_student_need_not_give_everything(tmp_path, outputs):
    card = tiny_masks_card(outputs=outputs)
    assert read_card(save_tiny(tmp_path / 'masks.onnx', card=card)) == card
    assert card.gives('labels') and not card.gives('depth')
    values = json.loads(tiny_card().to_json())
    del values['outputs']  # a file from before there was a choice
    assert ModelCard.from_json(json.dumps(values)).outputs == ('labels', 'confidence', 'depth')


def test_outputs_that_the_card_does_not_name_are_refused(tmp_path):
    path = save_tiny(tmp_path / 'more.onnx', metadata=tiny_masks_card().to_json())
    with pytest.raises(FamdaError, match=r"'depth' tensor\(float\) instead of labels \(uint8\); make it with"):
        read_card(path)
