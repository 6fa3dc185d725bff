# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Scoring a frame folder."""
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import CITYSCAPES19, SYNTHIA16, VKITTI8
from famda_ros.student.resize import resize_nearest
from famda_ros.student.runtime import Prediction
from famda_train.datasets.frame_folder import FrameFolder, FrameFolderWriter
from famda_train.evaluation.evaluate import difference, evaluate, score_frames, scores_of
from famda_train.evaluation.protocol import METRIC, PROTOCOLS


@pytest.fixture
def folder(tmp_path):
    """Two frames with ground truth; their focal is 10 and 20 pixels."""
    rng = np.random.default_rng(0)
    with FrameFolderWriter(tmp_path / 'frames', name='t', label_space='vkitti8') as writer:
        for index in range(2):
            labels = rng.integers(0, 4, (6, 8)).astype(np.uint8)
            labels[0] = 255
            depth = rng.uniform(1, 60, (6, 8)).astype(np.float32)
            depth[1] = np.inf
            image = np.full((6, 8, 3), index, np.uint8)
            writer.add(f'{index:06d}', image, focal=10.0 * (index + 1), labels=labels, depth=depth)
    return FrameFolder(tmp_path / 'frames')


def oracle(folder, seen=None):
    def predict(image, focal):
        index = int(image[0, 0, 0])
        if seen is not None:
            seen.append((index, focal))
        return Prediction(folder.labels(index), None, folder.depth(index))

    return predict


def test_the_truth_is_perfect_and_the_result_is_strict_json(folder):
    seen, progress = [], []
    result = evaluate(oracle(folder, seen), folder, progress=lambda *step: progress.append(step))
    assert seen == [(0, 10.0), (1, 20.0)]
    assert progress == [(1, 2), (2, 2)]
    assert (result['protocol'], result['frames'], result['label_space']) == ('metric', 2, 'vkitti8')
    assert result['miou'] == 100.0
    assert list(result['iou']) == list(VKITTI8.classes)
    assert [value for value in result['iou'].values()] == [100.0] * 4 + [None] * 4
    assert (result['abs_rel'], result['rmse'], result['delta1']) == (0.0, 0.0, 100.0)
    assert json.loads(json.dumps(result, allow_nan=False)) == result


@pytest.mark.parametrize('kind, absent, present', [('labels', 'miou', 'abs_rel'), ('depth', 'abs_rel', 'miou')])
def test_only_what_is_there_is_scored(folder, kind, absent, present):
    predict = oracle(FrameFolder(folder.path))
    predictions = [predict(folder.image(i), None) for i in range(2)]
    shutil.rmtree(folder.path / kind)
    result = evaluate(lambda image, focal: predictions[image[0, 0, 0]], folder)
    assert absent not in result
    assert present in result


def test_nothing_to_score_is_one_sentence(folder):
    shutil.rmtree(folder.path / 'labels')
    shutil.rmtree(folder.path / 'depth')
    with pytest.raises(FamdaError, match='neither labels nor depth'):
        evaluate(oracle(folder), folder)


def test_a_wrong_size_names_the_frame(folder):
    with pytest.raises(FamdaError, match=r'000000.*shape'):
        evaluate(lambda image, focal: Prediction(np.zeros((3, 4), np.uint8), None, np.ones((3, 4))), folder)


def test_an_unknown_protocol_is_refused(folder):
    with pytest.raises(FamdaError, match="unknown protocol 'best'"):
        evaluate(oracle(folder), folder, protocol='best')


def test_a_protocol_with_a_size_sees_and_scores_at_that_size(folder, monkeypatch):
    small = replace(METRIC, name='small', size=(4, 3))
    monkeypatch.setitem(PROTOCOLS, 'small', small)
    seen = []

    def predict(image, focal):
        index = int(image[0, 0, 0])
        seen.append((image.shape, focal))
        labels, depth = (resize_nearest(layer, 4, 3) for layer in (folder.labels(index), folder.depth(index)))
        return Prediction(labels, None, depth)

    result = evaluate(predict, folder, 'small')
    assert seen == [((3, 4, 3), 5.0), ((3, 4, 3), 10.0)]  # the focal shrinks with the image
    assert (result['miou'], result['rmse']) == (100.0, 0.0)


def test_predictions_are_enlarged_to_a_finer_truth(folder):
    ground_truth = [np.kron(folder.labels(index), np.ones((2, 2), np.uint8)) for index in range(2)]
    depth = [np.full((12, 16), 5.0 + index, np.float32) for index in range(2)]
    folder.labels, folder.depth = ground_truth.__getitem__, depth.__getitem__
    coarse = [Prediction(ground_truth[index][::2, ::2], None, depth[index][::2, ::2]) for index in range(2)]
    result = evaluate(lambda image, focal: coarse[image[0, 0, 0]], folder)
    assert (result['miou'], result['abs_rel']) == (100.0, 0.0)


def test_predictions_of_another_label_space(folder):
    """Truth in 8 classes has no counterpart in 16; in the other direction it is projected."""
    with pytest.raises(FamdaError, match=r'synthia16.*vkitti8'):
        evaluate(oracle(folder), folder, label_space=SYNTHIA16)
    info = folder.path / 'dataset.yaml'
    info.write_text(info.read_text().replace('vkitti8', 'cityscapes19'))
    folder = FrameFolder(folder.path)
    result = evaluate(oracle(folder), folder, label_space=CITYSCAPES19)
    assert result['label_space'] == 'cityscapes19'
    assert result['projections']['synthia13']['not_scored'] == ['wall', 'fence', 'pole', 'terrain', 'truck', 'train']
    eight = evaluate(oracle(folder), folder, label_space=VKITTI8)
    assert eight['label_space'] == 'vkitti8'
    assert 'sidewalk' in eight['not_scored']
    assert json.loads(json.dumps(eight, allow_nan=False)) == eight


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_every_protocol_names_itself_and_gives_its_metrics(folder, protocol):
    def predict(image, focal):
        depth = np.full(image.shape[:2], 9.0, np.float32)
        return Prediction(np.zeros(image.shape[:2], np.uint8), None, depth)

    result = evaluate(predict, folder, protocol)
    assert result['protocol'] == protocol
    assert set(PROTOCOLS[protocol].depth_metrics) <= set(result)
    assert ('rmse_log' in result) == (protocol == 'metric')


def drive(tmp_path, frames=9, seed=0):
    """A drive with labels and depth, and a prediction with mistakes that grow along it and a confidence of 0.8."""
    rng = np.random.default_rng(seed)
    with FrameFolderWriter(tmp_path / f'drive{seed}', name='d', label_space='vkitti8') as writer:
        for index in range(frames):
            labels = rng.integers(0, 4, (6, 8)).astype(np.uint8)
            image, depth = np.full((6, 8, 3), index, np.uint8), rng.uniform(1, 60, (6, 8)).astype(np.float32)
            writer.add(f'{index:06d}', image, focal=10.0, labels=labels, depth=depth)
    data = FrameFolder(tmp_path / f'drive{seed}')

    def predict(image, focal):
        index = int(image[0, 0, 0])
        labels = data.labels(index).copy()
        labels[:, : index % 5] = 7
        depth = data.depth(index) * np.float32(1 + 0.02 * index)
        return Prediction(labels, np.full(labels.shape, 204, np.uint8), depth)

    return data, predict


def test_confidence_is_compared_with_accuracy(tmp_path):
    data, predict = drive(tmp_path)
    calibration = evaluate(predict, data)['calibration']
    right = 100 - 100 * sum(index % 5 for index in range(9)) / (9 * 8)
    assert calibration['confidence'] == pytest.approx(80) and calibration['accuracy'] == pytest.approx(right)
    assert calibration['ece'] == pytest.approx(abs(80 - right))
    assert calibration['bins'] == [{'share': 100.0, 'confidence': pytest.approx(80), 'accuracy': pytest.approx(right)}]


def test_intervals_hold_the_score_and_widen_with_longer_blocks_of_a_drive(tmp_path):
    data, predict = drive(tmp_path)
    result = evaluate(predict, data)
    assert result['interval']['block'] == 3 and json.loads(json.dumps(result, allow_nan=False)) == result
    for key in ('miou', 'abs_rel'):
        low, high = result['interval'][key]
        assert low < result[key] < high
    assert evaluate(predict, data)['interval'] == result['interval']  # the same numbers at every call
    single = evaluate(predict, data, block=1)['interval']['abs_rel']  # its error grows from frame to frame
    low, high = result['interval']['abs_rel']
    assert high - low > single[1] - single[0]


def test_no_interval_of_a_few_frames(folder):
    assert 'interval' not in evaluate(oracle(folder), folder)


def test_a_difference_is_taken_on_the_same_frames(tmp_path):
    data, predict = drive(tmp_path)

    def better(image, focal):
        prediction = predict(image, focal)
        return replace(prediction, depth=prediction.depth * np.float32(0.99))

    worse, scores = score_frames(predict, data), score_frames(better, data)
    limits = difference(scores, worse)
    assert limits['miou'] == [0.0, 0.0]  # the same labels, in every resample
    low, high = limits['abs_rel']
    alone = scores_of(scores)['interval']['abs_rel']
    assert high < 0 and high - low < alone[1] - alone[0]  # sure of it, although either score alone is not
    with pytest.raises(ValueError, match='9 frames cannot be compared with 2'):
        difference(scores, score_frames(*reversed(drive(tmp_path, 2, 1))))


def test_depth_by_class(tmp_path):
    data, predict = drive(tmp_path)
    result = evaluate(predict, data)
    assert result['depth_classes_of'] == 'ground truth' and list(result['depth_classes']) == list(VKITTI8.classes[:4])
    assert sum(group['pixels'] for group in result['depth_classes'].values()) == 9 * 48
    pooled = sum(group['pixels'] * group['abs_rel'] for group in result['depth_classes'].values()) / (9 * 48)
    assert pooled == pytest.approx(result['abs_rel'])
    shutil.rmtree(data.path / 'labels')
    unlabelled = FrameFolder(data.path)

    def sevens(image, focal):
        return Prediction(np.full((6, 8), 7, np.uint8), None, unlabelled.depth(int(image[0, 0, 0])))

    result = evaluate(sevens, unlabelled, label_space=VKITTI8)
    assert result['depth_classes_of'] == 'prediction' and 'miou' not in result
    assert list(result['depth_classes']) == [VKITTI8.classes[7]]  # which the student says


def test_without_depth_labels_alone_are_scored(folder):
    """A frame that has depth alone is not counted; data that have depth alone are refused."""
    whole = oracle(FrameFolder(folder.path))

    def masks(image, focal):
        return replace(whole(image, focal), depth=None)

    result = scores_of(score_frames(masks, folder, gives_depth=False))
    assert result['miou'] == 100.0 and result['frames'] == 2 and 'abs_rel' not in result
    predictions = [masks(folder.image(i), None) for i in range(2)]
    (folder.path / 'labels' / '000001.png').unlink()
    half = FrameFolder(folder.path)
    result = scores_of(score_frames(lambda image, _: predictions[image[0, 0, 0]], half, gives_depth=False))
    assert (result['frames'], result['frames_in_all']) == (1, 2)
    shutil.rmtree(folder.path / 'labels')
    with pytest.raises(FamdaError, match='has depth alone, which the model does not give'):
        score_frames(masks, FrameFolder(folder.path), gives_depth=False)
