# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from famda_ros.messages.exif import orientation, turned_fault


def picture(form, value=None, mode='RGB'):
    exif = Image.Exif()
    exif[0x010F] = 'a maker'  # before the orientation
    if value is not None:
        exif[0x0112] = value
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 12, 3), np.uint8)).convert(mode).save(file, form, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize('form', ['JPEG', 'PNG', 'WEBP', 'TIFF'])
@pytest.mark.parametrize('value', range(1, 9))
def test_the_orientation_of_every_kind_of_file(form, value):
    assert orientation(picture(form, value)) == value


@pytest.mark.parametrize('form', ['JPEG', 'PNG', 'WEBP', 'TIFF', 'BMP'])
def test_files_that_do_not_say(form):
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 12, 3), np.uint8)).save(file, form)
    assert orientation(file.getvalue()) == orientation(picture(form)) == orientation(b'') == 1
    assert turned_fault(file.getvalue(), 'x') == ''


@pytest.mark.parametrize('value', [0, 9, 65535])
def test_values_that_exif_does_not_define(value):
    assert orientation(picture('JPEG', value)) == 1


def test_the_sentence_names_the_image():
    assert turned_fault(picture('JPEG', 6), "'a.jpg'").startswith("'a.jpg' says by EXIF that it is to be turned")


@settings(max_examples=300, derandomize=True)
@given(st.sampled_from(['JPEG', 'PNG', 'WEBP', 'TIFF']), st.data())
def test_damage_is_upright_or_an_orientation(form, data):
    damaged = bytearray(picture(form, 6))
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, min(len(damaged) - 1, 120)))] = data.draw(st.integers(0, 255))
    assert orientation(bytes(damaged[: data.draw(st.integers(0, len(damaged)))])) in range(1, 9)
