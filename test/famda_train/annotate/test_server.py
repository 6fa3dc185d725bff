# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The page with real clicks in a real browser, and requests that are not its own."""
import http.client
import json
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import open_page, texts
from small_sam import small_sam

from famda_ros.student.label_space import FLAT7, IGNORE
from famda_train.annotate.painting import click as clicked
from famda_train.annotate.painting import cut, taken, unlabelled
from famda_train.annotate.splitting import choose_splitter
from famda_train.datasets.frame_folder import FrameFolder, read_png
from famda_train.datasets.render_to_disk import write_frames
from famda_train.label_store.label_store import LabelStore
from famda_train.world import render

ROOT = Path(__file__).resolve().parents[3]
WIDTH, HEIGHT, FRAMES = 192, 96, 4
ROAD, NATURE, SKY = (FLAT7.classes.index(name) for name in ('flat', 'nature', 'sky'))
SAVED = 'body[data-state=saved]'


@contextmanager
def program(folder, *options):
    """Yield (the running program, the address of its page); it is killed at the end."""
    command = [sys.executable, '-m', 'famda_train.commands.cli', 'annotate', str(folder), '--space', 'flat7', *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as running:
        try:
            yield running, re.search(r'http://\S+', running.stdout.readline())[0]
        finally:
            running.kill()


@pytest.fixture
def frames(tmp_path):
    pictures = (render(seed, 'day', WIDTH, HEIGHT) for seed in range(FRAMES))
    write_frames(tmp_path / 'frames', 'day', range(FRAMES), pictures, False)
    return tmp_path / 'frames'


def place(page, x, y):
    """Return where a pixel of the frame is on the screen."""
    box = page.locator('#hover').bounding_box()
    return box['x'] + (x + 0.5) * box['width'] / WIDTH, box['y'] + (y + 0.5) * box['height'] / HEIGHT


def click(page, x, y, **options):
    page.mouse.click(*place(page, x, y), **options)
    page.wait_for_selector(SAVED)


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_selector(SAVED)


def stem(page):
    return page.locator('#stem').inner_text()


def labels(folder, name):
    path = folder / 'labels' / f'{name}.png'
    return read_png(path) if path.exists() else np.full((HEIGHT, WIDTH), IGNORE, np.uint8)


def wait_for_frame(page, before):
    page.wait_for_function('before => document.getElementById("stem").textContent !== before', arg=before)
    page.wait_for_selector(SAVED)


def test_three_frames_and_a_kill_in_the_middle(frames, chromium):
    model = str(ROOT / 'models' / 'street.onnx')
    with program(frames, '--model', model) as (running, address), open_page(chromium, address) as opened:
        page = opened.page
        page.wait_for_selector(SAVED)
        first = stem(page)

        # Frame 1, mouse: a whole mask, a part of it, the brush, the eraser.
        press(page, str(ROAD + 1))
        click(page, WIDTH // 2, HEIGHT - 4)
        whole = labels(frames, first) == ROAD
        assert whole[HEIGHT - 4, WIDTH // 2] and whole.sum() > 200
        press(page, str(NATURE + 1))
        click(page, WIDTH // 2, HEIGHT - 4)
        part = labels(frames, first) == NATURE
        assert 0 < part.sum() < whole.sum() and not (part & ~whole).any()
        press(page, 'b', *(['['] * 3))
        page.mouse.move(*place(page, 20, 20))
        page.mouse.down()
        page.mouse.move(*place(page, 60, 20), steps=4)
        drawing = '() => [...document.getElementById("hover").getContext("2d").getImageData(40, 20, 1, 1).data]'
        assert np.abs(np.subtract(page.evaluate(drawing)[:3], FLAT7.colors[NATURE])).max() <= 3
        page.mouse.up()
        page.wait_for_selector(SAVED)
        drawn = labels(frames, first)
        assert (drawn[20, 20:60] == NATURE).all() and drawn[20 + 7, 40] != NATURE
        press(page, 'e')
        click(page, 40, 20)
        assert labels(frames, first)[20, 40] == IGNORE

        # Undo and redo.
        press(page, 'Control+z')
        assert np.array_equal(labels(frames, first), drawn)
        press(page, 'Control+z', 'Control+z')
        assert np.array_equal(labels(frames, first) == ROAD, whole)
        press(page, 'Control+y', 'Control+Shift+Z')
        assert np.array_equal(labels(frames, first), drawn)

        # Frame 2, keyboard alone; the suggestion for the rest.
        press(page, 'n')
        wait_for_frame(page, first)
        second = stem(page)
        assert second != first
        press(page, 'm', str(SKY + 1), *(['ArrowUp'] * 4), 'Space')
        assert labels(frames, second)[HEIGHT // 2 - 4 * 8, WIDTH // 2] == SKY
        press(page, 'Enter')
        rest = labels(frames, second)
        assert (rest != IGNORE).all() and len(np.unique(rest)) > 2
        assert not opened.complaints and all(url.startswith(address) for url in opened.requests)

        running.kill()
        running.wait()
        page.keyboard.press('Control+z')
        page.wait_for_selector('body[data-state=error]')
        assert 'has ended' in page.locator('#state').inner_text()

    with program(frames, '--model', model) as (_, address), open_page(chromium, address, scheme='dark') as opened:
        page = opened.page
        page.wait_for_selector(SAVED)
        third = stem(page)  # the first one that is not labelled
        assert third not in (first, second)
        assert np.array_equal(labels(frames, first), drawn) and np.array_equal(labels(frames, second), rest)
        press(page, str(ROAD + 1))
        click(page, WIDTH // 2, HEIGHT - 4)
        press(page, 'p')
        wait_for_frame(page, third)
        assert stem(page) == second
        press(page, 'Control+z', 'Control+z')  # both actions before the kill
        assert (labels(frames, second) == IGNORE).all() and not (frames / 'labels' / f'{second}.png').exists()
        press(page, 'Control+y', 'Control+y')
        assert np.array_equal(labels(frames, second), rest)
        click(page, 3, 3, button='right')
        assert labels(frames, second)[3, 3] == IGNORE
        assert page.locator('#count').inner_text() == f'3 of {FRAMES} frames labelled'
        assert not opened.complaints
        assert min(texts(page).values()) >= 4.5

    data = FrameFolder(frames)
    named = {frame.stem: place for place, frame in enumerate(data.frames)}
    assert data.label_space == FLAT7
    assert [data.has_at('labels', named[name]) for name in (first, second, third)] == [True] * 3
    assert sum(data.has_at('labels', place) for place in range(FRAMES)) == 3
    assert np.array_equal(data.labels(named[first]), drawn)


def test_a_second_click_takes_the_part_that_the_decoder_finds(frames, chromium, tmp_path):
    """segment-anything's decoder, with toy weights, on a frame of one mask; hovering shows what a click takes."""
    torch.save(small_sam().state_dict(), tmp_path / 'sam.pth')
    options = {'checkpoint': str(tmp_path / 'sam.pth'), 'device': 'cpu'}
    whole = np.ones((HEIGHT, WIDTH), np.uint16)
    image = FrameFolder(frames).image(0)
    with LabelStore.create(frames, 'masks', {'name': 'one', 'kind': 'segments'}).locked() as store:
        store.write_segments('000000', whole)
    levels, splitter = cut(image, whole), choose_splitter(None, 'sam', options)
    once = clicked(levels, unlabelled(HEIGHT, WIDTH), 0, 0, ROAD)
    found = {}
    for x, y in [(x, y) for y in range(20, HEIGHT, 25) for x in range(20, WIDTH, 30)]:
        part, _ = taken(levels, once, x, y, masks=splitter.masks(0, lambda: image, x, y))
        if not np.array_equal(part, taken(levels, once, x, y)[0]):
            found[x, y] = part
    assert len(found) > 3  # random weights find something of their own at some places
    (x, y), part = next(iter(found.items()))
    words = [f'--decoder-options.{name}={value}' for name, value in options.items()]
    with program(frames, '--stems', '000000', '--decoder', 'sam', *words) as (_, address):
        with open_page(chromium, address) as opened:
            page = opened.page
            page.wait_for_selector(SAVED)
            assert page.locator('#folder').inner_text().endswith('masks-one, split by decoder of sam')
            press(page, str(ROAD + 1))
            click(page, x, y)
            assert (labels(frames, '000000') == ROAD).all()
            press(page, str(NATURE + 1))
            page.wait_for_function('() => !document.getElementById("pointed").textContent.includes("looks for a part")')
            shown = """([width, height]) => [...document.getElementById('hover').getContext('2d')
                .getImageData(0, 0, width, height).data].filter((_, i) => i % 4 === 3)"""
            alpha = np.reshape(page.evaluate(shown, [WIDTH, HEIGHT]), (HEIGHT, WIDTH))
            assert np.array_equal(alpha > 0, part)
            click(page, x, y)
            assert np.array_equal(labels(frames, '000000') == NATURE, part)
            press(page, 'Control+z')
            assert (labels(frames, '000000') == ROAD).all() and not opened.complaints
        for wrong in ('', '?x=3', f'?x={WIDTH}&y=0', '?x=-1&y=0', '?x=a&y=1'):
            assert ask(address, 'GET', f'/frames/0/part{wrong}')[0] == 400, wrong


def ask(address, method, path, headers=None, body=None):
    """Return (status, body) of a request that names its Host as it likes."""
    host, port = address.removeprefix('http://').strip('/').split(':')
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.putrequest(method, path, skip_host=True)
    data = b'' if body is None else json.dumps(body).encode()
    own = {'Host': f'{host}:{port}', 'Origin': address.strip('/'), 'Content-Type': 'application/json'}
    for name, value in (own | {'Content-Length': str(len(data))} | (headers or {})).items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(data)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_other_requests_are_refused(frames):
    def files():
        return {path for path in frames.rglob('*') if path.is_file()}

    with program(frames) as (_, address):
        before, good = files(), {'x': 5, 'y': 90, 'label': ROAD}
        for headers, path in [
            ({'Host': 'evil.example'}, '/'),
            ({'Host': None}, '/'),
            ({'Origin': 'http://evil.example'}, '/session'),
            ({'Origin': 'null'}, '/session'),
            ({'Origin': None, 'Sec-Fetch-Site': 'cross-site'}, '/frames/0/image'),
        ]:
            assert ask(address, 'GET', path, headers)[0] in (400, 403), headers
        for headers in ({'Origin': 'http://evil.example'}, {'Origin': None}, {'Host': 'evil.example'}):
            assert ask(address, 'POST', '/frames/0/click', headers, good)[0] == 403, headers
        assert ask(address, 'POST', '/frames/0/click', {'Content-Type': 'text/plain'}, good)[0] == 400
        for path in ('/../../etc/passwd', '/frames/../dataset.yaml', '/frames/%2e%2e%2fdataset.yaml/image',
                     '/frames/-1/image', f'/frames/{FRAMES}/image', '/dataset.yaml', '/frames/0/..%2f..'):  # fmt: skip
            assert ask(address, 'GET', path)[0] in (404, 405), path
        for action, values in [
            ('click', {}), ('click', good | {'x': WIDTH}), ('click', good | {'y': -1}), ('click', good | {'x': '5'}),
            ('click', good | {'label': len(FLAT7)}), ('click', good | {'label': True}), ('click', [1]),
            ('stroke', {'points': [], 'radius': 3, 'label': 0}), ('stroke', {'points': [[1]], 'radius': 3, 'label': 0}),
            ('stroke', {'points': [[1, 1]], 'radius': 0, 'label': 0}), ('explode', {}),
        ]:  # fmt: skip
            status, body = ask(address, 'POST', f'/frames/0/{action}', body=values)
            assert status == 400 and len(json.loads(body)['error']) > 10, (action, values)
        assert files() == before
        status, body = ask(address, 'POST', '/frames/0/click', body=good)
        assert status == 200 and json.loads(body)['labelled'] > 0
        assert len(files() - before) >= 2

        other = [sys.executable, '-m', 'famda_train.commands.cli', 'annotate', str(frames)]
        second = subprocess.run(other, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
        assert second.returncode == 2 and 'another famda annotate' in second.stderr
        assert 'Traceback' not in second.stderr
