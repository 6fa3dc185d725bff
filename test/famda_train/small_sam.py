# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A SAM of toy size with random weights, which segments nothing sensible but something definite."""
from functools import partial

import cv2
import numpy as np
import torch
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

from famda_train.teachers.sam import PIXEL_MEAN, PIXEL_STD

SIDE = 64
EVERYTHING = {
    'pred_iou_thresh': 0.0, 'stability_score_thresh': 0.0, 'min_mask_region_area': 0, 'mask_nms_thresh': 1.0,
    'min_area': 0, 'box_nms_thresh': 1.0, 'crop_nms_thresh': 1.0,
}  # fmt: skip
"""Settings that let masks of random weights pass."""


def small_sam(seed: int = 0) -> Sam:
    """Return the model; noise on all its weights makes masks depend on where one points."""
    torch.manual_seed(seed)
    channels, side = 32, SIDE // 16
    sam = Sam(
        ImageEncoderViT(
            img_size=SIDE, patch_size=16, embed_dim=24, depth=3, num_heads=3, mlp_ratio=2, out_chans=channels,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6), use_rel_pos=True, window_size=2,
            global_attn_indexes=(1,),
        ),
        PromptEncoder(
            embed_dim=channels, image_embedding_size=(side, side), input_image_size=(SIDE, SIDE), mask_in_chans=4
        ),
        MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(depth=2, embedding_dim=channels, mlp_dim=48, num_heads=8),
            transformer_dim=channels, iou_head_depth=3, iou_head_hidden_dim=16,
        ),
        PIXEL_MEAN,
        PIXEL_STD,
    )  # fmt: skip
    with torch.no_grad():
        for parameter in sam.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return sam.eval()


def noisy_image(height: int = 96, width: int = 128, seed: int = 0) -> np.ndarray:
    """Return uint8 [H, W, 3] with smooth spots of random colours."""
    spots = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(spots, (width, height), interpolation=cv2.INTER_CUBIC)
