# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Depth models of transformers with few random weights, saved as those of the hub are."""
from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    BeitConfig,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    DepthProConfig,
    DepthProForDepthEstimation,
    DepthProImageProcessor,
    Dinov2Config,
    DPTConfig,
    DPTForDepthEstimation,
    DPTImageProcessor,
    GLPNConfig,
    GLPNForDepthEstimation,
    GLPNImageProcessor,
    ZoeDepthConfig,
    ZoeDepthForDepthEstimation,
    ZoeDepthImageProcessor,
)


def save_depth_anything(path: Path, kind: str = 'relative', max_depth: int = 80) -> Path:
    """Save a Depth Anything of one of the kinds ``relative`` and ``metric``; its input has a shorter side of 56."""
    backbone = Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=2, image_size=56, patch_size=14,
        out_indices=[1, 2, 3, 4], reshape_hidden_states=False,
    )  # fmt: skip
    config = DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=16, neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8,
        head_hidden_size=8, depth_estimation_type=kind, max_depth=max_depth if kind == 'metric' else 1,
    )  # fmt: skip
    processor = DPTImageProcessor(
        size={'height': 56, 'width': 56}, keep_aspect_ratio=True, ensure_multiple_of=14, resample=3
    )
    return _save(DepthAnythingForDepthEstimation(_seeded(config)), processor, path)


def save_dpt(path: Path) -> Path:
    """Save a DPT, whose configuration does not say what it gives."""
    config = DPTConfig(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8,
        backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8, is_hybrid=False,
    )  # fmt: skip
    return _save(DPTForDepthEstimation(_seeded(config)), DPTImageProcessor(size={'height': 32, 'width': 32}), path)


def save_depth_pro(path: Path) -> Path:
    """Save a Depth Pro: metric by its type, and it estimates the focal length."""
    encoder = {
        'model_type': 'dinov2', 'hidden_size': 16, 'num_hidden_layers': 2, 'num_attention_heads': 2, 'mlp_ratio': 2,
        'image_size': 16, 'patch_size': 4,
    }  # fmt: skip
    config = DepthProConfig(
        patch_size=16, fusion_hidden_size=16, intermediate_hook_ids=[1, 0], intermediate_feature_dims=[8, 8],
        scaled_images_ratios=[0.5, 1.0], scaled_images_overlap_ratios=[0.0, 0.25], scaled_images_feature_dims=[8, 8],
        use_fov_model=True, image_model_config=encoder, patch_model_config=encoder, fov_model_config=encoder,
    )  # fmt: skip
    network = DepthProForDepthEstimation(_seeded(config))
    path = _save(network, DepthProImageProcessor(size={'height': 64, 'width': 64}), path)
    with torch.no_grad():
        network.fov_model.head.layers[-1].bias.fill_(50)  # degrees
    network.save_pretrained(path)
    return path


def save_glpn(path: Path) -> Path:
    """Save a GLPN: metric by its type."""
    config = GLPNConfig(
        hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 2], decoder_hidden_size=8,
        max_depth=10,
    )  # fmt: skip
    return _save(GLPNForDepthEstimation(_seeded(config)), GLPNImageProcessor(), path)


def save_zoedepth(path: Path) -> Path:
    """Save a ZoeDepth: metric by its type, with a margin around its images."""
    backbone = BeitConfig(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8,
        out_indices=[1, 2, 3, 4], reshape_hidden_states=False, use_relative_position_bias=True,
    )  # fmt: skip
    config = ZoeDepthConfig(
        backbone_config=backbone, backbone_hidden_size=16, neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8,
        bottleneck_features=8, num_relative_features=8, bin_embedding_dim=8, num_attractors=[4, 2, 2, 1],
        bin_configurations=[{'n_bins': 8, 'min_depth': 0.001, 'max_depth': 10.0}],
    )  # fmt: skip
    processor = ZoeDepthImageProcessor(size={'height': 32, 'width': 32}, ensure_multiple_of=8, keep_aspect_ratio=True)
    return _save(ZoeDepthForDepthEstimation(_seeded(config)), processor, path)


def _seeded(config):
    torch.manual_seed(0)
    return config


def _save(network: torch.nn.Module, processor, path: Path) -> Path:
    """Make the weights so large that pictures make a difference, not places, and the output positive; save both."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if 'position_embeddings' in name:
                parameter.zero_()
            elif parameter.ndim > 1:
                parameter.normal_(0, (1.0 / parameter[0].numel()) ** 0.5)
            elif name.startswith('head') and name.endswith('bias'):
                parameter.fill_(1.0)
    network.save_pretrained(path)
    processor.save_pretrained(path)
    return path
