# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Encoders of segmentation_models_pytorch and timm, with or without their ImageNet weights."""
from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import huggingface_hub
import segmentation_models_pytorch as smp
import timm
import torch
from torch import nn

from famda_ros.errors import FamdaError
from famda_train.models.encoders.encoder import IMAGENET_MEAN, IMAGENET_STD, Encoder
from famda_train.models.encoders.same_padding import pad_in_whole_numbers
from famda_train.models.encoders.weights import load_weights, packaged_lite0

ALIASES = {f'efficientnet_lite{size}': f'tu-tf_efficientnet_lite{size}' for size in range(5)}
"""Our names → names of segmentation_models_pytorch; 'tu-' stands for timm.

The weights are those of Google's TensorFlow release; timm's own 'tu-efficientnet_lite0' is another training."""

LITE0 = 'tu-tf_efficientnet_lite0'

LITE_MEAN, LITE_STD = (127 / 255,) * 3, (128 / 255,) * 3
"""EfficientNet-Lite was trained with (x - 127) / 128."""

HUB_TIMEOUT_S = 5.0

NVIDIA_LICENCE = 'NVIDIA Source Code License for SegFormer, non-commercial'

CANNOT_BUILD = (
    AssertionError, AttributeError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What the libraries raise for models without feature maps, or for image sizes that a model cannot read."""


def library_name(name: str) -> str:
    """Return the name under which segmentation_models_pytorch knows an encoder.

    Raises:
        FamdaError: unknown; suggests names that look like it.
    """
    if name in ALIASES:
        return ALIASES[name]
    if name in smp.encoders.encoders:
        return name
    model = name.removeprefix('tu-')
    if timm.is_model(model):
        return f'tu-{model}'
    known = dict.fromkeys([*ALIASES, *smp.encoders.encoders, *timm.list_models()])
    near = difflib.get_close_matches(model, known, n=4) or ['pyramid-small', 'efficientnet_lite0', 'mit_b0']
    raise FamdaError(f"unknown encoder '{name}'; did you mean {' or '.join(near)}?")


def input_statistics(library: str) -> tuple[Sequence[float], Sequence[float]]:
    """Return mean and standard deviation, for images of 0..1, that go with an encoder's ImageNet weights."""
    if 'tf_efficientnet_lite' in library:
        return LITE_MEAN, LITE_STD
    if library.startswith('tu-'):
        settings = timm.models.get_pretrained_cfg(library.removeprefix('tu-'))
        return (settings.mean, settings.std) if settings else (IMAGENET_MEAN, IMAGENET_STD)
    if library.startswith(('inception', 'xception')):
        return (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
    return IMAGENET_MEAN, IMAGENET_STD


def foreign_licence(name: str, weights: str | Path) -> str:
    """Return the licence of weights other than random ones; arguments as of :func:`build_foreign`."""
    library = library_name(name)
    if library.startswith('mit_'):
        return NVIDIA_LICENCE
    if str(weights) != 'imagenet':
        return f"unknown, weights of '{Path(weights).name}'"
    if library == LITE0 and packaged_lite0() is not None:
        return 'Apache-2.0'
    settings = timm.models.get_pretrained_cfg(library.removeprefix('tu-')) if library.startswith('tu-') else None
    return (settings and settings.license) or f"unknown, ImageNet weights of '{name}'"


def hub_answers() -> bool:
    """Say whether the Hugging Face hub can be reached, within seconds; its own downloads retry for longer."""
    try:
        huggingface_hub.utils.get_session().head(huggingface_hub.constants.ENDPOINT, timeout=HUB_TIMEOUT_S)
    except Exception:  # of the HTTP library, whichever that is
        return False
    return True


@contextlib.contextmanager
def cache_only_without_hub() -> Iterator[None]:
    """Let downloads look at the local cache only where the hub cannot be reached."""
    constants = huggingface_hub.constants
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not hub_answers()
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def create_body(name: str, library: str, pretrained: bool) -> nn.Module:
    """Return the library's module, which gives feature maps at strides 1, 2, 4, ... (those it lacks: 0 channels).

    Raises:
        FamdaError: the weights cannot be downloaded, or it has no pyramid of feature maps.
    """
    timm_model = library.startswith('tu-')
    weights = None if not pretrained else True if timm_model else 'imagenet'
    if pretrained and not timm_model and 'imagenet' not in smp.encoders.encoders[library]['pretrained_settings']:
        raise FamdaError(f"there are no ImageNet weights of the encoder '{name}'; set weights: null, or name a file")
    if pretrained and timm_model and not timm.models.is_model_pretrained(library.removeprefix('tu-')):
        raise FamdaError(f"there are no ImageNet weights of the encoder '{name}'; set weights: null, or name a file")
    try:
        with cache_only_without_hub() if pretrained else contextlib.nullcontext():
            return smp.encoders.get_encoder(library, weights=weights)
    except OSError as error:
        raise FamdaError(
            f"cannot get the ImageNet weights of '{name}' from {huggingface_hub.constants.ENDPOINT}; connect to the "
            'internet, or set weights to a file that you copied here, or to null'
        ) from error
    except CANNOT_BUILD as error:
        raise FamdaError(
            f"the encoder '{name}' gives no feature maps at strides 4, 8, 16, 32; take one such as efficientnet_lite0"
        ) from error


class ForeignEncoder(Encoder):
    """An encoder of segmentation_models_pytorch behind our interface.

    Args:
        body: module that gives the image and feature maps at strides 2, 4, ..., and has their ``out_channels``.
        mean, std: see :class:`Encoder`.
    """

    def __init__(self, body: Any, mean: Sequence[float], std: Sequence[float]):
        channels = body.out_channels
        # level 0 is the image (for a few the first map, of its size); hierarchical transformers have no level 1
        levels = [level for level, width in enumerate(channels) if level > 0 and width > 0]
        super().__init__([channels[level] for level in levels], [2**level for level in levels], mean, std)
        self.levels = levels
        self.body = body

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """See :meth:`Encoder.forward`."""
        features = self.body(image)
        return [features[level] for level in self.levels]


def check_sizes(encoder: ForeignEncoder, name: str) -> None:
    """Raise FamdaError if an encoder cannot read images of every size; users choose theirs freely."""
    encoder.eval()
    try:
        with torch.no_grad():
            encoder(torch.zeros(1, 3, 70, 101))
    except CANNOT_BUILD as error:
        raise FamdaError(
            f"the encoder '{name}' cannot read images of every size (such as 101x70); take efficientnet_lite0"
        ) from error
    finally:
        encoder.train()


def build_foreign(name: str, weights: str | Path | None = None, norm: str = 'batch') -> ForeignEncoder:
    """Return an encoder of the libraries; see :func:`famda_train.models.encoders.build_encoder`.

    Its dropout and stochastic depth are those of the library: MiT drops up to a tenth of its blocks in training.

    Args:
        name: of the encoder.
        weights: None, 'imagenet' or a file.
        norm: what the student's other parts have.  An encoder with batch normalisation keeps it, and refuses others.

    Raises:
        FamdaError: see there.
    """
    library = library_name(name)
    wanted: str | Path | None = weights
    if weights == 'imagenet' and library == LITE0:
        wanted = packaged_lite0() or weights
    body = pad_in_whole_numbers(create_body(name, library, pretrained=wanted == 'imagenet'))
    if norm != 'batch' and any(isinstance(module, nn.BatchNorm2d) for module in body.modules()):
        raise FamdaError(
            f"the encoder '{name}' has batch normalisation of its own and keeps it; set norm: batch, or take the "
            'encoder pyramid-small or one without batch normalisation, such as mit_b0'
        )
    if wanted is not None and wanted != 'imagenet':
        load_weights(body, wanted, name)
    encoder = ForeignEncoder(body, *input_statistics(library))
    check_sizes(encoder, name)
    return encoder
