# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from famda_ros.errors import FamdaError
from famda_ros.student.label_space import IGNORE
from famda_train.world import DOMAINS, render, render_many
from famda_train.world import render as render_function
from famda_train.world.domains import is_open
from famda_train.world.open_street import open_focal
from famda_train.world.render import Rendering, in_order, seeds_at_height


def arrays(r: Rendering) -> tuple[bytes, ...]:
    return tuple(a.tobytes() for a in (r.image, r.labels, r.depth, r.instances))


@pytest.mark.parametrize('domain', DOMAINS)
def test_same_seed_same_bytes(domain):
    first, again, other = render(7, domain), render(7, domain), render(8, domain)
    assert arrays(first) == arrays(again) and first.camera == again.camera
    assert all(a != b for a, b in zip(arrays(first), arrays(other), strict=True))


@pytest.mark.parametrize('domain', DOMAINS)
@pytest.mark.parametrize('width, height, focal', [(192, 96, None), (130, 70, 60.0), (33, 17, None)])
def test_arrays_follow_the_vocabulary(domain, width, height, focal):
    r = render(3, domain, width, height, focal)
    assert r.image.shape == (height, width, 3) and r.image.dtype == np.uint8
    assert r.labels.shape == r.depth.shape == r.instances.shape == (height, width)
    assert (r.labels.dtype, r.depth.dtype, r.instances.dtype) == (np.uint8, np.float32, np.uint16)
    drawn = open_focal(3, width) if is_open(domain) else 0.7 * width
    assert r.camera.focal == pytest.approx(drawn if focal is None else focal)
    assert (r.camera.width, r.camera.height) == (width, height)
    assert ((r.depth > 0) | (r.labels == IGNORE)).all()


ONE_GEOMETRY = tuple(domain for domain in DOMAINS if domain != 'varied' and not is_open(domain))


@settings(max_examples=6, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_domains_share_the_geometry_of_a_seed(seed):
    pictures = [render(seed, domain) for domain in ONE_GEOMETRY]
    assert len({arrays(r)[1:] for r in pictures}) == 1 and len({r.camera for r in pictures}) == 1
    assert len({arrays(r)[0] for r in pictures}) == len(ONE_GEOMETRY)
    assert arrays(render(seed, 'varied'))[1] != arrays(pictures[0])[1]


def test_night_is_dark_but_not_empty():
    def levels(domain):
        return np.stack([render(seed, domain).image for seed in range(20)]).mean((1, 2, 3))

    night, day = levels('night'), levels('day')
    assert 40 < night.mean() < 85 < 95 < day.mean() < 140
    assert render(1, 'night').image.max() > 200


def test_colours_of_one_scene_do_not_depend_on_the_resolution():
    for domain in DOMAINS:
        small, large = render(5, domain), render(5, domain, 384, 192)
        assert abs(small.image.mean((0, 1)) - large.image.mean((0, 1))).max() < 4


def test_render_many_yields_in_order_and_the_same_from_processes():
    seeds = [5, 3, 9, 3]
    alone = [arrays(r) for r in render_many(seeds, 'night', 48, 24, workers=1)]
    assert alone == [arrays(render(seed, 'night', 48, 24)) for seed in seeds]
    jobs = [(seed, 'night', 48, 24, None) for seed in seeds]
    shared = in_order(render_function, jobs, 1, 48 * 24)
    assert [arrays(r) for r in shared] == alone


def test_worker_processes_render_the_same_bytes():
    seeds = range(200, 264)
    with_processes = list(render_many(seeds, 'day', workers=2))
    assert len(with_processes) == 64
    for index in (0, 1, 31, 63):
        assert arrays(with_processes[index]) == arrays(render(seeds[index], 'day'))


def test_no_seeds_no_frames():
    assert list(render_many([], 'day')) == []


@pytest.mark.parametrize(
    'change, sentence',
    [
        ({'domain': 'dusk'}, "unknown domain 'dusk'; choose one of synthetic, day, night, randomised"),
        ({'seed': -1}, 'seed must be 0 or more'),
        ({'width': 1}, 'cannot be rendered'),
        ({'focal': 0.0}, 'focal length must be more than 0'),
    ],
)
def test_what_cannot_be_rendered_is_refused(change, sentence):
    request = {'seed': 0, 'domain': 'day', 'width': 64, 'height': 32, 'focal': None} | change
    with pytest.raises(FamdaError, match=sentence):
        render(**request)
    seed = request.pop('seed')
    with pytest.raises(FamdaError, match=sentence):
        render_many([seed], **request)


def test_workers_must_be_positive():
    with pytest.raises(FamdaError, match='workers must be 1 or more'):
        render_many([1], 'day', workers=0)


@pytest.mark.parametrize('domain', ['open', 'varied'])
def test_cameras_of_a_wanted_height_are_those_that_are_rendered(domain):
    seeds = seeds_at_height(500, domain, 5, (1.4, 2.0))
    assert seeds == sorted(set(seeds)) and seeds[0] >= 500
    assert all(1.4 <= render(seed, domain, 32, 16).camera.y <= 2.0 for seed in seeds)
    left_out = set(range(500, seeds[-1])) - set(seeds)
    assert left_out and not any(1.4 <= render(seed, domain, 32, 16).camera.y <= 2.0 for seed in left_out)
    with pytest.raises(FamdaError, match='hardly a camera between 5 and 6 m'):
        seeds_at_height(0, domain, 1, (5.0, 6.0))
