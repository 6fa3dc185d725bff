# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Random damage to the messages of a camera: one sentence, or values that can be.

``FAMDA_DAMAGES`` is the number of damages per test, the same ones in every run.
"""
from __future__ import annotations

import math
import os
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rosbags.rosbag2 import StoragePlugin, Writer

from famda_ros.errors import FamdaError
from famda_ros.messages.bag_reader import iter_frames
from famda_ros.messages.bag_types import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE, typestore
from famda_ros.messages.camera_info import (
    LEAST_FOCAL_WIDTHS,
    MOST_FOCAL_RATIO,
    MOST_FOCAL_WIDTHS,
    calibration_fault,
    fill_camera_info,
    focal_of,
    intrinsics_of,
    shape_fault,
    shown_size,
)
from famda_ros.messages.image_encodings import ENCODINGS, PICTURES
from famda_ros.messages.image_messages import MalformedImage, compressed_to_rgb, faint_fault, image_to_rgb

DAMAGES = int(os.environ.get('FAMDA_DAMAGES', '100'))
damages = settings(
    max_examples=DAMAGES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
HEIGHT, WIDTH = 24, 40
T = typestore().types
HEADER = T['std_msgs/msg/Header'](T['builtin_interfaces/msg/Time'](5, 7), 'cam')
PICTURE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
DEEP = np.random.default_rng(1).integers(0, 65536, (HEIGHT, WIDTH), np.uint16)

ODD = [0, -1, 1, 0.5, 1e-300, 1e300, -1e300, 3.0, 39.0, 41.0, 1e4, 1e7, math.nan, math.inf, -math.inf]
SIZES = [0, 1, 2, WIDTH - 1, WIDTH + 1, 2 * WIDTH, 65536, 2**31, 2**32 - 1]
UINT32 = st.sampled_from(SIZES) | st.integers(0, 2**32 - 1)
NUMBERS = st.sampled_from(ODD) | st.floats()


def calibration():
    k = np.array([50.0, 0, 19.5, 0, 50.0, 11.5, 0, 0, 1])
    p = np.array([50.0, 0, 19.5, 0, 0, 50.0, 11.5, 0, 0, 0, 1, 0])
    roi = T['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
    return T[CAMERA_INFO](HEADER, HEIGHT, WIDTH, 'plumb_bob', np.zeros(5), k, np.eye(3).ravel(), p, 0, 0, roi)


@st.composite
def calibrations(draw):
    """Change a few values, as drivers, calibration files and people do."""
    info = calibration()
    info.p[:] = draw(st.sampled_from([info.p, np.zeros(12), np.full(12, np.nan)]))
    for _ in range(draw(st.integers(1, 4))):
        field = draw(st.sampled_from(['k', 'p', 'width', 'height', 'binning_x', 'binning_y', 'roi', 'all of k']))
        if field in ('k', 'p'):
            values = getattr(info, field)
            values[draw(st.integers(0, len(values) - 1))] = draw(NUMBERS)
        elif field == 'all of k':
            info.k[:] = info.k * draw(NUMBERS)
        elif field == 'roi':
            name = draw(st.sampled_from(['x_offset', 'y_offset', 'width', 'height']))
            info = replace(info, roi=replace(info.roi, **{name: draw(UINT32)}))
        else:
            info = replace(info, **{field: draw(UINT32)})
    return info


@pytest.mark.filterwarnings('ignore:.*encountered in:RuntimeWarning')  # of the damage itself: inf * 0
@damages
@given(calibrations(), st.integers(1, 4000), st.integers(1, 4000))
def test_a_damaged_calibration_is_refused_or_is_that_of_a_lens(info, width, height):
    fault, shape = calibration_fault(info), shape_fault(info, width, height)
    assert '\n' not in fault + shape
    scaled = fill_camera_info(SimpleNamespace(roi=SimpleNamespace()), info, HEADER, 0.5, 2.0)
    assert max(scaled.width, scaled.height, scaled.roi.x_offset, scaled.roi.width) < 2**32
    camera, focal = intrinsics_of(info, width, height), focal_of(info, width, height)
    assert (camera is None) == (focal is None)
    if fault or camera is None:
        return
    shown, _ = shown_size(info)
    for value in (camera.fx * shown / width, camera.fy * shown_size(info)[1] / height):  # in pixels of the sensor
        assert value > 0
        if info.width:
            assert LEAST_FOCAL_WIDTHS * info.width <= value * 1.001 and value <= 1.001 * MOST_FOCAL_WIDTHS * info.width
    assert math.isfinite(camera.cx) and math.isfinite(camera.cy) and min(focal) > 0
    if shape == '' and info.binning_x == info.binning_y:
        assert max(focal) / min(focal) < 1.1 * MOST_FOCAL_RATIO * max(width / height, height / width, 2)


@st.composite
def raw_images(draw):
    """Change fields of a sound message, and its bytes."""
    encoding = draw(st.sampled_from(sorted(ENCODINGS)))
    layout = ENCODINGS[encoding]
    step = WIDTH * layout.channels * np.dtype(layout.dtype).itemsize
    data = np.random.default_rng(draw(st.integers(0, 3))).integers(0, 256, HEIGHT * step, np.uint8)
    values = {'height': HEIGHT, 'width': WIDTH, 'encoding': encoding, 'is_bigendian': 0, 'step': step, 'data': data}
    for name in draw(st.lists(st.sampled_from(list(values)), max_size=3)):
        match name:
            case 'encoding':
                values[name] = draw(st.sampled_from([*ENCODINGS, '64FC3', '', '\0', 'nv12']) | st.text())
            case 'is_bigendian':
                values[name] = draw(st.integers(0, 255))
            case 'data':
                cut = draw(st.integers(0, len(data)))
                values[name] = draw(st.sampled_from([data[:cut], np.tile(data, 2), data[:0]]))
            case _:
                values[name] = draw(UINT32)
    return SimpleNamespace(**values)


@damages
@given(raw_images())
def test_a_damaged_image_is_refused_or_has_the_size_it_says(message):
    try:
        rgb = image_to_rgb(message)
    except MalformedImage as error:
        assert str(error) and len(str(error).splitlines()) == 1
        return
    assert message.encoding in PICTURES
    assert rgb.dtype == np.uint8 and rgb.shape == (message.height, message.width, 3)
    assert message.step * message.height == len(message.data)
    assert isinstance(faint_fault(message, rgb), str)


FILES = {
    'jpeg': cv2.imencode('.jpg', PICTURE)[1].tobytes(),
    'progressive': cv2.imencode('.jpg', PICTURE, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes(),
    'png': cv2.imencode('.png', PICTURE)[1].tobytes(),
    'png of 16 bits': cv2.imencode('.png', DEEP)[1].tobytes(),
    'webp': cv2.imencode('.webp', PICTURE)[1].tobytes(),
}
FORMATS = [
    'jpeg', 'png', 'rgb8; jpeg compressed bgr8', 'mono16; png compressed ', '16UC1; png compressed ', '32FC1; jpeg',
    '16UC1; compressedDepth png', 'bayer_rggb8; jpeg compressed ', 'bayer_rggb16; png', '', ';', '\0',
]  # fmt: skip


@damages
@given(st.data())
def test_a_damaged_compressed_image_is_refused_or_is_whole(data):
    name, form = data.draw(st.sampled_from(sorted(FILES))), data.draw(st.sampled_from(FORMATS) | st.text(max_size=8))
    content = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    kept = data.draw(st.just(len(content)) | st.integers(0, len(content)))
    tail = data.draw(st.sampled_from([b'', bytes(9), b'\n']))
    message = SimpleNamespace(format=form, data=bytes(content[:kept]) + tail)
    try:
        rgb = compressed_to_rgb(message)
    except MalformedImage as error:
        assert str(error) and len(str(error).splitlines()) == 1
        return
    assert rgb.dtype == np.uint8 and rgb.ndim == 3 and rgb.shape[2] == 3
    assert name != 'webp' and 'compressedDepth' not in form and not form.startswith(('16UC1', '32FC1'))
    if name == 'png of 16 bits' and bytes(content) == FILES[name]:
        assert form.startswith(('mono16', 'bayer_rggb16')), 'grey of 16 bits may be depth'
    if name.startswith('png'):
        assert kept == len(content) and rgb.shape[:2] == (HEIGHT, WIDTH), 'a checksum guards every byte'


def serialized(kind, message):
    return bytes(typestore().serialize_cdr(message, kind))


MESSAGES = {
    IMAGE: serialized(IMAGE, T[IMAGE](HEADER, HEIGHT, WIDTH, 'rgb8', 0, 3 * WIDTH, PICTURE.ravel())),
    COMPRESSED_IMAGE: serialized(
        COMPRESSED_IMAGE, T[COMPRESSED_IMAGE](HEADER, 'jpeg', np.frombuffer(FILES['jpeg'], np.uint8))
    ),
    CAMERA_INFO: serialized(CAMERA_INFO, calibration()),
}


@damages
@given(st.data())
def test_damaged_bytes_in_a_recording_are_left_out_and_told(tmp_path_factory, data):
    kind = data.draw(st.sampled_from([IMAGE, COMPRESSED_IMAGE]))
    broken = data.draw(st.sampled_from([kind, CAMERA_INFO]))
    content = bytearray(MESSAGES[broken])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, min(len(content) - 1, 250)))] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))])
    path = tmp_path_factory.mktemp('damaged') / 'bag'
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        image = bag.add_connection('/cam/image', kind, typestore=typestore())
        info = bag.add_connection('/cam/camera_info', CAMERA_INFO, typestore=typestore())
        for time in range(3):
            bag.write(info, time, content if (broken, time) == (CAMERA_INFO, 1) else MESSAGES[CAMERA_INFO])
            bag.write(image, time, content if (broken, time) == (kind, 1) else MESSAGES[kind])
    malformed, told = [], []
    try:
        frames = list(iter_frames(path, None, malformed.append, told.append, told.append))
    except FamdaError as error:
        assert len(str(error).splitlines()) == 1
        raise AssertionError(f'one message spoils the recording: {error}') from error
    assert len(frames) + len(malformed) == 3 and len(frames) >= 2
    assert all(len(str(fault).splitlines()) == 1 for fault in (*malformed, *told))
    for frame in frames:
        assert frame.focal is None or frame.focal >= LEAST_FOCAL_WIDTHS * frame.image.shape[1] * 0.999
