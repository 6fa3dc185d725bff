# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import onnx
import pytest
from small_street import HEIGHT, SMALL_NETWORK, WIDTH, kernel_bytes, write_checkpoint, write_street

from famda_ros.errors import FamdaError
from famda_ros.student.camera_geometry import network_size
from famda_ros.student.model_card import read_card
from famda_ros.student.parity import PROBES_KEY, decode_probes
from famda_ros.student.resize import resize_image
from famda_ros.student.runtime import Student
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.evaluation.evaluate import evaluate
from famda_train.evaluation.models import load_predictor
from famda_train.export import export_student as export
from famda_train.models.card import weights_sha256
from famda_train.models.checkpoint import load_student
from famda_train.models.student_graph import StudentGraph, run_torch
from famda_train.world import render


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp('export')
    checkpoint = write_checkpoint(folder / 'night.ckpt', provenance={'seed': 7}, licence='Apache-2.0')
    images = [render(seed, 'night', 2 * WIDTH, 2 * HEIGHT).image for seed in range(4)]
    result = export.export_student(checkpoint, folder / 'night.onnx', images, metrics={'protocol': 'metric', 'miou': 1})
    return checkpoint, folder / 'night.onnx', result


def test_file_agrees_with_torch_on_real_frames(exported):
    agreement = exported[2].agreement
    assert agreement.frames == 4
    assert agreement.labels >= 0.999 and agreement.confidence <= 0.002 and agreement.depth <= 0.001


def test_every_output_of_the_file_is_that_of_the_graph(exported):
    checkpoint, path, _ = exported
    network, spec = load_student(checkpoint)
    image = render(9, 'day', WIDTH, HEIGHT).image
    ours = run_torch(StudentGraph(network, spec.output_range_m), image)
    theirs = Student(path, provider='cpu').run(image)
    assert (ours['labels'] == theirs['labels']).mean() > 0.999 and len(np.unique(ours['labels'])) > 1
    np.testing.assert_allclose(theirs['confidence'], ours['confidence'].astype(float), atol=1.0)
    np.testing.assert_allclose(theirs['depth'], ours['depth'], rtol=1e-3)


def test_probe_frames_travel_in_the_file(exported):
    texts = {p.key: p.value for p in onnx.load(str(exported[1])).metadata_props}
    probes = decode_probes(texts[PROBES_KEY])
    assert len(probes) == export.PROBES
    for seed, probe in enumerate(probes):
        image = resize_image(render(seed, 'night', 2 * WIDTH, 2 * HEIGHT).image, WIDTH, HEIGHT)
        assert np.abs(probe.astype(float) - image).mean() < 10


def test_card_says_what_the_student_is(exported):
    checkpoint, path, _ = exported
    network, spec = load_student(checkpoint)
    card = read_card(path)
    assert (card.network_width, card.network_height, card.focal) == (WIDTH, HEIGHT, spec.focal)
    assert card.label_space.name == 'flat7' and card.domain == 'night' and card.provenance == {'seed': 7}
    assert card.weights_sha256 == weights_sha256(network)
    assert card.metrics == {'protocol': 'metric', 'miou': 1} and card.name == 'night'


def test_more_pixels_for_the_robot_reach_the_card(exported, tmp_path):
    checkpoint, file, _ = exported
    images = [render(0, 'night', 4 * WIDTH, 4 * HEIGHT).image]
    export.export_student(checkpoint, tmp_path / 'finer.onnx', images, pixels=4 * WIDTH * HEIGHT)
    finer, before = Student(tmp_path / 'finer.onnx'), Student(file)
    assert (finer.card.pixels, before.card.pixels) == (4 * WIDTH * HEIGHT, WIDTH * HEIGHT)
    assert network_size(finer.card, 4 * WIDTH, 4 * HEIGHT) == (2 * WIDTH, 2 * HEIGHT)
    assert (finer.predict(images[0]).depth != before.predict(images[0]).depth).mean() > 0.9


def test_file_is_one_file_without_external_data(exported):
    _, path, _ = exported
    model = onnx.load(str(path), load_external_data=False)
    assert not any(t.data_location == onnx.TensorProto.EXTERNAL for t in model.graph.initializer)
    assert sorted(p.name for p in path.parent.iterdir()) == ['night.ckpt', 'night.onnx']


def test_checkpoint_and_file_get_the_same_score(exported, tmp_path):
    folder = FrameFolder(write_street(tmp_path / 'night', 'night', 3))
    scores = [evaluate(load_predictor(path)[0], folder) for path in exported[:2]]
    assert scores[0]['miou'] == pytest.approx(scores[1]['miou'], abs=0.05)
    assert scores[0]['abs_rel'] == pytest.approx(scores[1]['abs_rel'], rel=0.001)


def test_a_file_that_differs_is_not_written(exported, tmp_path, monkeypatch):
    checkpoint, _, _ = exported
    network, spec = load_student(write_checkpoint(tmp_path / 'other.ckpt', seed=5))
    other = StudentGraph(network, spec.output_range_m)
    monkeypatch.setattr(export, 'run_torch', lambda graph, *args: run_torch(other, *args))
    with pytest.raises(FamdaError, match='nothing was written'):
        export.export_student(checkpoint, tmp_path / 'x.onnx', [render(0, 'night', WIDTH, HEIGHT).image])
    assert not (tmp_path / 'x.onnx').exists()


def test_parity_without_frames_is_refused(exported, tmp_path):
    with pytest.raises(FamdaError, match='at least one frame'):
        export.export_student(exported[0], tmp_path / 'x.onnx', [])


def test_int8_is_measured_on_the_evaluation_frames(exported, tmp_path):
    folder = FrameFolder(write_street(tmp_path / 'night', 'night', 3))
    path = tmp_path / 'int8.onnx'
    images = list(folder.images(3))
    result = export.export_student(exported[0], path, images, precision='int8', evaluation=folder)
    card = read_card(path)
    assert card.precision == 'int8' and card.metrics == result.metrics
    scores = evaluate(load_predictor(path)[0], folder)
    reference = evaluate(load_predictor(exported[0])[0], folder)
    assert card.metrics['miou'] == pytest.approx(scores['miou'])
    assert card.metrics['cost'] == pytest.approx(export.accuracy_cost(scores, reference))
    assert kernel_bytes(onnx.load(path)) < kernel_bytes(onnx.load(exported[1])) / 3


def test_weights_stored_in_fp16(exported, tmp_path):
    folder = FrameFolder(write_street(tmp_path / 'night', 'night', 3))
    path = tmp_path / 'half.onnx'
    result = export.export_student(exported[0], path, list(folder.images(3)), weights='fp16', evaluation=folder)
    assert result.agreement.fault(export.LIMITS['fp32']) == ''
    card = read_card(path)
    assert (card.precision, card.weights, read_card(exported[1]).weights) == ('fp32', 'fp16', 'fp32')
    assert card.weights_sha256 == read_card(exported[1]).weights_sha256  # of the checkpoint
    kinds = {tensor.data_type for tensor in onnx.load(str(path)).graph.initializer}
    assert onnx.TensorProto.FLOAT16 in kinds
    assert set(card.metrics['cost']) == {'miou', 'abs_rel_percent'} and abs(card.metrics['cost']['miou']) < 0.5


@pytest.mark.parametrize(('precision', 'weights', 'sentence'), [
    ('int8', 'fp16', 'for precision fp32, and int8'), ('fp32', 'bf16', 'choose one of fp32, fp16'),
])  # fmt: skip
def test_weights_that_cannot_be_stored_so_are_refused(exported, tmp_path, precision, weights, sentence):
    with pytest.raises(FamdaError, match=sentence):
        export.export_student(exported[0], tmp_path / 'x.onnx', [], precision=precision, weights=weights)
    assert not (tmp_path / 'x.onnx').exists()


def test_unknown_precision_is_refused(exported, tmp_path):
    with pytest.raises(FamdaError, match='fp32, fp16, int8'):
        export.export_student(exported[0], tmp_path / 'x.onnx', [], precision='int4')


@pytest.mark.parametrize('encoder', ['pyramid-small', 'efficientnet_lite0', 'resnet18'])
def test_one_file_serves_cameras_of_every_shape(encoder, tmp_path):
    """Sizes that are odd multiples of the stride included, which some encoders pad otherwise than even ones."""
    network = SMALL_NETWORK if encoder == 'pyramid-small' else {'encoder': encoder, 'channels': 8, 'levels': True}
    checkpoint = write_checkpoint(tmp_path / 'any.ckpt', network=network)
    images = [render(seed, 'day', 2 * WIDTH, 2 * HEIGHT).image for seed in range(2)]
    export.export_student(checkpoint, tmp_path / 'any.onnx', images)
    network, spec = load_student(checkpoint)
    graph, student = StudentGraph(network, spec.output_range_m), Student(tmp_path / 'any.onnx')
    assert student.card.stride == 16
    for height, width in ((32, 64), (48, 64), (64, 32), (80, 48)):
        small = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
        ours, theirs = run_torch(graph, small), student.run(small)
        assert (ours['labels'] == theirs['labels']).mean() > 0.995
        np.testing.assert_allclose(theirs['depth'], ours['depth'], rtol=2e-3)
        assert np.abs(ours['confidence'].astype(int) - theirs['confidence']).max() <= 1
