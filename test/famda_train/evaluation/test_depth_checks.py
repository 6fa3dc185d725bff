# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Checks without truth: exact on planes and shifted pictures, and true on drives through the street world."""
import json
import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from famda_train.evaluation.depth_checks import (
    DepthChecks,
    agreement,
    comparable,
    consistent,
    depth_change,
    follow,
    follow_depth,
    optical_flow,
    road_plane,
    robust_fit,
)
from famda_train.world import drive

HEIGHT, WIDTH, FOCAL = 48, 96, 67.2
ROAD = np.ones((HEIGHT, WIDTH), bool)
SMALL_ANGLES = st.floats(-0.2, 0.2)
FACTORS = st.floats(0.2, 5.0)


def road_depth(height, pitch=0.0, roll=0.0, cx=(WIDTH - 1) / 2, cy=(HEIGHT - 1) / 2, focal_y=FOCAL):
    """Return float32 [H, W] metres of a flat road seen from ``height`` metres; +inf above the horizon."""
    down = np.array([math.sin(roll) * math.cos(pitch), math.cos(roll) * math.cos(pitch), math.sin(pitch)])
    x, y = (np.arange(WIDTH) - cx) / FOCAL, (np.arange(HEIGHT)[:, None] - cy) / focal_y
    inverse = (down[0] * x + down[1] * y + down[2]) / height
    return np.where(inverse > 0, 1 / np.where(inverse > 0, inverse, 1), np.inf).astype(np.float32)


def texture(seed=0, size=(HEIGHT, WIDTH)):
    """Return a uint8 RGB picture that optical flow can follow."""
    noise = np.random.default_rng(seed).uniform(0, 1, size).astype(np.float32)
    gray = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 1.5), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=2)


def checked(depths, images=None, teachers=None, road=ROAD, focal=FOCAL):
    """Return the checks of a recording."""
    checks = DepthChecks()
    for index, depth in enumerate(depths):
        image = texture() if images is None else images[index]
        checks.update(image, depth, road, None if teachers is None else teachers[index], focal)
    return checks.compute()


# ---- the depth teacher


@settings(max_examples=30, deadline=None)
@given(st.floats(0.5, 2.0), st.integers(0, 100))
def test_agreement_with_a_scaled_teacher_is_its_scale(scale, seed):
    teacher = np.random.default_rng(seed).uniform(2, 40, (HEIGHT, WIDTH)).astype(np.float32)
    result = checked([teacher * np.float32(scale)], teachers=[teacher])['teacher']
    assert result['scale'] == pytest.approx(scale, rel=1e-6)
    assert result['abs_rel'] == pytest.approx(abs(scale - 1), abs=1e-6)
    if abs(max(scale, 1 / scale) - 1.25) > 1e-3:
        assert result['delta1'] == (100.0 if max(scale, 1 / scale) < 1.25 else 0.0)
    assert result['share'] == 100.0 and result['frames'] == 1


def test_agreement_counts_only_what_both_know():
    nan, inf = np.nan, np.inf
    teacher = np.array([[10, 10, 10, 10, nan, inf, 0.5, 90, 20]], np.float32)
    depth = np.array([[11, nan, inf, 0.2, 10, 10, 0.5, 79, 30]], np.float32)
    result = agreement(depth, teacher)
    assert (result.reference, result.pixels, result.delta1) == (5, 2, 1)
    assert result.abs_rel == pytest.approx(0.1 + 0.5)
    assert result.scale == pytest.approx((1.1 + 1.5) / 2)


def test_agreement_pools_pixels_and_takes_the_median_scale_of_frames():
    teacher = np.full((HEIGHT, WIDTH), 10, np.float32)
    teachers = [teacher, np.where(np.arange(WIDTH) < WIDTH // 4, teacher, np.nan), teacher]
    result = checked([teacher * 1.1, teacher * 1.5, teacher * 1.2], teachers=teachers)['teacher']
    assert result['abs_rel'] == pytest.approx((0.1 + 0.5 / 4 + 0.2) / 2.25, rel=1e-5)
    assert result['delta1'] == pytest.approx(100 * 2 / 2.25)
    assert result['scale'] == pytest.approx(1.2, rel=1e-6)
    assert result['scale_p10'] == pytest.approx(1.12, rel=1e-6)
    assert result['scale_p90'] == pytest.approx(1.44, rel=1e-6)


# ---- from picture to picture


def test_flow_finds_a_shift_and_what_leaves_the_picture_is_not_used():
    large = texture(1, (HEIGHT, WIDTH + 6))[..., 0]
    before, now = np.ascontiguousarray(large[:, 6:]), np.ascontiguousarray(large[:, :WIDTH])
    flow, back = optical_flow(now, before), optical_flow(before, now)
    assert np.median(flow[:, 12:, 0]) == pytest.approx(-6, abs=0.1)
    used = consistent(flow, back)
    assert used[:, 12:].mean() > 0.95
    assert not used[:, :5].any()


def test_flow_that_does_not_come_home_is_inconsistent():
    flow = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    flow[..., 0] = 4
    assert consistent(flow, -flow)[:, :-4].all()
    assert not consistent(flow, -flow)[:, -4:].any()
    assert not consistent(flow, flow).any()
    assert not consistent(flow, 0 * flow).any()


@pytest.mark.parametrize('shift', [(3.0, 0.0), (-2.0, 4.0), (0.5, -0.25)])
def test_a_plane_is_followed_exactly(shift):
    depth = road_depth(1.5, pitch=0.6)  # no horizon
    flow = np.broadcast_to(np.array(shift, np.float32), (HEIGHT, WIDTH, 2))
    moved = road_depth(1.5, pitch=0.6, cx=(WIDTH - 1) / 2 - shift[0], cy=(HEIGHT - 1) / 2 - shift[1])
    result = follow_depth(depth, flow)
    inside = np.isfinite(result)
    assert inside.mean() > 0.85
    assert result[inside] == pytest.approx(moved[inside], rel=1e-4)


def test_sky_and_unknown_are_not_mixed_into_depth():
    depth = np.full((8, 8), 10, np.float32)
    depth[2, 2], depth[5, 5], depth[7, 0] = np.nan, np.inf, 0
    result = follow_depth(depth, np.full((8, 8, 2), 0.5, np.float32))
    assert ((result == 10) | np.isnan(result)).all()
    assert np.isnan(result[[1, 1, 2, 2, 4, 5, 6], [1, 2, 1, 2, 5, 4, 0]]).all()
    assert np.isnan(follow(depth, np.full((8, 8, 2), 100, np.float32))).all()


def test_a_picture_that_stands_still_does_not_change():
    depth = road_depth(1.5, 0.3)
    result = checked([depth] * 3)['stability']
    assert (result['pairs'], result['skipped']) == (2, 0)
    assert result['share'] == pytest.approx(100 * comparable(depth).mean(), abs=3)
    for name in ('change', 'flicker', 'scale_jump', 'noise'):
        assert result[name] == pytest.approx(0, abs=1e-3)


def test_a_jump_of_scale_is_change_but_no_flicker():
    depth = road_depth(1.5, 0.3)
    result = checked([depth, depth * 1.2])['stability']
    for name in ('change', 'scale_jump'):
        assert result[name] == pytest.approx(100 * math.log(1.2), rel=1e-3)
    assert result['flicker'] == pytest.approx(0, abs=1e-3)
    assert result['noise'] == pytest.approx(0, abs=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.8, 1.25), st.floats(-0.5, 1.5), st.integers(0, 100))
def test_scale_jump_and_noise_are_without_the_drive(scale, driven, seed):
    before = np.random.default_rng(seed).uniform(4, 60, 2000)
    result = depth_change((scale * (before - driven)).astype(np.float32), before.astype(np.float32))
    assert result.scale_jump == pytest.approx(100 * abs(math.log(scale)), abs=1e-3)
    assert result.noise == pytest.approx(0, abs=1e-3)
    ratio = np.log(scale * (1 - driven / before))
    assert result.change == pytest.approx(100 * np.median(np.abs(ratio)), rel=1e-3, abs=1e-3)
    assert result.flicker == pytest.approx(100 * np.median(np.abs(ratio - np.median(ratio))), rel=1e-3, abs=1e-3)


def test_depth_that_is_the_same_everywhere_has_no_scale_jump():
    result = checked([np.full((HEIGHT, WIDTH), 10, np.float32)] * 2)['stability']
    assert result['change'] == 0
    assert result['scale_jump'] is None and result['noise'] is None


def test_only_consecutive_frames_are_compared():
    checks, depth = DepthChecks(), road_depth(1.5, 0.3)
    for factor, consecutive in ((1, True), (2, False), (2, True), (1, False)):
        checks.update(texture(), depth * factor, ROAD, consecutive=consecutive)
    result = checks.compute()['stability']
    assert result['pairs'] == 1
    assert result['change'] == pytest.approx(0, abs=1e-3)


def test_a_frame_that_is_written_over_is_kept():
    checks, image, depth = DepthChecks(), texture(), road_depth(1.5, 0.3)
    checks.update(image, depth, ROAD)
    depth *= 1.2
    checks.update(image, depth, ROAD)
    assert checks.compute()['stability']['change'] == pytest.approx(100 * math.log(1.2), rel=1e-3)


def test_pairs_that_have_nothing_in_common_are_skipped():
    depth = road_depth(1.5, 0.3)
    result = checked([depth, np.full_like(depth, np.nan), depth])['stability']
    assert result == {'pairs': 0, 'skipped': 2, 'share': 0.0, 'change': None, 'flicker': None, 'scale_jump': None,
                      'noise': None}  # fmt: skip


# ---- the road


@settings(max_examples=50, deadline=None)
@given(st.floats(0.3, 4.0), SMALL_ANGLES, SMALL_ANGLES)
def test_the_height_is_found_whatever_pitch_and_roll(height, pitch, roll):
    plane = road_plane(road_depth(height, pitch, roll), ROAD, FOCAL)
    assert plane.height_m == pytest.approx(height, rel=1e-3)
    tilt = math.degrees(math.acos(math.cos(pitch) * math.cos(roll)))
    assert plane.tilt_degrees == pytest.approx(tilt, abs=0.05)
    assert plane.residual < 1e-3


@settings(max_examples=30, deadline=None)
@given(FACTORS, SMALL_ANGLES)
def test_the_height_scales_with_depth(factor, pitch):
    depth = road_depth(1.5, pitch) * np.random.default_rng(0).lognormal(0, 0.05, (HEIGHT, WIDTH)).astype(np.float32)
    plane, scaled = (road_plane(d, ROAD, FOCAL) for d in (depth, depth * np.float32(factor)))
    assert scaled.height_m == pytest.approx(factor * plane.height_m, rel=1e-4)
    assert scaled.residual == pytest.approx(plane.residual, rel=1e-3)


@pytest.mark.parametrize('outlier', ['near', 'far', 'clamped', 'mixed', 'a car'])
def test_a_fifth_of_outliers_does_not_matter(outlier):
    rng = np.random.default_rng(3)
    depth = road_depth(1.5, 0.03, 0.02) * rng.lognormal(0, 0.02, (HEIGHT, WIDTH)).astype(np.float32)
    wrong = rng.uniform(0, 1, depth.shape) < 0.2
    if outlier == 'a car':  # one corner of the road, at one distance
        wrong[:], wrong[HEIGHT * 3 // 4 :, : WIDTH * 2 // 5] = False, True
    mixed = depth * rng.lognormal(0, 2, depth.shape)
    values = {'near': depth * 0.3, 'far': depth * 100, 'clamped': 1e-3, 'mixed': mixed, 'a car': 2.0}
    plane = road_plane(np.where(wrong, values[outlier], depth).astype(np.float32), ROAD, FOCAL)
    assert plane.height_m == pytest.approx(1.5, rel=0.02)
    assert plane.residual < 3


def test_principal_point_and_other_focal_lengths_count():
    depth = road_depth(1.5, 0.05, cx=40.0, cy=18.0, focal_y=80.0)
    assert road_plane(depth, ROAD, FOCAL, (40.0, 18.0), 80.0).height_m == pytest.approx(1.5, rel=1e-3)
    assert road_plane(depth, ROAD, FOCAL, (40.0, 18.0)).height_m == pytest.approx(1.5 * 80 / FOCAL, rel=0.01)
    checks = DepthChecks(focal_at_width=(2 * FOCAL, 2 * WIDTH))
    checks.update(texture(), road_depth(1.5), ROAD)
    assert checks.compute()['road']['camera_height_m'] == pytest.approx(1.5, rel=1e-3)


def test_only_road_in_the_lower_half_counts():
    depth, road = road_depth(1.5, 0.3), ROAD.copy()
    depth[: HEIGHT // 2] *= 3
    road[:, : WIDTH // 4] = False
    depth[:, : WIDTH // 4] = 2
    assert road_plane(depth, road, FOCAL).height_m == pytest.approx(1.5, rel=1e-3)


def test_a_bent_road_leaves_a_residual_and_a_wall_is_tilted():
    bent = road_depth(1.5)
    bent = np.where(bent > 4, 4 + 3 * (bent - 4), bent)
    assert road_plane(bent, ROAD, FOCAL).residual > 1
    wall = road_plane(np.full((HEIGHT, WIDTH), 7, np.float32), ROAD, FOCAL)
    assert (wall.height_m, wall.tilt_degrees) == (pytest.approx(7), pytest.approx(90))


def test_too_little_road_is_no_plane():
    depth, nothing = road_depth(1.5), np.zeros((HEIGHT, WIDTH), bool)
    line = nothing.copy()
    line[-1] = True  # 96 pixels are more than 1 %, but on one line
    few = nothing.copy()
    few[-6:, 40:47] = True
    for road in (nothing, line, few):
        assert road_plane(depth, road, FOCAL) is None
    assert road_plane(np.full_like(depth, np.nan), ROAD, FOCAL) is None
    checks = DepthChecks()
    for road, height in ((ROAD, 1.4), (few, 5.0), (ROAD, 1.5), (ROAD, 1.6)):
        checks.update(texture(), road_depth(height), road, focal=FOCAL)
    checks.update(texture(), depth, ROAD)  # no focal
    result = checks.compute()['road']
    assert (result['frames'], result['skipped']) == (3, 2)
    assert result['camera_height_m'] == pytest.approx(1.5, rel=1e-3)
    assert result['camera_height_p10_m'] == pytest.approx(1.42, rel=1e-3)
    assert result['camera_height_p90_m'] == pytest.approx(1.58, rel=1e-3)


def test_many_pixels_are_thinned_out():
    rng = np.random.default_rng(0)
    rows = rng.uniform(0.5, 1, (100_000, 3))
    assert robust_fit(rows, rows @ [1.0, 2.0, 3.0]) == pytest.approx([1, 2, 3])
    assert robust_fit(rows[:2], rows[:2, 0]) is None


# ---- the whole metric


def test_nothing_measured_is_none_and_fits_json():
    empty = DepthChecks().compute()
    assert json.loads(json.dumps(empty, allow_nan=False)) == empty
    assert empty['frames'] == 0
    counts = ('frames', 'pairs', 'skipped')
    for part in ('teacher', 'stability', 'road'):
        assert all(value == 0 if name in counts else value is None for name, value in empty[part].items())
    unknown = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    result = checked([unknown, unknown], teachers=[unknown, np.full_like(unknown, np.inf)])
    json.dumps(result, allow_nan=False)
    assert result['teacher']['frames'] == 0 and result['teacher']['abs_rel'] is None
    assert result['road']['skipped'] == 2 and result['road']['camera_height_m'] is None
    json.dumps(checked([road_depth(1.5)] * 2, teachers=[road_depth(1.4)] * 2), allow_nan=False)


def test_a_prediction_outside_of_the_range_shows_in_the_share():
    teacher = np.full((HEIGHT, WIDTH), 10, np.float32)
    result = checked([np.full_like(teacher, 0.1)], teachers=[teacher])['teacher']
    assert result['share'] == 0.0 and result['scale'] is None


def test_sizes_must_agree():
    checks, depth = DepthChecks(), road_depth(1.5)
    for arrays in ((depth[1:], ROAD), (depth, ROAD[1:]), (depth, ROAD, depth[1:])):
        with pytest.raises(ValueError, match='does not fit'):
            checks.update(texture(), *arrays)
    checks.update(texture(), depth, ROAD)
    with pytest.raises(ValueError, match='cannot follow'):
        checks.update(texture()[2:], depth[2:], ROAD[2:])
    checks.update(texture()[2:], depth[2:], ROAD[2:], consecutive=False)
    assert checks.compute()['frames'] == 2


# ---- a drive


@pytest.fixture(scope='module', params=[(1, 'day'), (4, 'night')])
def street(request):
    """Seven frames of a drive at about 8 m/s and 10 Hz."""
    return [rendering for _, rendering in drive(*request.param, 7, width=256, height=128)]


def drive_checks(street, disturb=lambda depth: depth):
    checks = DepthChecks()
    for frame in street:
        depth = disturb(frame.depth).astype(np.float32)
        checks.update(frame.image, depth, frame.labels == 0, frame.depth, frame.camera.focal)
    return checks.compute()


def test_true_depth_passes(street):
    result = drive_checks(street)
    assert result['teacher']['abs_rel'] == 0 and result['teacher']['scale'] == 1
    road, height = result['road'], street[0].camera.y
    for name in ('camera_height_m', 'camera_height_p10_m', 'camera_height_p90_m'):
        assert road[name] == pytest.approx(height, rel=0.02)
    assert road['residual'] < 0.1 and road['tilt_degrees'] < 3
    stability = result['stability']
    assert (stability['pairs'], stability['skipped']) == (6, 0)
    assert stability['share'] > 50
    # The camera drives 0.8 m per frame: true depth changes by several percent, and not by the same everywhere.
    assert stability['change'] < 10 and stability['flicker'] < 5
    assert stability['scale_jump'] < 1.5 and stability['noise'] < 1


def test_longer_depth_is_a_higher_camera_and_no_flicker(street):
    result, truth = drive_checks(street, lambda depth: 1.25 * depth), drive_checks(street)
    assert result['teacher']['scale'] == pytest.approx(1.25, rel=1e-6)
    assert result['road']['camera_height_m'] == pytest.approx(1.25 * truth['road']['camera_height_m'], rel=1e-3)
    for name in ('change', 'flicker', 'noise'):
        assert result['stability'][name] == pytest.approx(truth['stability'][name], rel=0.1)


def test_a_scale_that_changes_by_the_frame_is_seen(street):
    rng, truth = np.random.default_rng(5), drive_checks(street)
    result = drive_checks(street, lambda depth: depth * rng.lognormal(0, 0.2))
    assert result['stability']['change'] > 1.5 * truth['stability']['change']
    assert result['stability']['scale_jump'] > 5 * truth['stability']['scale_jump']
    for name in ('flicker', 'noise'):
        assert result['stability'][name] == pytest.approx(truth['stability'][name], rel=0.1)
    heights = result['road']
    assert heights['camera_height_p90_m'] > 1.2 * heights['camera_height_p10_m']


def test_noise_of_pixels_is_seen(street):
    rng = np.random.default_rng(6)
    results = [
        drive_checks(street, lambda depth, size=size: depth * rng.lognormal(0, size, depth.shape))
        for size in (0, 0.05, 0.1)
    ]
    flicker, noise = ([result['stability'][name] for result in results] for name in ('flicker', 'noise'))
    assert flicker[0] * 1.2 < flicker[1] and flicker[1] * 1.2 < flicker[2]
    assert noise[0] * 4 < noise[1] and noise[1] * 1.5 < noise[2]
    assert results[2]['road']['camera_height_m'] == pytest.approx(street[0].camera.y, rel=0.02)
