# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""What a training checkpoint says about its student, and how to get the student back."""
from __future__ import annotations

import inspect
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from famda_ros.errors import FamdaError
from famda_ros.files import atomic_path
from famda_ros.resources import resolve
from famda_ros.student.label_space import get_label_space, reference
from famda_train.models.student import StudentNetwork

KEY = 'famda_student'

NETWORK_DEFAULTS: dict[str, Any] = {
    name: option.default
    for name, option in inspect.signature(StudentNetwork).parameters.items()
    if option.default is not option.empty
}
"""Options of the network besides its heads."""


@dataclass(frozen=True)
class StudentSpec:
    """Everything needed to rebuild a student and to fill its model card.

    Attributes:
        label_space: name of the label space.
        width, height: network resolution in pixels.
        pixels: that the robot lets the network see of a camera, about, see ModelCard; 0 = those of the resolution.
        focal: canonical focal in pixels at network resolution; the student's metres are its.
        depth_range_m: scored range; predictions beyond its end are "beyond range".
        output_range_m: predictions are clamped to this range.
        domain: what the student was trained for (``night``, ...).
        network: arguments of the network besides its heads; see famda_train.models.student.
        heads: task → (channels, value that an untrained head predicts).
        provenance: data, teachers, settings, seed, versions.
        licence: licence of the weights, that of the training data at best.
    """

    label_space: str
    width: int
    height: int
    focal: float
    depth_range_m: tuple[float, float] = (1.0, 80.0)
    output_range_m: tuple[float, float] = (0.5, 120.0)
    domain: str = 'unknown'
    network: dict[str, Any] = field(default_factory=dict)
    heads: dict[str, tuple[int, float]] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    licence: str = ''
    pixels: int = 0


def build_network(spec: StudentSpec, fresh: bool = False) -> StudentNetwork:
    """Return a newly initialised network of a spec.

    Args:
        spec: its ``network`` and ``heads`` count.
        fresh: begin with the encoder weights that ``network`` names; else they are random,
            because others will be loaded.

    Raises:
        FamdaError: see :class:`famda_train.models.student.StudentNetwork`; with ``fresh``, also for unknown options.
    """
    if fresh:
        check_options(spec.network)
    options = spec.network if fresh else {**spec.network, 'weights': None}
    return StudentNetwork(spec.heads, **options)


def check_options(network: Mapping[str, Any]) -> None:
    """Raise FamdaError for an option that the network does not have."""
    for name in network:
        if name not in NETWORK_DEFAULTS:
            raise FamdaError(f"the network has no option '{name}'; it takes {', '.join(NETWORK_DEFAULTS)}")


def checkpoint_entry(spec: StudentSpec, network: torch.nn.Module) -> dict[str, Any]:
    """Return what a checkpoint carries under :data:`KEY`: plain values and tensors."""
    space = reference(get_label_space(spec.label_space))
    return {'spec': {**asdict(spec), 'label_space': space}, 'weights': network.state_dict()}


def save_student(path: str | Path, spec: StudentSpec, network: torch.nn.Module) -> None:
    """Write a checkpoint with the student alone, atomically."""
    with atomic_path(path) as temporary:
        torch.save({KEY: checkpoint_entry(spec, network)}, temporary)


def load_student(
    path: str | Path, heads: Mapping[str, tuple[int, float]] | None = None
) -> tuple[StudentNetwork, StudentSpec]:
    """Return (network in evaluation mode, spec) of a checkpoint.

    Only tensors and plain values are unpickled: a checkpoint cannot run code.

    Args:
        path: of the checkpoint; ``package://famda_ros/...`` is one that comes with the package.
        heads: tasks wanted instead of those of the checkpoint; new ones start untrained.

    Raises:
        FamdaError: missing, damaged, or not a FAMDA checkpoint.
    """
    entry = read_checkpoint(path)
    try:
        ranges = {key: tuple(entry['spec'][key]) for key in ('depth_range_m', 'output_range_m')}
        own = {name: (outputs, start) for name, (outputs, start) in entry['spec']['heads'].items()}
        space = get_label_space(entry['spec']['label_space']).name
        wanted = own if heads is None else dict(heads)
        spec = StudentSpec(**{**entry['spec'], **ranges, 'label_space': space, 'heads': wanted})
        network = build_network(spec)
        weights = network.state_dict()
        weights.update({k: v for k, v in entry['weights'].items() if k in weights or heads is None})
        network.load_state_dict(weights)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise FamdaError(f"'{path}' was written by another version of FAMDA, or is damaged; train it again") from error
    return network.eval(), replace(spec, network={**spec.network, 'weights': None})


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Return what stands under :data:`KEY` in a checkpoint.

    Raises:
        FamdaError: missing, damaged, or not a FAMDA checkpoint.
    """
    return read_file(path)[KEY]


def read_file(path: str | Path) -> dict[str, Any]:
    """Return all that a checkpoint holds; errors as of :func:`read_checkpoint`."""
    try:
        checkpoint = torch.load(resolve(path), map_location='cpu', weights_only=True)
    except FileNotFoundError as error:
        raise FamdaError(f"there is no checkpoint '{path}'") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, KeyError) as error:
        raise FamdaError(f"'{path}' is not a readable checkpoint") from error
    if not isinstance(checkpoint, dict) or KEY not in checkpoint:
        raise FamdaError(f"'{path}' holds no FAMDA student; give a file written by famda fit")
    return checkpoint
