# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Segment Anything, from the checkpoints of the package segment-anything."""
from __future__ import annotations

import pickle
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

from famda_ros.errors import FamdaError
from famda_ros.files import sha256_of
from famda_train.label_store.licences import APACHE, licence
from famda_train.teachers.automatic_masks import FINE_MASKS, AutomaticMasks
from famda_train.teachers.setting_types import AtLeastOne
from famda_train.teachers.torch_runtime import Precision, choose_device, choose_precision
from famda_train.teachers.weights import Weights

PIXEL_MEAN, PIXEL_STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
DECODER_HEADS = 8
"""The one size of the published models that their weights do not tell."""
SIZES = {768: 'vit_b', 1024: 'vit_l', 1280: 'vit_h'}
SOURCE = 'github.com/facebookresearch/segment-anything'
OBTAIN = f'download sam_vit_b, sam_vit_l or sam_vit_h from {SOURCE}'


class SamMasks:
    """segment-anything's models through its own SamAutomaticMaskGenerator.

    The defaults are those of FINE_MASKS.

    Args:
        checkpoint: .pth file with the weights of vit_b, vit_l or vit_h; which of them is seen from the weights.
        points_per_batch: points decoded at a time; no part of the identity.
        device: auto = the GPU where there is one, cpu, cuda, cuda:1.
        precision: auto = fp16 on a GPU, fp32 on a CPU.
        generator: the fields of GeneratorSettings.
    """

    generator = FINE_MASKS

    def __init__(
        self,
        checkpoint: str,
        points_per_batch: AtLeastOne = 64,
        device: str = 'auto',
        precision: Precision = 'auto',
        **generator: Any,
    ):
        settings = replace(self.generator, **generator)
        place = choose_device(device)
        precision = choose_precision(precision, place)
        model = load_sam(checkpoint).to(place)
        self._segment = AutomaticMasks(model, settings, points_per_batch, place, precision, "mask teacher 'sam'")
        self.pointer = self._segment.pointer
        self.identity: dict[str, Any] = {
            'name': 'sam',
            'kind': 'segments',
            'settings': {**vars(settings), 'precision': precision},
            'model': model_name(model),
            'weights_sha256': sha256_of(checkpoint),
            'licence': licence(APACHE),
            'note': 'licence of the published checkpoints; one trained further may have another',
        }

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return uint16 [H, W] ids; 0 = no mask."""
        return self._segment(image)

    @staticmethod
    def weights() -> list[Weights]:
        """Return what the published checkpoints are."""
        advice = f'{SOURCE}; setting checkpoint'
        return [Weights(name, APACHE, available=None, advice=advice) for name in SIZES.values()]


def model_name(model: Sam) -> str:
    """Return ``vit_b``, ``vit_l`` or ``vit_h``; for other sizes the width of the encoder."""
    width = model.image_encoder.patch_embed.proj.out_channels
    return SIZES.get(width, f'vit of width {width}')


def load_sam(path: str | Path) -> Sam:
    """Return the model of a checkpoint, in evaluation mode on the CPU; its sizes follow from the weights.

    Raises:
        FamdaError: names the file and says why: missing, not whole, not of segment-anything.
    """
    path = Path(path)
    if not path.is_file():
        raise FamdaError(f"the SAM checkpoint '{path}' is not there; {OBTAIN}")
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, ValueError, OSError) as error:
        raise FamdaError(f"the SAM checkpoint '{path}' is not whole or no file of PyTorch; {OBTAIN} again") from error
    try:
        model = build_sam(state)
        model.load_state_dict(state)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise FamdaError(
            f"'{path}' holds no weights of segment-anything's vit_b, vit_l or vit_h ({reason}); {OBTAIN}"
        ) from error
    return model.eval()


def build_sam(state: dict[str, torch.Tensor]) -> Sam:
    """Return a model, not yet loaded, whose sizes are those of the weights.

    Args:
        state: name → tensor of a whole model.

    Raises:
        KeyError, TypeError, IndexError, AttributeError: these are not the weights of such a model.
    """
    encoder = _encoder_sizes(state)
    channels = state['image_encoder.neck.0.weight'].shape[0]
    side = encoder['img_size'] // encoder['patch_size']
    return Sam(
        ImageEncoderViT(**encoder, out_chans=channels, norm_layer=partial(torch.nn.LayerNorm, eps=1e-6)),
        PromptEncoder(
            embed_dim=channels,
            image_embedding_size=(side, side),
            input_image_size=(encoder['img_size'], encoder['img_size']),
            mask_in_chans=state['prompt_encoder.mask_downscaling.3.weight'].shape[0],
        ),
        MaskDecoder(
            num_multimask_outputs=state['mask_decoder.mask_tokens.weight'].shape[0] - 1,
            transformer=TwoWayTransformer(
                depth=_count(state, 'mask_decoder.transformer.layers'),
                embedding_dim=channels,
                mlp_dim=state['mask_decoder.transformer.layers.0.mlp.lin1.weight'].shape[0],
                num_heads=DECODER_HEADS,
            ),
            transformer_dim=channels,
            iou_head_depth=_count(state, 'mask_decoder.iou_prediction_head.layers'),
            iou_head_hidden_dim=state['mask_decoder.iou_prediction_head.layers.0.weight'].shape[0],
        ),
        PIXEL_MEAN,
        PIXEL_STD,
    )


def _encoder_sizes(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Return the arguments of ImageEncoderViT."""
    width, _, patch, _ = state['image_encoder.patch_embed.proj.weight'].shape
    side = state['image_encoder.pos_embed'].shape[1]
    depth = _count(state, 'image_encoder.blocks')
    blocks = [f'image_encoder.blocks.{i}' for i in range(depth)]
    # A block's relative positions reach as far as its window: 2 * window - 1 of them, each as long as a head is wide.
    positions = [state[f'{block}.attn.rel_pos_h'].shape for block in blocks]
    windows = [(length + 1) // 2 for length, _ in positions]
    return {
        'img_size': side * patch,
        'patch_size': patch,
        'embed_dim': width,
        'depth': depth,
        'num_heads': width // positions[0][1],
        'mlp_ratio': state[f'{blocks[0]}.mlp.lin1.weight'].shape[0] / width,
        'qkv_bias': f'{blocks[0]}.attn.qkv.bias' in state,
        'use_rel_pos': True,
        'window_size': min(windows),
        'global_attn_indexes': tuple(i for i, window in enumerate(windows) if window == side),
    }


def _count(state: dict[str, torch.Tensor], prefix: str) -> int:
    """Return how many numbered parts there are under a prefix."""
    pattern = re.compile(rf'{re.escape(prefix)}\.(\d+)\.')
    return 1 + max(int(match[1]) for match in map(pattern.match, state) if match)
