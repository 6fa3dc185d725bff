# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Frames in the Rerun viewer (https://rerun.io): live, or as an ``.rrd`` file."""
from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from famda_ros.errors import FamdaError
from famda_ros.files import make_output_folder
from famda_ros.messages.camera_info import Intrinsics
from famda_ros.messages.depth_image import CONFIG_HEADER, compress_depth
from famda_ros.messages.image_messages import encode_image
from famda_ros.messages.point_cloud import organised_points
from famda_ros.student.colorize import color_mask
from famda_ros.student.label_space import IGNORE, LabelSpace
from famda_train.inspection.viewing import Layer, ViewFrame, ViewSource, image_scalars, layer_scalars
from famda_train.pictures.depth_colors import NEAR_M

SUFFIX = '.rrd'
IMAGE = 'image'
SCALARS = 'diagnostics'
MESSAGES = 'messages'
FRAME, STAMP = 'frame', 'stamp'
"""Timelines: the number of the frame, and its stamp where frames have one."""
FARTHEST_M = 65.0
"""End of the colours of depth, which is held as millimetres of 16 bits."""
MOST_POINTS = 20_000
"""Points of a frame: every n-th pixel of every n-th row, so that there are no more."""
EDGE_FILTER = 2.7
"""Degrees, as the node takes points at depth edges away; see :func:`famda_ros.messages.point_cloud.flying`."""
JPEG_QUALITY = 90
WAIT_EVERY = 8
"""After so many frames it waits until they are written or sent, so that they do not pile up in memory."""


class RerunLog:
    """A recording of Rerun that frames are logged into; use as a context manager.

    Attributes:
        logged: number of frames that were logged.
    """

    def __init__(self, source: ViewSource, save: str | Path | None = None):
        """Open the viewer, or begin a file that appears under its name when it is complete.

        Args:
            source: what will be logged; its frames are not read here.
            save: .rrd file, which must not exist; None = the viewer's window.

        Raises:
            FamdaError: Rerun is not installed, there is no display, or the file cannot be written.
        """
        self._path = None if save is None else _output_file(save)
        self._rr = _import_rerun()
        self._spaces = source.spaces
        self.logged = 0
        self._recording = self._rr.RecordingStream('famda', recording_id=None)
        self._recording.send_recording_name(source.name)
        blueprint = _blueprint(source)
        if self._path is None:
            check_display()
            self._recording.spawn(hide_welcome_screen=True, detach_process=True, default_blueprint=blueprint)
        else:
            self._temporary = self._path.with_name(f'.{self._path.stem}.{os.getpid()}.tmp{SUFFIX}')
            self._recording.save(self._temporary, default_blueprint=blueprint)
        self._describe(source)

    def __enter__(self) -> RerunLog:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        self._recording.flush()
        self._recording.disconnect()
        if self._path is not None:
            if kind is None:
                self._temporary.replace(self._path)
            self._temporary.unlink(missing_ok=True)

    def log(self, frame: ViewFrame) -> None:
        """Log a frame on both timelines."""
        rr, recording = self._rr, self._recording
        recording.set_time(FRAME, sequence=self.logged)
        if frame.stamp_ns is not None:
            recording.set_time(STAMP, timestamp=np.datetime64(frame.stamp_ns, 'ns'))
        scalars = dict(frame.scalars)
        if frame.image is not None:
            data = frame.encoded or encode_image(frame.image, '.jpg', JPEG_QUALITY)
            recording.log(IMAGE, rr.EncodedImage(contents=data, media_type='image/jpeg'))
            scalars |= image_scalars(frame.image)
        for name, layer in frame.layers.items():
            self._log_layer(name, layer, frame.image, frame.intrinsics)
            scalars |= layer_scalars(name, layer, self._spaces.get(name))
        for name, value in scalars.items():
            if math.isfinite(value):
                recording.log([SCALARS, *name.split('/')], rr.Scalars(value))
        for name, sentence in frame.messages:
            recording.log([MESSAGES, name], rr.TextLog(sentence))
        self.logged += 1
        if self.logged == 1 or self.logged % WAIT_EVERY == 0:
            recording.flush()

    def _log_layer(self, name: str, layer: Layer, image: np.ndarray | None, camera: Intrinsics | None) -> None:
        rr, recording = self._rr, self._recording
        if layer.labels is not None:
            recording.log(f'{name}/labels', rr.SegmentationImage(layer.labels))
        if layer.segments is not None:
            recording.log(f'{name}/segments', rr.SegmentationImage(layer.segments))
        if layer.confidence is not None:
            recording.log(f'{name}/confidence', rr.Image(layer.confidence, 'L'))
        if layer.picture is not None:
            data = encode_image(layer.picture, '.png')
            recording.log(f'{name}/picture', rr.EncodedImage(contents=data, media_type='image/png'))
        if layer.depth is not None:
            recording.log(f'{name}/depth', self._depth_image(layer.depth))
            if camera is not None:
                recording.log(f'{name}/points', self._points(layer, image, camera, self._spaces.get(name)))

    def _depth_image(self, depth: np.ndarray) -> Any:
        """Return a PNG of millimetres, see :func:`famda_ros.messages.depth_image.compress_depth`."""
        return self._rr.EncodedDepthImage(
            compress_depth(depth)[CONFIG_HEADER.size :],
            media_type='image/png',
            meter=1000.0,
            colormap='turbo',
            depth_range=[1000 * FARTHEST_M, 1000 * NEAR_M],  # from far to near: near is red, as in all pictures
        )

    def _points(self, layer: Layer, image: np.ndarray | None, camera: Intrinsics, space: LabelSpace | None) -> Any:
        """Return the points of the pixels whose depth is known, in the camera's colours, else in those of classes."""
        depth = layer.depth
        assert depth is not None
        labels = np.zeros(depth.shape, np.uint8) if layer.labels is None else layer.labels
        if image is None or image.shape[:2] != depth.shape:
            image = color_mask(labels, space) if space else np.full((*depth.shape, 3), 200, np.uint8)
        stride = max(1, math.ceil(math.sqrt(depth.size / MOST_POINTS)))
        points = organised_points(image, labels, depth, camera, stride, EDGE_FILTER)
        points = points[np.isfinite(points['z'])]
        return self._rr.Points3D(
            np.stack([points['x'], points['y'], points['z']], axis=-1),
            colors=points['rgb'].astype(np.uint32) << 8 | 0xFF,
            class_ids=None if layer.labels is None else points['label'].astype(np.uint16),
            radii=self._rr.Radius.ui_points(1.5),
        )

    def _describe(self, source: ViewSource) -> None:
        """Log what holds for all frames: the classes, and where up is."""
        for name, parts in source.parts.items():
            space = source.spaces.get(name)
            rows = [] if space is None else _classes(space)
            if 'segments' in parts:
                rows = [(0, 'no mask', (0, 0, 0, 0))]
            if rows:
                self._recording.log(name, self._rr.AnnotationContext(rows), static=True)
            if 'labels' in parts and space is not None:
                for class_, color in zip(space.classes, space.colors, strict=True):
                    line = self._rr.SeriesLines(colors=[color], names=class_)
                    self._recording.log([SCALARS, name, 'share', class_], line, static=True)
            if 'depth' in parts:
                self._recording.log(f'{name}/points', self._rr.ViewCoordinates.RDF, static=True)


def _classes(space: LabelSpace) -> list[tuple[int, str, tuple[int, int, int, int]]]:
    """Return (id, name, RGBA) of a label space; unlabelled pixels are transparent."""
    rows = zip(space.classes, space.colors, strict=True)
    classes = [(i, name, (*color, 255)) for i, (name, color) in enumerate(rows)]
    return [*classes, (IGNORE, 'unlabelled', (0, 0, 0, 0))]


def _blueprint(source: ViewSource) -> Any:
    """Return the arrangement of views: pictures and points above, numbers over time below."""
    import rerun as rr
    import rerun.blueprint as rrb

    pictures = [rrb.Spatial2DView(origin='/', contents=[f'/{IMAGE}'], name=IMAGE)] if source.has_images else []
    clouds = []
    for name, parts in source.parts.items():
        for part in parts:
            entity = f'/{name}/{part}'
            pictures.append(rrb.Spatial2DView(origin='/', contents=[entity], name=f'{name}: {part}'))
            if part in ('labels', 'segments') and source.has_images:
                over: Any = {entity: rr.SegmentationImage.from_fields(opacity=0.5)}
                title = f'{name}: {part} over the image'
                view = rrb.Spatial2DView(origin='/', contents=[f'/{IMAGE}', entity], name=title, overrides=over)
                pictures.append(view)
        if 'depth' in parts:
            clouds.append(rrb.Spatial3DView(origin=f'/{name}/points', name=f'{name}: points'))
    shares = [f'/{SCALARS}/{name}/{what}' for name in source.parts for what in ('share/**', 'confidence')]
    others = [f'+ /{SCALARS}/**', *(f'- {entity}' for entity in shares)]
    numbers = rrb.Horizontal(
        *([rrb.TimeSeriesView(origin='/', contents=shares, name='shares of classes, confidence')] if shares else []),
        rrb.Tabs(
            rrb.TimeSeriesView(origin='/', contents=others, name=SCALARS),
            rrb.TextLogView(origin=f'/{MESSAGES}', name=MESSAGES),
        ),
    )
    upper = [rrb.Grid(*pictures), *([rrb.Tabs(*clouds)] if clouds else [])]
    return rrb.Blueprint(rrb.Vertical(rrb.Horizontal(*upper), numbers, row_shares=[3, 1]), collapse_panels=True)


def _output_file(save: str | Path) -> Path:
    path = Path(save)
    if path.suffix.lower() != SUFFIX:
        raise FamdaError(f"'{save}' is no file of the Rerun viewer; give one that ends in {SUFFIX}")
    if path.exists():
        raise FamdaError(f"'{save}' exists already; remove it or choose another name")
    make_output_folder(path.parent)
    return path


def check_display(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> None:
    """Raise FamdaError where no window can be opened."""
    if platform.startswith('linux') and not (environment.get('DISPLAY') or environment.get('WAYLAND_DISPLAY')):
        raise FamdaError(
            'there is no display for the viewer; write a file with --save out.rrd and open it where there is one: '
            'rerun out.rrd, or in a browser: rerun --web-viewer out.rrd'
        )


def _import_rerun() -> Any:
    try:
        import rerun
    except ImportError as error:
        raise FamdaError("the viewer needs rerun-sdk; get it with: pip install 'famda_ros[view]'") from error
    return rerun
