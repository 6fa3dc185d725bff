# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of everything in an image, from a model of the SAM family that segments what one points at.

The work is done by segment-anything's own generator (Kirillov et al., Segment Anything, 2023):
a grid of points on the image and on layers of overlapping crops, filters on predicted IoU and
stability, non-maximum suppression of boxes.  A model that is not segment-anything's takes part
as a :class:`PointPredictor`.  Both also say what a single point lies on: :class:`PointMasks`.
"""
from __future__ import annotations

import abc
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from segment_anything import SamAutomaticMaskGenerator, SamPredictor

from famda_ros.errors import FamdaError
from famda_train.teachers.painting import paint, suppress_overlaps
from famda_train.teachers.setting_types import AtLeastOne, Count, NotNegative, Share
from famda_train.teachers.torch_runtime import FittingBatch, Precision, autocast

OUT_OF_MEMORY_ADVICE = 'take a smaller model, or device=cpu'


@dataclass(frozen=True)
class GeneratorSettings:
    """Settings of segment-anything's generator, under its names, and of what follows it.

    Attributes:
        points_per_side: points of the grid along a side of the image.
        pred_iou_thresh: least quality that the model predicts for a mask, 0..1.
        stability_score_thresh: least IoU between the mask cut at a higher and at a lower value, 0..1.
        stability_score_offset: how much higher and lower, logits.
        box_nms_thresh: IoU of boxes above which the worse of two masks goes.
        crop_n_layers: layers of crops that are looked at besides the image, for small objects;
            layer n has 4^n crops.
        crop_nms_thresh: IoU of boxes above which the worse of two masks of different crops goes.
        crop_overlap_ratio: overlap of the crops of the first layer, share of the image's shorter side.
        crop_n_points_downscale_factor: points_per_side on layer n is divided by this to the power n.
        min_mask_region_area: smaller holes and islands of a mask are removed, pixels.
        mask_nms_thresh: IoU of masks above which the worse of two goes; 1 = off.
        min_area: smaller masks are left out, pixels.
    """

    points_per_side: AtLeastOne = 32
    pred_iou_thresh: Share = 0.88
    stability_score_thresh: Share = 0.95
    stability_score_offset: NotNegative = 1.0
    box_nms_thresh: Share = 0.7
    crop_n_layers: Count = 0
    crop_nms_thresh: Share = 0.7
    crop_overlap_ratio: Share = 512 / 1500
    crop_n_points_downscale_factor: AtLeastOne = 1
    min_mask_region_area: Count = 0
    mask_nms_thresh: Share = 1.0
    min_area: Count = 0

    def __post_init__(self):
        if min(self.crop_n_layers, self.crop_n_points_downscale_factor - 1) < 0:
            raise FamdaError('crop_n_layers must be 0 or more, and crop_n_points_downscale_factor 1 or more')
        if self.points_per_side // self.crop_n_points_downscale_factor**self.crop_n_layers < 1:
            raise FamdaError(
                f'points_per_side {self.points_per_side} leaves no points on crop layer {self.crop_n_layers}; '
                'raise it, or lower crop_n_layers or crop_n_points_downscale_factor'
            )

    def of_generator(self) -> dict[str, Any]:
        """Return the arguments of the generator."""
        return {name: value for name, value in asdict(self).items() if name not in ('mask_nms_thresh', 'min_area')}


FINE_MASKS = GeneratorSettings(
    pred_iou_thresh=0.86, stability_score_thresh=0.92, crop_n_layers=1, crop_n_points_downscale_factor=2,
    min_mask_region_area=100, mask_nms_thresh=0.9, min_area=20,
)  # fmt: skip
"""A finer preset than segment-anything's, chosen for pseudo-labels (SAM4UDASS, 2023): thin and small things count."""


class PointPredictor(abc.ABC):
    """What the generator asks of a model: to look at an image once, then to segment what points lie on.

    Attributes:
        device: device that points are expected on and masks are returned on.
        mask_threshold: a pixel belongs to a mask where its logit is above this.
    """

    device = torch.device('cpu')
    mask_threshold = 0.0

    @abc.abstractmethod
    def set_image(self, image: np.ndarray) -> None:
        """Look at an image or a crop of one, uint8 [H, W, 3] RGB."""

    @abc.abstractmethod
    def reset_image(self) -> None:
        """Forget the image."""

    @abc.abstractmethod
    def masks_at(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Segment what single points lie on.

        Args:
            points: float [N, 2], (x, y) in pixels of the image.

        Returns:
            logits: float [N, M, H, W] at image size, M masks of different extent per point.
            quality: float [N, M], predicted IoU with the true mask.
        """

    # The names under which segment-anything's generator looks for these.

    image_encoder = SimpleNamespace(img_size=1024)  # read once, by a resizing that apply_coords replaces

    @property
    def model(self) -> PointPredictor:
        """Itself: the generator reads ``model.mask_threshold``."""
        return self

    @property
    def transform(self) -> PointPredictor:
        """Itself: the generator calls ``transform.apply_coords``."""
        return self

    def apply_coords(self, points: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
        """Return the points as they are; :meth:`masks_at` scales them."""
        return points

    def predict_torch(
        self, points: torch.Tensor, labels: torch.Tensor, **_: Any
    ) -> tuple[torch.Tensor, torch.Tensor, None]:
        """Return (logits, quality, None) for points [N, 1, 2] that all lie on what is meant."""
        logits, quality = self.masks_at(points[:, 0].float())
        return logits.float(), quality.float(), None


class _SamPredictor(SamPredictor):
    """segment-anything's predictor; what it returns is fp32 at every precision, as the generator needs it."""

    def predict_torch(self, *args, **kwargs):
        return tuple(value.float() for value in super().predict_torch(*args, **kwargs))


class _Generator(SamAutomaticMaskGenerator):
    """segment-anything's generator, also for crops in which it finds nothing (upstream fails there)."""

    def _process_crop(self, *args, **kwargs):
        data = super()._process_crop(*args, **kwargs)
        data['crop_boxes'] = data['crop_boxes'].reshape(-1, 4).long()
        return data


class PointMasks:
    """What a single point lies on, in one image at a time: the decoder without the generator's grid and filters.

    Args:
        predictor: segment-anything's, or a :class:`PointPredictor`.
        device, precision: device that the model runs on, and its precision.
    """

    def __init__(self, predictor: Any, device: torch.device, precision: Precision):
        self._predictor, self._device, self._precision = predictor, device, precision
        self._size = (0, 0)

    def look_at(self, image: np.ndarray) -> None:
        """Encode an image, uint8 [H, W, 3] RGB: the slow half, once an image."""
        self._size = image.shape[:2]
        with torch.inference_mode(), autocast(self._device, self._precision):
            self._predictor.set_image(image)

    def at(self, x: int, y: int) -> np.ndarray:
        """Return bool [M, H, W], the masks of different extent at a pixel of the image that was looked at last."""
        predictor, device = self._predictor, self._predictor.device
        point = torch.as_tensor(predictor.transform.apply_coords(np.array([[x, y]], float), self._size))
        on_it = torch.ones((1, 1), dtype=torch.int, device=device)
        with torch.inference_mode(), autocast(self._device, self._precision):
            logits = predictor.predict_torch(
                point[:, None].float().to(device), on_it, multimask_output=True, return_logits=True
            )[0]
        return (logits[0] > predictor.model.mask_threshold).cpu().numpy()


class AutomaticMasks:
    """Image → segments: the generator's masks, near-duplicates removed, painted by area.

    Args:
        model: a ``segment_anything.modeling.Sam``, or a :class:`PointPredictor`.
        settings: settings of the generator.
        points_per_batch: points that are decoded at a time; halved where GPU memory does not suffice.
        device, precision: device that the model runs on, and its precision.
        what: runs, for messages.

    Attributes:
        pointer: the same model, asked for single points.
    """

    def __init__(
        self,
        model: Any,
        settings: GeneratorSettings,
        points_per_batch: int,
        device: torch.device,
        precision: Precision,
        what: str,
    ):
        self._settings, self._device, self._precision = settings, device, precision
        self._generator = _Generator(model, **settings.of_generator())
        self._generator.predictor = model if isinstance(model, PointPredictor) else _SamPredictor(model)
        self.pointer = PointMasks(self._generator.predictor, device, precision)
        self._batch = FittingBatch(points_per_batch, what, OUT_OF_MEMORY_ADVICE)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return uint16 [H, W] ids for uint8 [H, W, 3] RGB; 0 = no mask."""
        records = self._batch.run(lambda points: self._records(image, points))
        masks = [record['segmentation'] for record in records]
        scores = [record['predicted_iou'] for record in records]
        kept = suppress_overlaps(masks, scores, self._settings.mask_nms_thresh)
        return paint([masks[index] for index in kept], image.shape[:2], self._settings.min_area)

    def _records(self, image: np.ndarray, points_per_batch: int) -> list[dict[str, Any]]:
        self._generator.points_per_batch = points_per_batch
        with torch.inference_mode(), autocast(self._device, self._precision):
            return self._generator.generate(image)
