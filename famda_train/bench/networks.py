# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The networks of ``famda bench runtime``, with random weights: they cost the same as trained ones.

All are exported by the same code, and the others get the student's way of deciding and enlarging.
"""
from __future__ import annotations

import importlib
import importlib.util
import os
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn

from famda_ros.errors import FamdaError
from famda_ros.files import atomic_path
from famda_ros.student.label_space import get_label_space
from famda_ros.student.model_card import ModelCard
from famda_ros.student.resize import resize_image
from famda_train.export.export_student import with_metadata
from famda_train.export.graph_passes import trace
from famda_train.export.precision import convert
from famda_train.models.blocks import upsample
from famda_train.models.checkpoint import check_options
from famda_train.models.encoders.encoder import IMAGENET_MEAN, IMAGENET_STD
from famda_train.models.pyramid import TYPICAL_LOG_DEPTH
from famda_train.models.student import StudentNetwork
from famda_train.models.student_graph import StudentGraph, decide
from famda_train.world import render

STUDENT, STREET_WORLD = 'student', 'street_world_student'

SEGFORMER, DEPTH_ANYTHING = 'segformer_b0', 'depth_anything_small'
YOLO_LABELS, YOLO_DEPTH = 'yolo26n_sem', 'yolo26n_depth'
PEERS, YOLO = (SEGFORMER, DEPTH_ANYTHING), (YOLO_LABELS, YOLO_DEPTH)

OUTPUTS = {
    STUDENT: ('labels', 'confidence', 'depth'),
    STREET_WORLD: ('labels', 'confidence', 'depth'),
    SEGFORMER: ('labels', 'confidence'),
    DEPTH_ANYTHING: ('depth',),
    YOLO_LABELS: ('labels', 'confidence'),
    YOLO_DEPTH: ('depth',),
}
"""Row → outputs of its network: those that a user of it alone gets."""

LITE0 = {'encoder': 'efficientnet_lite0', 'separable': True}
"""The student that is meant for a robot, see docs/students.md."""

SEED = 500_000

FOCAL = 0.7
"""Focal length as a share of the width; the time does not depend on it."""
CALIBRATION_FRAMES = 4
SEGFORMER_STRIDE, YOLO_STRIDE = 4, 8
"""Pixels of the image per logit."""
NO_YOLO = (
    "ultralytics is not installed: the rows yolo26n_sem and yolo26n_depth are left out; it is licensed AGPL-3.0 and no "
    'part of FAMDA, get it with: pip install ultralytics'
)
OUTPUT_RANGE_M = (0.5, 120.0)


def export_network(
    path: Path, name: str, precision: str, size: tuple[int, int], label_space: str, network: dict[str, Any]
) -> None:
    """Write a network with a card and random weights.

    Args:
        path: .onnx file to write.
        name: a row of :data:`OUTPUTS`.
        precision: 'fp32', 'fp16' or 'int8'.
        size: (height, width).
        label_space: the classes of its labels.
        network: options of a student's network; the other networks have none.

    Raises:
        FamdaError: an option that the student does not have, or a package is missing.
    """
    height, width = size
    space = get_label_space(label_space)
    torch.manual_seed(0)
    graph = {
        STUDENT: lambda: student(len(space), network),
        STREET_WORLD: lambda: student(len(space), network),
        SEGFORMER: lambda: SegmentationGraph(segformer_b0(len(space))),
        DEPTH_ANYTHING: lambda: DepthGraph(depth_anything_small()),
        YOLO_LABELS: lambda: YoloSegmentation(yolo26('SemanticSegmentationModel', 'yolo26n-sem.yaml')),
        YOLO_DEPTH: lambda: YoloDepth(yolo26('DepthModel', 'yolo26n-depth.yaml')),
    }[name]()
    card = ModelCard(name, space, width, height, FOCAL * width, (1.0, 80.0), 'any', precision)
    frames = [
        resize_image(render(seed, 'night', 192, 96).image, width, height)
        for seed in range(SEED, SEED + CALIBRATION_FRAMES)
    ]
    model = convert(trace(graph, size, OUTPUTS[name]), precision, frames)
    with atomic_path(path) as temporary:
        onnx.save(with_metadata(model, card, '[]'), str(temporary))


def student(classes: int, options: dict[str, Any]) -> StudentGraph:
    """Return the graph of a student with segmentation and depth."""
    check_options(options)
    heads = {'segmentation': (classes, 0.0), 'depth': (1, TYPICAL_LOG_DEPTH)}
    return StudentGraph(StudentNetwork(heads, **options), OUTPUT_RANGE_M)


def segformer_b0(classes: int) -> nn.Module:
    """Return SegFormer-B0 (arXiv 2105.15203) of transformers."""
    transformers = _transformers()
    return transformers.SegformerForSemanticSegmentation(transformers.SegformerConfig(num_labels=classes))


def depth_anything_small() -> nn.Module:
    """Return Depth Anything Small (arXiv 2401.10891) of transformers."""
    transformers = _transformers()
    backbone = transformers.Dinov2Config(
        hidden_size=384, num_attention_heads=6, num_hidden_layers=12, image_size=518, patch_size=14,
        out_indices=[9, 10, 11, 12], apply_layernorm=True, reshape_hidden_states=False,
    )  # fmt: skip
    widths = [48, 96, 192, 384]
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=384, neck_hidden_sizes=widths, fusion_hidden_size=64
    )
    return transformers.DepthAnythingForDepthEstimation(config)


class PeerGraph(nn.Module):
    """A network of transformers with the image's normalisation before it.

    Args:
        network: takes ``pixel_values``.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network.eval()
        self.register_buffer('mean', 255 * torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer('std', 255 * torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))

    def raw(self, image: torch.Tensor) -> Any:
        """Return the outputs for an image, uint8 [1, H, W, 3]."""
        return self.network(pixel_values=(image.permute(0, 3, 1, 2).float() - self.mean) / self.std)


class SegmentationGraph(PeerGraph):
    """Labels and confidence, decided as the student does."""

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map uint8 [1, H, W, 3] to labels and confidence, uint8 [1, H, W]."""
        return decide(self.raw(image).logits, (image.shape[1], image.shape[2]), SEGFORMER_STRIDE)


class DepthGraph(PeerGraph):
    """Relative depth, upsampled as the student's."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map uint8 [1, H, W, 3] to float32 [1, H, W]."""
        return upsample(self.raw(image).predicted_depth[:, None], (image.shape[1], image.shape[2]))[:, 0]


def has_yolo() -> bool:
    """Tell whether the package of the YOLO26 networks is installed."""
    return importlib.util.find_spec('ultralytics') is not None


def yolo26(kind: str, description: str) -> nn.Module:
    """Return a YOLO26 network of ultralytics, built from the description that its package holds.

    Args:
        kind: class of ``ultralytics.nn.tasks``.
        description: YAML file of the package.

    Raises:
        FamdaError: ultralytics is not installed, or has no such network yet.
    """
    os.environ.setdefault('YOLO_OFFLINE', 'true')  # else it looks for a connection when it is imported
    try:
        tasks = importlib.import_module('ultralytics.nn.tasks')
        return getattr(tasks, kind)(description, verbose=False).eval()
    except ImportError as error:
        raise FamdaError(NO_YOLO) from error
    except (AttributeError, FileNotFoundError) as error:
        raise FamdaError(f"this ultralytics has no '{description}'; get a newer one, or remove it") from error


class YoloSegmentation(nn.Module):
    """Labels and confidence of a YOLO26 network, decided as the student does."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map uint8 [1, H, W, 3] to labels and confidence, uint8 [1, H, W]."""
        raw = self.network(image.permute(0, 3, 1, 2).float() / 255)
        return decide(raw, (image.shape[1], image.shape[2]), YOLO_STRIDE)


class YoloDepth(YoloSegmentation):
    """Depth of a YOLO26 network, upsampled as the student's."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """Map uint8 [1, H, W, 3] to float32 [1, H, W]."""
        raw = self.network(image.permute(0, 3, 1, 2).float() / 255)
        return upsample(raw, (image.shape[1], image.shape[2]))[:, 0]


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise FamdaError("transformers is not installed; get it with: pip install 'famda_ros[teachers]'") from error
    return transformers
