# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from famda_ros.messages.image_encodings import ENCODINGS, PICTURES
from famda_ros.messages.image_messages import MalformedImage, image_to_rgb

# OpenCV's two ways of naming a mosaic: by the first two pixels of the first row and of the second.
OPENCV = {
    'rgb': None,
    'bgr': cv2.COLOR_BGR2RGB,
    'rgba': cv2.COLOR_RGBA2RGB,
    'bgra': cv2.COLOR_BGRA2RGB,
    'mono': cv2.COLOR_GRAY2RGB,
    'bayer_rggb': cv2.COLOR_BayerBG2RGB,
    'bayer_bggr': cv2.COLOR_BayerRG2RGB,
    'bayer_gbrg': cv2.COLOR_BayerGR2RGB,
    'bayer_grbg': cv2.COLOR_BayerGB2RGB,
    'yuv422': cv2.COLOR_YUV2RGB_UYVY,
    'uyvy': cv2.COLOR_YUV2RGB_UYVY,
    'yuv422_yuy2': cv2.COLOR_YUV2RGB_YUYV,
    'yuyv': cv2.COLOR_YUV2RGB_YUYV,
    '8UC1': cv2.COLOR_GRAY2RGB,
    '8UC3': cv2.COLOR_BGR2RGB,
    '8UC4': cv2.COLOR_BGRA2RGB,
}


def opencv_code(encoding: str):
    return OPENCV[encoding] if encoding in OPENCV else OPENCV[encoding.removesuffix('16').removesuffix('8')]


def message(pixels: np.ndarray, encoding: str, big: bool = False, padding: int = 0):
    data = pixels.astype(pixels.dtype.newbyteorder('>' if big else '<'))
    rows = np.ascontiguousarray(data).view(np.uint8).reshape(pixels.shape[0], -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=99)
    return SimpleNamespace(
        height=pixels.shape[0], width=pixels.shape[1], encoding=encoding, is_bigendian=int(big),
        step=rows.shape[1], data=rows.tobytes(),
    )  # fmt: skip


@st.composite
def images(draw, encodings=tuple(PICTURES)):
    encoding = draw(st.sampled_from(encodings))
    layout = ENCODINGS[encoding]
    height, width = draw(st.integers(layout.least_side, 9)), draw(st.integers(layout.least_side, 9))
    width += layout.even_width and width % 2
    shape = (height, width) if layout.channels == 1 else (height, width, layout.channels)
    return draw(hnp.arrays(layout.dtype, shape)), encoding


def test_every_encoding_that_the_issue_names_is_there():
    bayer = {f'bayer_{pattern}{bits}' for pattern in ('rggb', 'bggr', 'gbrg', 'grbg') for bits in (8, 16)}
    plain = {'rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8', 'mono16', 'yuv422', 'uyvy', 'yuyv', 'yuv422_yuy2'}
    assert bayer | plain <= set(PICTURES)
    assert {encoding: opencv_code(encoding) for encoding in PICTURES}


@settings(max_examples=500)
@given(images(), st.booleans(), st.integers(0, 5))
def test_equals_opencv(case, big, padding):
    pixels, encoding = case
    rgb = image_to_rgb(message(pixels, encoding, big, padding))
    code = opencv_code(encoding)
    expected = pixels if code is None else cv2.cvtColor(pixels, code)
    assert rgb.dtype == np.uint8 and rgb.shape == (*pixels.shape[:2], 3)
    if expected.dtype == np.uint16:  # 65535 becomes 255, rounded
        assert np.abs(rgb - expected / 257).max() <= 0.5 + 1e-3
    else:
        np.testing.assert_array_equal(rgb, expected)


@settings(max_examples=300)
@given(images(tuple(name for name in PICTURES if not name.startswith('8UC'))), st.booleans())
def test_equals_rosbags_image(case, big):
    reference = pytest.importorskip('rosbags.image', reason='rosbags-image is not installed')
    pixels, encoding = case
    msg = message(pixels, encoding, big and pixels.dtype == np.uint16)
    expected = reference.message_to_cvimage(msg, 'rgb8')
    # rosbags-image cuts 16 bits off where this rounds, as cv_bridge does.
    assert np.abs(image_to_rgb(msg).astype(int) - expected).max() <= (pixels.dtype == np.uint16)


def test_sixteen_bits_reach_the_whole_range():
    pixels = np.array([[0, 128, 129, 257, 65535]], np.uint16)
    assert image_to_rgb(message(pixels, 'mono16'))[0, :, 0].tolist() == [0, 0, 1, 1, 255]


@pytest.mark.parametrize('encoding', ['bayer_rggb8', 'bayer_gbrg16'])
def test_a_uniform_grey_mosaic_is_grey(encoding):
    dtype = ENCODINGS[encoding].dtype
    rgb = image_to_rgb(message(np.full((5, 7), np.iinfo(dtype).max // 2, dtype), encoding))
    assert (abs(rgb.astype(int) - 127) <= 1).all()


@pytest.mark.parametrize(
    ('pattern', 'place'), [('rggb', (0, 0)), ('bggr', (1, 1)), ('gbrg', (1, 0)), ('grbg', (0, 1))]
)
def test_red_is_where_the_name_of_the_mosaic_says(pattern, place):
    pixels = np.zeros((8, 8), np.uint8)
    pixels[place[0] :: 2, place[1] :: 2] = 200
    rgb = image_to_rgb(message(pixels, f'bayer_{pattern}8'))
    assert (rgb[..., 0] == 200).all() and not rgb[..., 1:].any()


@pytest.mark.parametrize(
    ('encoding', 'width', 'sentence'),
    [('yuyv', 3, 'an even width'), ('uyvy', 5, 'an even width'), ('bayer_rggb8', 2, 'at least 3 pixels')],
)
def test_sizes_that_an_encoding_cannot_have(encoding, width, sentence):
    channels = ENCODINGS[encoding].channels
    pixels = np.zeros((4, width, channels) if channels > 1 else (4, width), np.uint8)
    with pytest.raises(MalformedImage, match=sentence):
        image_to_rgb(message(pixels, encoding))
