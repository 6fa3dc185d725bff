# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium of this machine for tests of pages; nothing is downloaded.

The fixture ``chromium`` is that of conftest.py; ``from browser import open_page``.
"""
from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')
"""Programs on the PATH that will do, the first one found; the environment variable CHROMIUM names another."""
ARGUMENTS = (
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
)  # fmt: skip
DESKTOP, PHONE = (1280, 900), (390, 844)
"""Width and height of a page, CSS pixels."""


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome: $CHROMIUM, or the first of ``NAMES`` on the PATH; None = there is none.

    Raises:
        FileNotFoundError: $CHROMIUM is no program.
    """
    named = os.environ.get('CHROMIUM')
    if named:
        found = shutil.which(named)
        if found is None:
            raise FileNotFoundError(f"CHROMIUM='{named}' is no program; name a Chromium or Chrome, or leave it out")
        return found
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope='session')
def chromium() -> Iterator[Any]:
    """A running ``playwright.sync_api.Browser``; skips where there is no Chromium or no playwright."""
    api = pytest.importorskip('playwright.sync_api', reason='no playwright here: pip install playwright')
    program = find_chromium()
    if program is None:
        pytest.skip(f'no Chromium here: none of {", ".join(NAMES)} on the PATH; apt install chromium, or set CHROMIUM')
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        browser.close()


class Opened(NamedTuple):
    """A page in its browser, and what went on in it.

    Attributes:
        page: a ``playwright.sync_api.Page``.
        complaints: errors and warnings of the console, exceptions, requests that failed.
        requests: addresses asked for, the page's own first; data: addresses are none.
    """

    page: Any
    complaints: list[str]
    requests: list[str]


@contextmanager
def open_page(
    browser: Any, address: str | Path, size: tuple[int, int] = DESKTOP, scheme: str = 'light', touch: bool = False
) -> Iterator[Opened]:
    """Open a page in a profile of its own, and close it at the end.

    Args:
        browser: of the fixture :func:`chromium`.
        address: a file, or an address such as ``http://127.0.0.1:8000/``.
        size: width and height in CSS pixels, see ``DESKTOP`` and ``PHONE``.
        scheme: 'light' or 'dark'.
        touch: whether the screen can be touched.
    """
    context = browser.new_context(
        viewport={'width': size[0], 'height': size[1]}, color_scheme=scheme, has_touch=touch
    )  # fmt: skip
    opened = Opened(context.new_page(), [], [])

    def hear(message: Any) -> None:
        if message.type in ('error', 'warning'):
            opened.complaints.append(message.text)

    opened.page.on('console', hear)
    opened.page.on('pageerror', lambda error: opened.complaints.append(str(error)))
    opened.page.on('requestfailed', lambda request: opened.complaints.append(f'{request.url}: {request.failure}'))
    opened.page.on(
        'request', lambda request: None if request.url.startswith('data:') else opened.requests.append(request.url)
    )
    try:
        opened.page.goto(address.resolve().as_uri() if isinstance(address, Path) else address)
        yield opened
    finally:
        context.close()


class Played(NamedTuple):
    """What a browser has played of a video.

    Attributes:
        width, height: of the video, pixels.
        seconds: its length.
        frames: that were decoded, those that came too late to be shown among them.
        last: uint8 [height, width, 3] RGB, what is shown at the end.
    """

    width: int
    height: int
    seconds: float
    frames: int
    last: np.ndarray


def play(browser: Any, video: Path) -> Played:
    """Play a video from its beginning to its end in a page beside it.

    Raises:
        AssertionError: the browser cannot play it.
    """
    page_file = video.with_suffix('.html')
    page_file.write_text(f'<body style="margin: 0"><video muted src="{video.name}" style="display: block"></video>')
    with open_page(browser, page_file) as opened:
        page = opened.page
        refused = page.evaluate('() => document.querySelector("video").play().then(() => null, error => error.message)')
        assert refused is None, refused
        page.wait_for_function('() => document.querySelector("video").ended', timeout=120_000)
        found = page.evaluate(
            """() => {
                const video = document.querySelector('video'), {videoWidth, videoHeight, duration} = video;
                return [videoWidth, videoHeight, duration, video.getVideoPlaybackQuality().totalVideoFrames];
            }"""
        )
        seen = cv2.imdecode(np.frombuffer(page.locator('video').screenshot(), np.uint8), cv2.IMREAD_COLOR)
        assert not opened.complaints, opened.complaints
    return Played(*found, seen[..., ::-1])


def texts(page: Any) -> dict[str, float]:
    """Return text → its contrast to what is behind it, 1 to 21 (WCAG 2, 1.4.3), of all texts that can be seen.

    The background is that of the closest element around it that has one; pictures and transparency are not seen, and
    the fill is the colour of text in SVG.
    """
    found = page.evaluate(
        """() => {
            const clear = color => /^rgba\\(.*, 0\\)$/.test(color);
            const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
            while (words.nextNode()) {
                const element = words.currentNode.parentElement, text = words.currentNode.data.trim();
                if (!text || !element.checkVisibility() || element.closest('script, style')) continue;
                let behind = element;
                while (behind.parentElement && clear(getComputedStyle(behind).backgroundColor))
                    behind = behind.parentElement;
                const style = getComputedStyle(element), svg = element instanceof SVGElement;
                found.push([text, svg ? style.fill : style.color, getComputedStyle(behind).backgroundColor]);
            }
            return found;
        }"""
    )
    return {text: _contrast(ink, paper) for text, ink, paper in found}


def _contrast(ink: str, paper: str) -> float:
    lighter, darker = sorted((_luminance(ink), _luminance(paper)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    """Return the relative luminance of ``rgb(…)``, 0..1 (WCAG 2)."""
    channels = [int(part) / 255 for part in color[color.index('(') + 1 : -1].split(',')[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
