# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Names of the topics below a camera's namespace, and the encodings of the images on them."""
from __future__ import annotations

IMAGE, CAMERA_INFO = 'image', 'camera_info'
COMPRESSED = '/compressed'
"""What the name of a compressed image topic has after the name of the raw one, as image_transport names it."""

MASK, CONFIDENCE = 'segmentation/mask', 'segmentation/confidence'
COLOR, OVERLAY = 'segmentation/color', 'segmentation/overlay'
OVERLAY_COMPRESSED = f'{OVERLAY}{COMPRESSED}'
"""The overlay as JPEG, for narrow networks."""
DEPTH = 'depth/image'
DEPTH_COMPRESSED = f'{DEPTH}/compressedDepth'
"""Depth as a PNG of millimetres, as image_transport's compressedDepth; in bags of ``famda perceive``."""
POINTS = 'depth/points'
LABELS, LABEL_INFO = 'segmentation/labels', 'segmentation/label_info'
DOMAIN = 'domain'
"""Below the node's own name: whether the cameras see what the student was adapted to."""

IMAGE_TOPICS = {MASK: 'mono8', CONFIDENCE: 'mono8', COLOR: 'rgb8', OVERLAY: 'rgb8', DEPTH: '32FC1'}
"""Image outputs and their encodings."""

RECORDED_TOPICS = {topic: IMAGE_TOPICS[topic] for topic in (MASK, CONFIDENCE, COLOR, DEPTH)}
"""Image outputs that recordings of a run hold, and that the harness checks of every frame."""

MASK_INFO, DEPTH_INFO = INFO_TOPICS = ('segmentation/camera_info', 'depth/camera_info')
"""Calibration of the outputs, for their size."""

RECORDED = rf'({COMPRESSED}|/{CAMERA_INFO}|/{LABELS}|/{LABEL_INFO})$|^/tf(_static)?$'
NOT_RECORDED = r'/(segmentation|depth)/(camera_info|.*compressed)$'
"""Regular expressions of what adaptation needs of a robot's topics: the first, unless the second; searched for."""
