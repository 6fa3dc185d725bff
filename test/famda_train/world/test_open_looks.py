# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Light, weather and sensor of the open streets."""
from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from famda_ros.student.label_space import FLAT7
from famda_train.world import render
from famda_train.world.domains import DOMAINS, Style, draw_style
from famda_train.world.looks import OpenLook, Sometimes
from famda_train.world.materials import Material
from famda_train.world.open_sensor import develop_open
from famda_train.world.open_sky import open_sky
from famda_train.world.open_surface import color_of_things

SKY = FLAT7.sky_id
UP_AND_AHEAD = np.array([[0.0, 0.3, 1.0], [0.2, 0.5, 1.0], [-0.4, 0.8, 1.0]], np.float32).T


def style_with(**values) -> Style:
    """Return the style of a plain open look with some values of one's own."""
    style = draw_style(3, 'open', 400)
    plain = {f.name: style.values[f.name] for f in fields(OpenLook)}
    off = dict.fromkeys(
        ('rain', 'flakes', 'drops', 'flare', 'veil', 'streaks', 'bloom', 'black', 'read_noise', 'noise',
         'chroma_noise', 'smear', 'sharpen', 'aberration', 'jpeg', 'blur', 'vignette', 'contrast', 'shoulder', 'stars',
         'sun_glow', 'sun'), 0.0
    )  # fmt: skip
    neutral = {'gain': np.ones(3, np.float32), 'saturation': 1.0, 'gamma': 2.2, 'most_gain': 50.0, 'target': 0.2}
    return replace(style, values={**plain, **off, **neutral, **values})


def picture_of(level: float) -> np.ndarray:
    """Return radiance [120, 160, 3] with some texture around a level."""
    return np.random.default_rng(0).uniform(0.5 * level, 1.5 * level, (120, 160, 3)).astype(np.float32)


def test_the_probabilities_of_the_looks_add_up():
    for domain in ('open', 'open_night'):
        assert sum(share for share, _ in DOMAINS[domain]) == pytest.approx(1)


def test_light_changes_nothing_of_the_truth():
    day, night = render(5, 'open', 120, 80), render(5, 'open_night', 120, 80)
    for name in ('labels', 'depth', 'instances'):
        np.testing.assert_array_equal(getattr(day, name), getattr(night, name))
    assert (day.image != night.image).any()


def test_the_night_has_a_dark_sky_and_bright_lamps():
    frames = [render(seed, 'open_night', 160, 120) for seed in range(16)]
    sky = [r.image[r.labels == SKY].mean() for r in frames if (r.labels == SKY).mean() > 0.05]
    assert len(sky) > 8 and np.median(sky) < 80 and min(sky) < 25
    assert np.mean([r.image.max() for r in frames]) > 200


def test_sometimes_is_drawn_in_its_share_of_the_images(monkeypatch):
    look = replace(DOMAINS['open'][0][1], wet=Sometimes(0.25, 0.5, 0.7))
    monkeypatch.setitem(DOMAINS, 'open', ((1.0, look),))
    drawn = np.array([draw_style(seed, 'open', 1).wet for seed in range(400)])
    assert 0.17 < (drawn > 0).mean() < 0.33
    assert drawn[drawn > 0].min() >= 0.5 and drawn.max() <= 0.7


@pytest.mark.parametrize('level', [0.002, 0.3, 20.0])
def test_the_camera_exposes_for_its_target(level):
    image = develop_open(picture_of(level), style_with(target=0.2, most_gain=1e6), np.random.default_rng(1))
    assert ((image / 255.0) ** 2.2).mean() == pytest.approx(0.2, rel=0.1)


def test_the_gain_ends_somewhere():
    image = develop_open(picture_of(0.001), style_with(target=0.2, most_gain=10.0), np.random.default_rng(1))
    assert ((image / 255.0) ** 2.2).mean() == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize(
    'effect',
    [{'rain': 0.8}, {'flakes': 0.8}, {'drops': 90.0}, {'smear': 3.0}, {'black': 0.1}, {'read_noise': 0.03},
     {'jpeg': 20.0}, {'chroma_noise': 0.1}, {'sharpen': 1.0}, {'aberration': 0.02}, {'vignette': 0.5},
     {'contrast': 0.6}, {'veil': 0.2}],
    ids=lambda effect: next(iter(effect)),
)  # fmt: skip
def test_every_effect_shows(effect):
    plain = develop_open(picture_of(0.2), style_with(), np.random.default_rng(1))
    image = develop_open(picture_of(0.2), style_with(**effect), np.random.default_rng(1))
    assert image.dtype == np.uint8 and image.shape == plain.shape
    assert np.abs(image.astype(int) - plain).mean() > 0.3


def test_glare_spreads_from_a_lamp_only():
    dark = np.full((120, 160, 3), 0.05, np.float32)
    lamp = dark.copy()
    lamp[60, 80] = 60.0
    for effect in ({'bloom': 1.0}, {'streaks': 1.0}, {'flare': 1.0}):
        style = style_with(**effect)
        alone = develop_open(dark.copy(), style, np.random.default_rng(1)).astype(int)
        shone = develop_open(lamp.copy(), style, np.random.default_rng(1)).astype(int)
        assert (shone - alone)[58:63, 78:83].max() > 50 and np.abs(alone - alone[0, 0]).max() == 0
        assert ((shone - alone) > 2).sum() > 60, effect


def test_clouds_cover_as_much_as_they_are_told_to():
    azimuth = np.linspace(0, 6.2, 3000)
    rays = np.stack([np.sin(azimuth), np.full(3000, 0.5), np.cos(azimuth)]).astype(np.float32)
    clear, some, all_over = (open_sky(rays, style_with(cover=c, softness=0.2)) for c in (2.4, 0.3, -2.5))
    share = (np.abs(some - clear).max(1) > 0.01).mean()
    assert 0.05 < share < 0.95
    assert (np.abs(all_over - clear).max(1) > 0.001).mean() > 0.95


def test_the_sun_is_where_its_light_comes_from():
    style = style_with(sun=1.0, cover=2.5)
    towards = style.sun_direction[:, None]
    away = UP_AND_AHEAD * np.array([[-1], [1], [-1]], np.float32)
    assert open_sky(towards, style).min() > 3 * open_sky(away, style).max()


def test_things_have_colours_of_their_own():
    style, things = draw_style(9, 'open', 400), np.arange(300)
    paint = color_of_things(things, np.full(300, Material.CAR_PAINT), style)
    assert paint.shape == (300, 3) and paint.min() > 0 and paint.max() < 1
    assert len(np.unique(paint.round(3), axis=0)) > 200
    np.testing.assert_array_equal(paint, color_of_things(things, np.full(300, Material.CAR_PAINT), style))
    grey = np.abs(paint - paint.mean(1, keepdims=True)).max(1) < 0.1 * paint.mean(1)
    assert 0.3 < grey.mean() < 0.8, 'most cars are white, grey or black'
