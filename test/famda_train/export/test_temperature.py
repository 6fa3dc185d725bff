# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_street import HEIGHT, WIDTH, write_checkpoint, write_street

from famda_ros.errors import FamdaError
from famda_ros.student.model_card import read_card
from famda_ros.student.runtime import Student
from famda_train.commands.export import ece_text
from famda_train.datasets.frame_folder import FrameFolder
from famda_train.export.export_student import export_student
from famda_train.export.temperature import (
    SHIFTS,
    Pixels,
    calibration_error,
    find_temperature,
    fit_temperature,
    pixels_of,
)
from famda_train.models.card import model_card
from famda_train.models.checkpoint import load_student
from famda_train.models.student_graph import StudentGraph, finer_logits
from famda_train.world import render


def drawn(rng, temperature, count=20_000, classes=5):
    """Pixels whose labels are drawn from the softmax of their logits; then the logits are made too large."""
    logits = rng.normal(0, 2, (count, classes))
    probability = torch.from_numpy(logits).softmax(1).numpy()
    ground_truth = (probability.cumsum(1) > rng.random((count, 1))).argmax(1)
    return Pixels((logits * temperature).astype(np.float32), logits.argmax(1), ground_truth)


@settings(max_examples=8, deadline=None)
@given(st.floats(0.5, 3.0), st.integers(0, 100))
def test_a_planted_temperature_is_found(temperature, seed):
    pixels = drawn(np.random.default_rng(seed), temperature)
    found = fit_temperature([pixels])
    assert found == pytest.approx(temperature, rel=0.05)
    assert calibration_error(pixels, found) < 1.5
    if temperature > 1.4:
        assert calibration_error(pixels, 1.0) > 3


def test_every_set_counts_alike():
    rng = np.random.default_rng(0)
    few, many = drawn(rng, 3.0, 2000), drawn(rng, 1.0, 40_000)
    alone, both = fit_temperature([many]), fit_temperature([many, few])
    assert alone == pytest.approx(1, rel=0.03) and both > 1.3


@pytest.mark.parametrize('shift', SHIFTS)
def test_shifted_frames_show_the_same_street_otherwise(shift):
    image = render(3, 'day', WIDTH, HEIGHT).image
    changed = shift(image, np.random.default_rng(0))
    assert changed.shape == image.shape and changed.dtype == np.uint8
    assert np.abs(changed.astype(float) - image).mean() > 4
    assert np.corrcoef(changed.ravel(), image.ravel())[0, 1] > 0.5


@pytest.fixture(scope='module')
def street(tmp_path_factory):
    folder = tmp_path_factory.mktemp('temperature')
    home, night = (FrameFolder(write_street(folder / name, name, 6)) for name in ('day', 'night'))
    return write_checkpoint(folder / 's.ckpt'), home, night


def test_pixels_are_decided_as_the_file_decides_them(street):
    network, spec = load_student(street[0])
    graph, image = StudentGraph(network, spec.output_range_m), street[1].image(0)
    pixels = pixels_of(graph, image, street[1].labels(0), np.random.default_rng(0))
    with torch.inference_mode():
        labels = graph(torch.from_numpy(image)[None])[0][0].numpy()
    shares = [np.bincount(ids.ravel(), minlength=7) / ids.size for ids in (pixels.published, labels)]
    assert len(pixels.published) == 2000 and np.abs(shares[0] - shares[1]).max() < 0.03


def test_it_is_the_same_at_every_call_and_says_what_it_was_measured_on(street):
    checkpoint, home, night = street
    network, spec = load_student(checkpoint)
    graph, card, seen = StudentGraph(network, spec.output_range_m), model_card(spec, network, 's'), []
    found = find_temperature(graph, card, home, [night], lambda *step: seen.append(step))
    assert found == find_temperature(graph, card, home, [night]) and found.value != 1
    assert seen[-1] == (36, 36)  # home, four copies of it, night
    assert set(found.ece) == {'home', 'shifted', 'data'} and len(found.ece['data']['shifted']) == 5
    assert all(0 <= found.ece[name][when] <= 100 for name in ('home', 'shifted') for when in ('before', 'after'))


def test_without_shifts_home_alone_decides(street):
    network, spec = load_student(street[0])
    graph, card = StudentGraph(network, spec.output_range_m), model_card(spec, network, 's')
    seen = []
    found = find_temperature(graph, card, street[1], (), lambda *step: seen.append(step), shifts=())
    assert set(found.ece) == {'home', 'data'} and found.ece['data']['shifted'] == []
    assert seen[-1] == (6, 6)  # no copies
    assert ece_text(found.ece).count('before') == 1


def test_frames_without_labels_are_refused(street, tmp_path):
    network, spec = load_student(street[0])
    bare = FrameFolder(write_street(tmp_path / 'bare', 'day', 2, truth=False))
    graph = StudentGraph(network, spec.output_range_m)
    with pytest.raises(FamdaError, match='has no labels'):
        find_temperature(graph, model_card(spec, network, 's'), bare)


def test_the_file_publishes_the_calibrated_probability_and_the_same_labels(street, tmp_path):
    """Parity: the confidence is within 0.01 of softmax(logits / T) of the published class, at every pixel."""
    checkpoint, home, night = street
    images = list(home.images(2))
    export_student(checkpoint, tmp_path / 'plain.onnx', images)
    result = export_student(checkpoint, tmp_path / 'calibrated.onnx', images, confidence=[home, night])
    card = read_card(tmp_path / 'calibrated.onnx')
    assert (card.temperature, card.ece) == (result.temperature, result.ece) and card.temperature != 1
    assert read_card(tmp_path / 'plain.onnx').temperature == 1
    network, spec = load_student(checkpoint)
    graph = StudentGraph(network, spec.output_range_m)
    calibrated, plain = (Student(tmp_path / f'{name}.onnx', provider='cpu') for name in ('calibrated', 'plain'))
    for image in (night.image(4), home.image(5)):
        ours, before = calibrated.run(image), plain.run(image)
        np.testing.assert_array_equal(ours['labels'], before['labels'])
        np.testing.assert_array_equal(ours['depth'], before['depth'])
        with torch.inference_mode():
            finer = finer_logits(graph.raw_outputs(torch.from_numpy(image)[None])['segmentation'], network.stride)
        probability = (finer / card.temperature).softmax(3)
        large = probability[0].repeat_interleave(2, 0).repeat_interleave(2, 1)
        expected = large.numpy()[(*np.indices(image.shape[:2]), ours['labels'].astype(int))]
        assert np.abs(ours['confidence'] / 255 - expected).max() < 0.01
        assert np.abs(before['confidence'] / 255 - expected).max() > 0.01  # it does change something
