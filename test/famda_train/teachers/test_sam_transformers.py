# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
import torch
import transformers
from small_sam import EVERYTHING, noisy_image

from famda_ros.errors import FamdaError
from famda_train.label_store.licences import UNKNOWN
from famda_train.teachers.hub import ModelFolder, find_model
from famda_train.teachers.mask_teachers import build_mask_teacher
from famda_train.teachers.painting import paint, suppress_overlaps
from famda_train.teachers.sam_transformers import load_predictor, terms_of

CPU = torch.device('cpu')


def save(folder, network, processor):
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope='module')
def sam(tmp_path_factory):
    """A small SAM 1, saved as transformers saves it."""
    torch.manual_seed(0)
    config = transformers.SamConfig(
        vision_config={
            'hidden_size': 24, 'output_channels': 32, 'num_hidden_layers': 2, 'num_attention_heads': 3,
            'image_size': 64, 'patch_size': 16, 'window_size': 2, 'global_attn_indexes': [1], 'mlp_dim': 48,
            'num_pos_feats': 16,
        },
        prompt_encoder_config={'hidden_size': 32, 'image_size': 64, 'patch_size': 16, 'mask_input_channels': 4},
        mask_decoder_config={'hidden_size': 32, 'mlp_dim': 48, 'iou_head_hidden_dim': 16},
    )  # fmt: skip
    processor = transformers.SamImageProcessor(
        size={'longest_edge': 64}, pad_size={'height': 64, 'width': 64}, mask_size={'longest_edge': 16},
        mask_pad_size={'height': 16, 'width': 16},
    )  # fmt: skip
    return save(tmp_path_factory.mktemp('sam'), transformers.SamModel(config), processor)


@pytest.fixture(scope='module')
def sam2(tmp_path_factory):
    """A small SAM 2."""
    torch.manual_seed(0)
    backbone = {
        'hidden_size': 8, 'num_attention_heads': 1, 'image_size': [64, 64], 'blocks_per_stage': [1, 1, 2, 1],
        'window_positional_embedding_background_size': [2, 2],
        'embed_dim_per_stage': [8, 16, 32, 64], 'num_attention_heads_per_stage': [1, 1, 2, 4],
        'window_size_per_stage': [4, 4, 2, 2], 'global_attention_blocks': [3], 'model_type': 'sam2_hiera_det_model',
    }  # fmt: skip
    config = transformers.Sam2Config(
        vision_config={
            'backbone_config': backbone, 'backbone_channel_list': [64, 32, 16, 8],
            'backbone_feature_sizes': [[16, 16], [8, 8], [4, 4]], 'fpn_hidden_size': 32,
        },
        prompt_encoder_config={'hidden_size': 32, 'image_size': 64, 'patch_size': 16, 'mask_input_channels': 4},
        mask_decoder_config={'hidden_size': 32, 'mlp_dim': 48, 'iou_head_hidden_dim': 16},
    )  # fmt: skip
    processor = transformers.Sam2ImageProcessor(size={'height': 64, 'width': 64}, mask_size={'height': 16, 'width': 16})
    return save(tmp_path_factory.mktemp('sam2'), transformers.Sam2Model(config), processor)


@pytest.mark.parametrize('kind', ['sam', 'sam2'])
def test_masks_of_points_are_those_of_transformers_processor_and_model(kind, request):
    folder = request.getfixturevalue(kind)
    image = noisy_image(72, 128)
    points = [[5.0, 3.0], [100.0, 20.0], [64.0, 70.0], [127.0, 71.0]]
    predictor = load_predictor(find_model(str(folder)), CPU)
    with torch.inference_mode():
        predictor.set_image(image)
        logits, quality = predictor.masks_at(torch.tensor(points))

    whole = {'sam': transformers.SamProcessor, 'sam2': transformers.Sam2Processor}[kind]
    processor = whole(transformers.AutoImageProcessor.from_pretrained(folder))
    model = {'sam': transformers.SamModel, 'sam2': transformers.Sam2Model}[kind].from_pretrained(folder).eval()
    inputs = processor(images=image, input_points=[[[point] for point in points]], return_tensors='pt')
    with torch.inference_mode():
        expected = model(**inputs)
    sizes = [inputs['original_sizes'], *([inputs['reshaped_input_sizes']] if kind == 'sam' else [])]
    masks = processor.image_processor.post_process_masks(
        expected.pred_masks, sizes[0], reshaped_input_sizes=sizes[-1], binarize=False
    )[0]
    assert logits.shape == (4, 3, 72, 128)
    torch.testing.assert_close(logits, masks, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(quality, expected.iou_scores[0], rtol=1e-4, atol=1e-5)
    assert (logits[0] - logits[3]).abs().max() > 1e-2  # points make a difference


def test_sam_segments_as_transformers_mask_generation_does(sam):
    """SAM 1 only: for SAM 2 that pipeline scales points wrongly on images that are not square."""
    image = noisy_image(96, 128)
    settings = {**EVERYTHING, 'crop_n_layers': 0, 'points_per_side': 5}
    ours = build_mask_teacher('sam2', {'model': str(sam), **settings})(image)
    pipeline = transformers.pipeline('mask-generation', model=str(sam), image_processor=str(sam), device='cpu')
    from PIL import Image

    result = pipeline(
        Image.fromarray(image), points_per_batch=64, points_per_crop=5, pred_iou_thresh=0.0,
        stability_score_thresh=-1.0, crops_nms_thresh=1.0,
    )  # fmt: skip
    masks = [np.asarray(mask) for mask in result['masks']]
    order = suppress_overlaps(masks, result['scores'].tolist(), 1.0)
    expected = paint([masks[i] for i in order], image.shape[:2])
    assert expected.max() > 10
    assert np.mean(ours == expected) > 0.999


def test_the_lower_part_of_a_wide_image_gets_points_too(sam2):
    image = noisy_image(72, 128)
    predictor = load_predictor(find_model(str(sam2)), CPU)
    predictor.set_image(image)
    seen = []
    predictor._network.prompt_encoder.register_forward_pre_hook(
        lambda _module, _args, inputs: seen.append(inputs['input_points']), with_kwargs=True
    )
    with torch.inference_mode():
        predictor.masks_at(torch.tensor([[127.0, 71.0]]))
    assert seen[0].reshape(2).tolist() == pytest.approx([63.5, 71 * 64 / 72])


def test_the_identity_names_model_settings_and_licence(sam2):
    identity = build_mask_teacher('sam2', {'model': str(sam2), 'points_per_side': 4}).identity
    assert identity['name'] == 'sam2' and identity['model'] == sam2.name
    assert len(identity['weights_sha256']) == len(identity['config_sha256']) == 64
    assert identity['licence'] == {'weights': UNKNOWN, 'non_commercial': False}  # a folder may hold anything
    assert identity['settings']['precision'] == 'fp32' and 'revision' not in identity


def test_the_licence_of_published_weights_is_known_by_the_kind_of_model(tmp_path):
    published = ModelFolder(tmp_path, 'facebook/sam2.1-hiera-tiny', 'c' * 40)
    assert terms_of(published, 'sam2') == 'Apache-2.0' and terms_of(published, 'sam3_tracker') == 'SAM License'
    assert terms_of(published, 'unheard_of') == UNKNOWN
    assert terms_of(ModelFolder(tmp_path, 'mine', None), 'sam2') == UNKNOWN


def test_models_that_are_none_are_named(sam, tmp_path, monkeypatch):
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    with pytest.raises(FamdaError, match="no folder 'not/a/folder/of/mine'"):
        build_mask_teacher('sam2', {'model': 'not/a/folder/of/mine'})
    for file in sam.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / 'model.safetensors'
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(FamdaError, match='no model for mask generation') as error:
        build_mask_teacher('sam2', {'model': str(tmp_path)})
    assert tmp_path.name in str(error.value) and '\n' not in str(error.value)
    config = tmp_path / 'config.json'
    config.write_text(json.dumps({'model_type': 'bert'}))
    with pytest.raises(FamdaError, match='no model for mask generation'):
        build_mask_teacher('sam2', {'model': str(tmp_path)})
