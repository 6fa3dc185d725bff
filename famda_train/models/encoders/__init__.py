# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Encoders by name: our own, and those of segmentation_models_pytorch and timm."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from famda_ros.errors import FamdaError
from famda_train.models.encoders.encoder import Encoder
from famda_train.models.encoders.small import WIDTHS, SmallEncoder
from famda_train.models.encoders.weights import load_weights

SMALL = 'pyramid-small'

IMAGENET = 'imagenet'


def build_encoder(
    name: str, weights: str | Path | None = None, norm: str = 'batch', widths: Sequence[int] | None = None
) -> Encoder:
    """Return an encoder.

    Args:
        name: 'pyramid-small', 'efficientnet_lite0' to 'efficientnet_lite4', 'mit_b0' to 'mit_b5', or any encoder
            of segmentation_models_pytorch or timm that gives feature maps at strides 2 or 4 to 32.
        weights: None = random, 'imagenet' = of the installed package or the Hugging Face hub, else a .pth or
            .safetensors file.
        norm: normalisation, see :func:`famda_train.models.blocks.norm_layer`; our own encoder only, others keep theirs.
        widths: channels at strides 2, 4, 8, ...; our own encoder only, None = (16, 32, 64, 96, 128).

    Raises:
        FamdaError: unknown name, an option that the encoder does not have, or weights that cannot be had.
    """
    if name == SMALL:
        if weights == IMAGENET:
            raise FamdaError(f"the encoder '{SMALL}' has no ImageNet weights; set weights: null, or take another")
        encoder = SmallEncoder(widths or WIDTHS, norm)
        if weights is not None:
            load_weights(encoder, weights, name)
        return encoder
    if widths is not None:
        raise FamdaError(f"the encoder '{name}' has fixed widths; leave widths out, or take the encoder '{SMALL}'")
    from famda_train.models.encoders.library_encoders import build_foreign  # takes seconds to import

    return build_foreign(name, weights, norm)


def weights_licence(name: str, weights: str | Path | None) -> str:
    """Return the licence of an encoder's weights for the model card; '' for random weights.

    Args:
        name, weights: as for :func:`build_encoder`.

    Raises:
        FamdaError: unknown encoder.
    """
    if weights is None:
        return ''
    if name == SMALL:
        return f"unknown, weights of '{Path(weights).name}'"
    from famda_train.models.encoders.library_encoders import foreign_licence

    return foreign_licence(name, weights)
