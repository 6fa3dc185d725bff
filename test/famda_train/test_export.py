# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import onnx
import pytest
import torch
from small_street import HEIGHT, WIDTH, write_checkpoint

from famda_ros.errors import FamdaError
from famda_ros.model_card import read_card
from famda_ros.student import Student
from famda_train import export
from famda_train.checkpoint import load_student
from famda_train.models.blocks import enlarge
from famda_train.world import render


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp('export')
    checkpoint = write_checkpoint(folder / 'night.ckpt', provenance={'seed': 7}, licence='Apache-2.0')
    images = [render(seed, 'night', 2 * WIDTH, 2 * HEIGHT).image for seed in range(4)]
    parity = export.export_student(checkpoint, folder / 'night.onnx', images, metrics={'protocol': 'metric', 'miou': 1})
    return checkpoint, folder / 'night.onnx', parity


def test_file_agrees_with_torch_on_real_frames(exported):
    _, _, parity = exported
    assert parity.frames == 4
    assert parity.label_agreement >= 0.995 and parity.depth_error <= 0.01


def test_graph_equals_the_networks_own_arithmetic(exported):
    checkpoint, path, _ = exported
    network, _ = load_student(checkpoint)
    image = render(9, 'day', WIDTH, HEIGHT).image
    with torch.inference_mode():
        raw = network(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255)
    answer = Student(path).run(image)
    logits, log_depth = (enlarge(raw[task], (HEIGHT, WIDTH))[0] for task in ('segmentation', 'depth'))
    np.testing.assert_allclose(answer['depth'], log_depth[0].exp(), rtol=1e-3)
    assert (answer['labels'] == logits.argmax(0).numpy()).mean() > 0.995
    np.testing.assert_allclose(answer['confidence'], logits.softmax(0).amax(0) * 255, atol=1.0)


def test_card_says_what_the_student_is(exported):
    checkpoint, path, _ = exported
    network, spec = load_student(checkpoint)
    card = read_card(path)
    assert (card.network_width, card.network_height, card.focal) == (WIDTH, HEIGHT, spec.focal)
    assert card.label_space.name == 'flat7' and card.domain == 'night' and card.provenance == {'seed': 7}
    assert card.weights_sha256 == export.weights_sha256(network)
    assert card.metrics == {'protocol': 'metric', 'miou': 1} and card.name == 'night'


def test_file_is_one_file_without_external_data(exported):
    _, path, _ = exported
    model = onnx.load(str(path), load_external_data=False)
    assert not any(t.data_location == onnx.TensorProto.EXTERNAL for t in model.graph.initializer)
    assert sorted(p.name for p in path.parent.iterdir()) == ['night.ckpt', 'night.onnx']


def test_checkpoint_and_file_get_the_same_score(exported, tmp_path):
    from small_street import write_street

    from famda_train.data.frame_folder import FrameFolder
    from famda_train.evaluation.evaluate import evaluate
    from famda_train.evaluation.models import load_predictor

    folder = FrameFolder(write_street(tmp_path / 'night', 'night', 3))
    scores = [evaluate(load_predictor(path)[0], folder) for path in exported[:2]]
    assert scores[0]['miou'] == pytest.approx(scores[1]['miou'], abs=0.3)
    assert scores[0]['abs_rel'] == pytest.approx(scores[1]['abs_rel'], rel=0.01)


def test_a_file_that_differs_is_not_written(exported, tmp_path, monkeypatch):
    checkpoint, _, _ = exported
    network, spec = load_student(write_checkpoint(tmp_path / 'other.ckpt', seed=5))
    other = export.StudentGraph(network, spec.output_range_m)
    honest = export.run_torch
    monkeypatch.setattr(export, 'run_torch', lambda graph, *args: honest(other, *args))
    with pytest.raises(FamdaError, match='nothing was written'):
        export.export_student(checkpoint, tmp_path / 'x.onnx', [render(0, 'night', WIDTH, HEIGHT).image])
    assert not (tmp_path / 'x.onnx').exists()


def test_parity_without_frames_is_refused(exported, tmp_path):
    with pytest.raises(FamdaError, match='at least one frame'):
        export.export_student(exported[0], tmp_path / 'x.onnx', [])
