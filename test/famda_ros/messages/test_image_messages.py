# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import array
import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from famda_ros.messages.image_encodings import ENCODINGS
from famda_ros.messages.image_messages import (
    MAX_PIXELS,
    MAX_SIDE,
    MalformedImage,
    compressed_to_rgb,
    encode_image,
    faint_fault,
    fill_image,
    image_to_array,
    image_to_rgb,
)

CHANNELS = {'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4, 'mono8': 1}
REFERENCE = {
    'rgb8': lambda a: a,
    'bgr8': lambda a: cv2.cvtColor(a, cv2.COLOR_BGR2RGB),
    'rgba8': lambda a: cv2.cvtColor(a, cv2.COLOR_RGBA2RGB),
    'bgra8': lambda a: cv2.cvtColor(a, cv2.COLOR_BGRA2RGB),
    'mono8': lambda a: cv2.cvtColor(a, cv2.COLOR_GRAY2RGB),
}


def message(pixels: np.ndarray, encoding: str, padding: int = 0, changes: dict | None = None):
    rows = pixels.reshape(pixels.shape[0], -1)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    values = {
        'height': pixels.shape[0],
        'width': pixels.shape[1],
        'encoding': encoding,
        'is_bigendian': 0,
        'step': padded.shape[1],
        'data': array.array('B', padded.tobytes()),
    }
    return SimpleNamespace(**{**values, **(changes or {})})


@st.composite
def images(draw):
    encoding = draw(st.sampled_from(sorted(CHANNELS)))
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    shape = (height, width) if CHANNELS[encoding] == 1 else (height, width, CHANNELS[encoding])
    return draw(hnp.arrays(np.uint8, shape)), encoding, draw(st.integers(0, 5))


@settings(max_examples=60, deadline=None)
@given(images())
def test_equals_opencv(case):
    pixels, encoding, padding = case
    rgb = image_to_rgb(message(pixels, encoding, padding))
    assert rgb.dtype == np.uint8
    np.testing.assert_array_equal(rgb, REFERENCE[encoding](pixels))


@settings(max_examples=60, deadline=None)
@given(images())
def test_equals_rosbags_image(case):
    reference = pytest.importorskip('rosbags.image', reason='rosbags-image is not installed')
    pixels, encoding, _ = case
    msg = message(pixels, encoding)
    np.testing.assert_array_equal(
        image_to_rgb(msg), reference.message_to_cvimage(SimpleNamespace(**vars(msg), __msgtype__='x'), 'rgb8')
    )


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8)), st.booleans())
def test_depth_of_both_byte_orders(depth, big):
    data = depth.astype('>f4' if big else '<f4').tobytes()
    msg = SimpleNamespace(
        height=depth.shape[0], width=depth.shape[1], encoding='32FC1', is_bigendian=int(big),
        step=4 * depth.shape[1], data=data,
    )  # fmt: skip
    np.testing.assert_array_equal(image_to_array(msg), depth)
    with pytest.raises(MalformedImage, match='no colour or grey picture'):
        image_to_rgb(msg)


def any_size():
    return st.integers(0, 6) | st.integers(0, 2**32 - 1)


@settings(max_examples=1200)
@given(
    st.sampled_from(sorted(ENCODINGS)) | st.text(max_size=12),
    any_size(),
    any_size(),
    any_size(),
    st.binary(max_size=200) | st.integers(0, 3000).map(bytes),
    st.integers(0, 255),
)
def test_nothing_but_malformed_image_is_raised(encoding, height, width, step, data, big):
    msg = SimpleNamespace(height=height, width=width, encoding=encoding, is_bigendian=big, step=step, data=data)
    try:
        rgb = image_to_rgb(msg)
    except MalformedImage as error:
        assert str(error) and '\n' not in str(error)
    else:
        assert rgb.dtype == np.uint8 and rgb.shape == (height, width, 3)


@settings(max_examples=600)
@given(st.sampled_from(sorted(ENCODINGS)), st.integers(1, 7), st.integers(1, 7), st.integers(0, 5), st.data())
def test_whatever_fits_together_is_read(encoding, height, width, padding, data):
    layout = ENCODINGS[encoding]
    step = width * layout.channels * np.dtype(layout.dtype).itemsize + padding
    content = data.draw(st.binary(min_size=step * height, max_size=step * height))
    msg = SimpleNamespace(
        height=height, width=width, encoding=encoding, is_bigendian=0, step=step, data=array.array('B', content)
    )
    if layout.to_rgb is None or min(height, width) < layout.least_side or (layout.even_width and width % 2):
        with pytest.raises(MalformedImage):
            image_to_rgb(msg)
    else:
        assert image_to_rgb(msg).shape == (height, width, 3)


COMPRESSED = {
    name: cv2.imencode(extension, pixels)[1].tobytes()
    for name, extension, pixels in (
        ('jpeg', '.jpg', np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)),
        ('grey jpeg', '.jpg', np.random.default_rng(1).integers(0, 256, (24, 40), np.uint8)),
        ('png', '.png', np.random.default_rng(2).integers(0, 256, (9, 7, 3), np.uint8)),
        ('png 16', '.png', np.random.default_rng(3).integers(0, 65536, (9, 7), np.uint16)),
        ('png rgba', '.png', np.random.default_rng(4).integers(0, 256, (9, 7, 4), np.uint8)),
    )
}
FORMATS = (
    'jpeg', 'png', 'rgb8; jpeg compressed bgr8', 'bgr8; png compressed bgr8', 'bayer_rggb8; jpeg compressed ',
    'bayer_x8; png compressed ', '16UC1; compressedDepth png', '', ';', 'bayer_',
)  # fmt: skip


@settings(max_examples=900)
@given(
    st.sampled_from(sorted(COMPRESSED)),
    st.sampled_from(FORMATS),
    st.floats(0, 1),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=3),
    st.binary(max_size=30),
)
def test_damaged_compressed_images_raise_nothing_but_malformed_image(name, form, kept, changes, tail):
    data = bytearray(COMPRESSED[name])
    for position, value in changes:
        data[int(position * len(data))] = value
    data = bytes(data[: int(kept * len(data))]) + tail
    try:
        rgb = compressed_to_rgb(SimpleNamespace(format=form, data=array.array('B', data)))
    except MalformedImage as error:
        assert str(error) and '\n' not in str(error)
    else:
        assert rgb.dtype == np.uint8 and rgb.ndim == 3 and rgb.shape[2] == 3


@pytest.mark.parametrize(
    ('changes', 'sentence'),
    [
        ({'step': 11}, 'needs step >= 12'),
        ({'height': 5}, 'data has 36 bytes'),
        ({'width': 5}, '5x3 rgb8 needs step >= 15'),
        ({'height': 0}, 'malformed'),
        ({'data': b''}, 'data has 0 bytes'),
        ({'encoding': 'nv12'}, "encoding 'nv12' is not supported; use one of rgb8"),
    ],
)
def test_what_is_wrong_is_said(changes, sentence):
    with pytest.raises(MalformedImage, match=sentence):
        image_to_rgb(message(np.zeros((3, 4, 3), np.uint8), 'rgb8', changes=changes))


def compressed(pixels: np.ndarray, form: str, extension: str = '.png'):
    return SimpleNamespace(format=form, data=cv2.imencode(extension, pixels)[1].tobytes())


@pytest.mark.parametrize('form', ['png', 'jpeg', 'rgb8; png compressed bgr8', 'bgr8; png compressed bgr8', ''])
def test_compressed_round_trip(form):
    image = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    np.testing.assert_array_equal(compressed_to_rgb(compressed(image[..., ::-1], form)), image)


def test_jpeg_is_near_the_original_and_equal_to_rosbags():
    reference = pytest.importorskip('rosbags.image', reason='rosbags-image is not installed')
    image = cv2.resize(np.random.default_rng(0).integers(0, 256, (5, 8, 3), np.uint8), (160, 96))
    msg = SimpleNamespace(format='jpeg', data=np.frombuffer(encode_image(image), np.uint8))
    rgb = compressed_to_rgb(msg)
    assert np.abs(rgb.astype(int) - image).mean() < 3
    np.testing.assert_array_equal(rgb, reference.message_to_cvimage(msg, 'rgb8'))


def test_red_and_blue_are_exchanged_where_image_transport_says_so():
    image = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    # A sender that hands RGB to OpenCV's encoder, which takes it for BGR.
    np.testing.assert_array_equal(compressed_to_rgb(compressed(image, 'rgb8; png compressed rgb8')), image)


def test_compressed_grey_sixteen_bit_and_alpha():
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (6, 8), np.uint8)
    np.testing.assert_array_equal(compressed_to_rgb(compressed(grey, 'mono8; png compressed ')), np.dstack([grey] * 3))
    deep = rng.integers(0, 65536, (6, 8), np.uint16)
    rgb = compressed_to_rgb(compressed(deep, 'mono16; png compressed '))
    assert rgb.shape == (6, 8, 3) and np.abs(rgb[..., 1] - deep / 257).max() <= 1
    bgra = rng.integers(0, 256, (6, 8, 4), np.uint8)
    np.testing.assert_array_equal(compressed_to_rgb(compressed(bgra, 'bgra8; png')), bgra[..., 2::-1])


@pytest.mark.parametrize(('dtype', 'depth'), [(np.uint8, 8), (np.uint16, 16)])
def test_a_compressed_colour_mosaic_gets_its_colours(dtype, depth):
    mosaic = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (6, 8), dtype)
    form = f'bayer_grbg{depth}; png compressed bayer_grbg{depth}'
    raw = message(mosaic.view(np.uint8).reshape(6, -1), f'bayer_grbg{depth}', changes={'width': 8})
    np.testing.assert_array_equal(compressed_to_rgb(compressed(mosaic, form)), image_to_rgb(raw))


@pytest.mark.parametrize(
    ('data', 'sentence'),
    [
        (b'', '0 bytes .* no JPEG or PNG'),
        (b'nonsense', 'no JPEG or PNG'),
        (COMPRESSED['jpeg'][:20], 'no JPEG or PNG'),
        (COMPRESSED['jpeg'][:-200], 'cut off'),
        (COMPRESSED['jpeg'][:-2], 'cut off'),
        (COMPRESSED['png'][:-12], 'cut off'),
        (COMPRESSED['png'][:60] + b'?' + COMPRESSED['png'][61:], 'cut off or damaged'),  # the decoder is not asked
        (cv2.imencode('.webp', np.zeros((4, 4, 3), np.uint8))[1].tobytes(), 'no JPEG or PNG'),
    ],
)
def test_what_is_wrong_with_a_compressed_image_is_said(data, sentence):
    with pytest.raises(MalformedImage, match=sentence):
        compressed_to_rgb(SimpleNamespace(format='jpeg', data=data))


def test_padding_behind_a_jpeg_is_no_fault():
    msg = SimpleNamespace(format='jpeg', data=COMPRESSED['jpeg'] + bytes(500))
    assert compressed_to_rgb(msg).shape == (24, 40, 3)


def png_header(width: int, height: int) -> bytes:
    """A PNG whose header promises more than its few bytes hold."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))

    header = chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0))
    return b'\x89PNG\r\n\x1a\n' + header + chunk(b'IDAT', zlib.compress(bytes(9))) + chunk(b'IEND', b'')


def jpeg_header(width: int, height: int) -> bytes:
    data = bytearray(COMPRESSED['jpeg'])
    start = data.index(b'\xff\xc0')
    data[start + 5 : start + 9] = struct.pack('>HH', height, width)
    return bytes(data)


@pytest.mark.parametrize(
    'data',
    [
        png_header(2**31 - 1, 2**31 - 1),
        png_header(MAX_SIDE, MAX_SIDE),
        png_header(0, 5),
        png_header(MAX_SIDE + 1, 1),
        jpeg_header(65535, 65535),
        jpeg_header(65535, 1),
        jpeg_header(0, 10),
    ],
)
def test_huge_images_are_refused_before_they_are_decoded(data, monkeypatch):
    def decode(*_):
        raise AssertionError('decoded')

    monkeypatch.setattr(cv2, 'imdecode', decode)
    with pytest.raises(MalformedImage, match='is refused: at most'):
        compressed_to_rgb(SimpleNamespace(format='png', data=data))


def test_huge_raw_images_are_refused_before_they_are_converted():
    width = MAX_PIXELS // 8192 + 1
    data = np.broadcast_to(np.uint8(0), (8192 * width,))  # no memory behind it
    msg = SimpleNamespace(height=8192, width=width, encoding='mono8', is_bigendian=0, step=width, data=data)
    with pytest.raises(MalformedImage, match='is refused: at most'):
        image_to_rgb(msg)


def test_rgb8_is_not_copied():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    msg = message(pixels, 'rgb8')
    assert np.shares_memory(image_to_rgb(msg), np.frombuffer(msg.data, np.uint8))


@settings(max_examples=40, deadline=None)
@given(images())
def test_fill_image_round_trip(case):
    pixels, encoding, _ = case
    msg = SimpleNamespace(data=array.array('B'))
    header = object()
    fill_image(msg, pixels, encoding, header)
    assert msg.header is header and msg.step * msg.height == len(msg.data)
    np.testing.assert_array_equal(image_to_array(msg), pixels)


def test_fill_image_refuses_a_wrong_type():
    with pytest.raises(ValueError):
        fill_image(SimpleNamespace(data=array.array('B')), np.zeros((2, 2), np.float64), '32FC1', None)


DEPTH_FORMATS = ['16UC1; png compressed ', '32FC1; png compressed', '16UC1; compressedDepth png', '16SC3; png']


@pytest.mark.parametrize('form', DEPTH_FORMATS)
def test_numbers_that_are_no_picture_are_refused_compressed_as_raw(form):
    """Depth is sent as PNG too; it is no street."""
    _, data = cv2.imencode('.png', np.full((24, 40), 3000, np.uint16))
    with pytest.raises(MalformedImage, match='is no colour or grey picture; choose a camera topic'):
        compressed_to_rgb(SimpleNamespace(format=form, data=data.tobytes()))


@pytest.mark.parametrize('form', ['png', 'jpeg', '', 'mono8; png compressed', 'bayer_rggb8; png compressed '])
def test_sixteen_grey_bits_of_no_named_picture_may_be_depth(form):
    with pytest.raises(MalformedImage, match=r'grey values of 16 bits, as depth has, .* choose a camera topic'):
        compressed_to_rgb(compressed(np.full((24, 40), 3000, np.uint16), form))


def test_depth_with_a_header_of_its_own_is_refused_by_name():
    """What compressed_depth_image_transport sends: twelve bytes, then a PNG."""
    _, data = cv2.imencode('.png', np.full((24, 40), 3000, np.uint16))
    with pytest.raises(MalformedImage, match=r"encoding '16UC1' is no colour or grey picture; choose a camera topic"):
        compressed_to_rgb(SimpleNamespace(format='16UC1; compressedDepth png', data=bytes(12) + data.tobytes()))


@pytest.mark.parametrize('encoding', ['mono16', 'rgb16', 'bayer_grbg16'])
@pytest.mark.parametrize(('top', 'is_faint'), [(4095, True), (300, True), (4500, False), (65535, False), (0, False)])
def test_images_of_twelve_bits_in_sixteen_are_told(encoding, top, is_faint):
    channels = 3 if encoding == 'rgb16' else 1
    pixels = np.full((6, 8 * channels), top, np.uint16)
    raw = message(pixels.view(np.uint8), encoding, changes={'width': 8})
    fault = faint_fault(raw, image_to_rgb(raw))
    assert bool(fault) == is_faint and (not fault or f"'{encoding}' never exceed 4095" in fault)
    sent = compressed(pixels.reshape(6, 8, channels), f'{encoding}; png compressed ')
    assert bool(faint_fault(sent, compressed_to_rgb(sent))) == is_faint


def test_twelve_bits_in_a_file_whose_format_does_not_say_so_are_told():
    for top, is_faint in ((4095, True), (4500, False)):
        sent = compressed(np.full((6, 8, 3), top, np.uint16), 'png')
        fault = faint_fault(sent, compressed_to_rgb(sent))
        assert bool(fault) == is_faint and (not fault or "'png' never exceed 4095" in fault)
    dark = compressed(np.full((6, 8, 3), 3, np.uint8), 'png')
    assert faint_fault(dark, compressed_to_rgb(dark)) == ''


def test_eight_bits_are_never_faint():
    dark = message(np.full((6, 8), 3, np.uint8), 'mono8')
    assert faint_fault(dark, image_to_rgb(dark)) == ''
