# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Reports as a browser shows them: whole, quiet, alone with themselves, by mouse, finger and keyboard, in any light."""
import base64
import io

import numpy as np
import pytest
from browser import PHONE, open_page, texts
from PIL import Image
from report_pages import report_pages

from famda_train.pictures.report_page import format_number, render_page

NAMES = ('demo', 'adapt', 'compare')
READABLE = 4.5
"""Contrast of text to what is behind it (WCAG 2, level AA)."""


@pytest.fixture(scope='module')
def reports(tmp_path_factory):
    """Paths of the reports, by name."""
    folder = tmp_path_factory.mktemp('reports')
    for name, html in report_pages().items():
        (folder / f'{name}.html').write_text(html, encoding='utf-8')
    return {name: folder / f'{name}.html' for name in NAMES}


def line_at(page):
    """Return where the line of the first frame is, percent."""
    frame = page.locator('.frame').first
    at = float(frame.evaluate("frame => getComputedStyle(frame).getPropertyValue('--at')").rstrip('%'))
    assert {float(value) for value in frame.locator('input').evaluate_all('all => all.map(i => i.value)')} == {at}
    clip = frame.locator('.after').first.evaluate('img => getComputedStyle(img).clipPath')
    assert clip == f'inset(0px 0px 0px {at:g}%)'
    return at


@pytest.mark.slow
@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_a_page_is_quiet_and_readable(chromium, reports, name, scheme):
    with open_page(chromium, reports[name], PHONE, scheme) as (page, complaints, requests):
        assert complaints == [] and requests == [reports[name].as_uri()]
        assert page.evaluate('document.documentElement.scrollWidth') == PHONE[0]
        assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth)")
        shown = texts(page)
        assert len(shown) > 20 and {text: c for text, c in shown.items() if c < READABLE} == {}
        paper = page.locator('body').evaluate('body => getComputedStyle(body).backgroundColor')
        assert (paper == 'rgb(251, 251, 249)') == (scheme == 'light')


@pytest.mark.slow
def test_the_line_moves_by_mouse_and_by_keyboard(chromium, reports):
    with open_page(chromium, reports['adapt']) as (page, complaints, _):
        assert line_at(page) == 50
        box = page.locator('.pair').first.bounding_box()
        middle = box['y'] + box['height'] / 2
        page.mouse.move(box['x'] + box['width'] / 2, middle)
        page.mouse.down()
        page.mouse.move(box['x'] + 0.2 * box['width'], middle, steps=4)
        page.mouse.up()
        assert line_at(page) == pytest.approx(20, abs=1)
        page.keyboard.press('ArrowRight')
        assert line_at(page) == pytest.approx(21, abs=1)
        page.keyboard.press('End')
        assert line_at(page) == 100
        page.keyboard.press('Home')
        assert line_at(page) == 0
        page.keyboard.press('Tab')  # to the next frame: the other lines of this one move with the first
        assert page.evaluate("document.activeElement.closest('.frame') === document.querySelectorAll('.frame')[1]")
        assert page.locator('.pair').nth(2).evaluate('pair => getComputedStyle(pair).outlineStyle') == 'solid'
        assert complaints == []


@pytest.mark.slow
def test_the_line_moves_by_finger_and_pictures_are_cut_there(chromium, reports):
    with open_page(chromium, reports['demo'], PHONE, touch=True) as (page, complaints, _):
        pair = page.locator('.pair').first
        pair.scroll_into_view_if_needed()
        box = pair.bounding_box()
        page.touchscreen.tap(box['x'] + 0.75 * box['width'], box['y'] + 0.3 * box['height'])
        assert line_at(page) == pytest.approx(75, abs=2)
        assert complaints == []
    with open_page(chromium, reports['adapt']) as (page, _, _):
        picture = np.asarray(Image.open(io.BytesIO(page.locator('.pair').first.screenshot())).convert('RGB'))
        row = picture[picture.shape[0] // 4]
        quarter = len(row) // 4
        np.testing.assert_allclose(row[quarter], (200, 0, 0), atol=3)  # before
        np.testing.assert_allclose(row[3 * quarter], (0, 0, 200), atol=3)


def test_pictures_are_kept_to_the_pixel_unless_that_is_dear(tmp_path):
    (tmp_path / 'one.html').write_text('{{ picture | picture_uri }}')
    rng = np.random.default_rng(0)
    mask = np.repeat(rng.integers(0, 2, (64, 8, 3)).astype(np.uint8) * 255, 8, axis=1)
    smooth = np.add.outer(np.arange(200), np.arange(300)) / 2 + rng.normal(0, 2, (200, 300))
    photo = np.repeat(smooth.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    for picture, kind in ((mask, 'png'), (photo, 'jpeg')):
        uri = render_page(tmp_path / 'one.html', picture=picture)
        assert uri.startswith(f'data:image/{kind};base64,')
        decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(',')[2]))))
        np.testing.assert_allclose(decoded, picture, atol=0 if kind == 'png' else 12)


@pytest.mark.parametrize(('value', 'text'), [(1.256, '1.26'), (None, '–'), (float('nan'), '–'), (float('inf'), '–')])
def test_numbers(value, text):
    assert format_number(value, 2) == text
