# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""SAM 2 and other models of the SAM family that transformers carries."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from famda_train.label_store.licences import APACHE, UNKNOWN, licence
from famda_train.teachers.automatic_masks import FINE_MASKS, AutomaticMasks, PointPredictor
from famda_train.teachers.hub import ModelFolder, find_model, load_model
from famda_train.teachers.setting_types import AtLeastOne
from famda_train.teachers.torch_runtime import Precision, choose_device, choose_precision
from famda_train.teachers.weights import Weights

TERMS = {kind: APACHE for kind in ('sam', 'sam2', 'sam2_video', 'sam_hq', 'edgetam', 'edgetam_video')}
TERMS |= {kind: 'SAM License' for kind in ('sam3_tracker', 'sam3_video')}
"""Licence of the weights that the authors of a kind of model published; kinds are ``model_type`` of config.json."""

PUBLISHED = (
    'facebook/sam2.1-hiera-tiny',
    'facebook/sam2.1-hiera-small',
    'facebook/sam2.1-hiera-base-plus',
    'facebook/sam2.1-hiera-large',
    'facebook/sam-vit-base',
    'facebook/sam-vit-large',
    'facebook/sam-vit-huge',
)
"""Some that can be had from the Hugging Face hub."""


class TransformersSamMasks:
    """Models that transformers offers for mask generation: SAM 2, SAM, SAM-HQ, EdgeTAM.

    The model and its image processor are those of transformers; points, crops and filters are those of
    segment-anything's generator, as for the teacher sam.  The mask-generation pipeline of transformers is not
    used: it scales points as SAM 1 does, so that with SAM 2 the lower part of a wide image gets none.

    Args:
        model: folder or id on the Hugging Face hub.
        revision: commit, tag or branch on the hub; null = what the hub's cache holds, else the main branch.
        points_per_batch: points decoded at a time; no part of the identity.
        device: auto = the GPU where there is one, cpu, cuda, cuda:1.
        precision: auto = fp16 on a GPU, fp32 on a CPU.
        generator: the fields of GeneratorSettings.
    """

    generator = replace(FINE_MASKS, pred_iou_thresh=0.8)

    def __init__(
        self,
        model: str = 'facebook/sam2.1-hiera-large',
        revision: str | None = None,
        points_per_batch: AtLeastOne = 64,
        device: str = 'auto',
        precision: Precision = 'auto',
        **generator: Any,
    ):
        settings = replace(self.generator, **generator)
        place = choose_device(device)
        precision = choose_precision(precision, place)
        folder = find_model(model, revision)
        predictor = load_predictor(folder, place)
        self._segment = AutomaticMasks(predictor, settings, points_per_batch, place, precision, "mask teacher 'sam2'")
        self.pointer = self._segment.pointer
        self.identity: dict[str, Any] = {
            'name': 'sam2',
            'kind': 'segments',
            'settings': {**vars(settings), 'precision': precision},
            **folder.identity(),
            'licence': licence(terms_of(folder, predictor.kind)),
        }

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return uint16 [H, W] ids; 0 = no mask."""
        return self._segment(image)

    @staticmethod
    def weights() -> list[Weights]:
        """Return some that the hub has."""
        advice = 'taken from the Hugging Face hub at first use, or give a folder; setting model'
        return [Weights(name, APACHE, available=None, advice=advice) for name in PUBLISHED]


def terms_of(folder: ModelFolder, kind: str) -> str:
    """Return the licence of weights from the hub; what was done to those of a local folder is not known.

    Args:
        folder: where the model lies.
        kind: ``model_type`` of its configuration.
    """
    return TERMS.get(kind, UNKNOWN) if folder.revision else UNKNOWN


class TransformersPredictor(PointPredictor):
    """A SAM-family model of transformers, with its image processor.

    Args:
        network: offered by transformers for mask generation.
        processor: its image processor.
        device: device that holds the network.
    """

    def __init__(self, network: Any, processor: Any, device: torch.device):
        self._network, self._processor, self.device = network, processor, device
        self.kind: str = network.config.model_type
        self.reset_image()

    def set_image(self, image: np.ndarray) -> None:
        """Encode an image, uint8 [H, W, 3]."""
        inputs = self._processor(images=image, return_tensors='pt')
        pixels = inputs['pixel_values'].to(self.device)
        # What the image fills of the network's input: all of it where it is stretched, a part where it is padded.
        resized = inputs.get('reshaped_input_sizes', [torch.tensor(pixels.shape[-2:])])[0]
        self._size, self._resized = image.shape[:2], [int(side) for side in resized]
        features = self._network.get_image_embeddings(pixels)
        if isinstance(features, tuple):  # SAM-HQ
            self._features = {'image_embeddings': features[0], 'intermediate_embeddings': features[1]}
        else:
            self._features = {'image_embeddings': features}

    def reset_image(self) -> None:
        """Forget the image."""
        self._features, self._size, self._resized = {}, (0, 0), [0, 0]

    def masks_at(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (logits [N, M, H, W], quality [N, M]) for points [N, 2] (x, y) in pixels of the image."""
        (height, width), (to_height, to_width) = self._size, self._resized
        scaled = points * points.new_tensor([to_width / width, to_height / height])
        output = self._network(input_points=scaled[None, :, None], **self._features)
        logits = self._processor.post_process_masks(
            output.pred_masks, [[height, width]], reshaped_input_sizes=[self._resized], binarize=False
        )[0]
        return logits, output.iou_scores[0]


def load_predictor(folder: ModelFolder, device: torch.device) -> TransformersPredictor:
    """Return the model of a folder, ready to segment.

    Raises:
        FamdaError: the folder holds no such model, or not all of it.
    """
    processor, network = load_model(folder, 'AutoModelForMaskGeneration', 'model for mask generation')
    return TransformersPredictor(network.eval().to(device), processor, device)
