# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The street world: a procedural street with exact labels, metric depth and instance ids.

The same seed gives the same street in every domain but ``varied`` and ``open``; only light, colours, weather and
sensor differ.
"""
from famda_train.world.camera import Camera, default_camera
from famda_train.world.domains import DOMAINS
from famda_train.world.drive import drive
from famda_train.world.render import Rendering, render, render_many

__all__ = ['DOMAINS', 'Camera', 'Rendering', 'default_camera', 'drive', 'render', 'render_many']
