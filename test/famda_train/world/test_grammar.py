# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Varied streets hold what plain ones lack, and leave the plain ones as they were."""
import numpy as np
import pytest

from famda_ros.student.label_space import FLAT7
from famda_train.world import render
from famda_train.world.domains import grammar_of
from famda_train.world.grammar import PLAIN, varied_grammar
from famda_train.world.layout import make_layout
from famda_train.world.materials import CLASS_OF_MATERIAL, Material

NEW = (Material.TWIG, Material.FASCIA, Material.BICYCLE)


def materials(seed, grammar):
    return set(make_layout(seed, grammar=grammar).primitives.material.tolist())


def test_varied_streets_hold_what_plain_ones_lack():
    varied = set.union(*(materials(seed, varied_grammar(seed)) for seed in range(20)))
    plain = set.union(*(materials(seed, PLAIN) for seed in range(20)))
    assert set(NEW) <= varied and not set(NEW) & plain
    assert CLASS_OF_MATERIAL[Material.TWIG] == FLAT7.classes.index('nature')
    assert CLASS_OF_MATERIAL[Material.BICYCLE] == FLAT7.classes.index('human')


@pytest.mark.parametrize(
    'domain, mean, deviation',
    [
        ('synthetic', 96.34, (56.50, 39.01, 55.40)),
        ('day', 86.19, (46.49, 45.65, 45.01)),
        ('night', 57.45, (27.53, 25.08, 24.25)),
    ],
)
def test_the_pictures_of_the_plain_streets_stay_what_they_were(domain, mean, deviation):
    # The shipped depth teacher and all published numbers belong to these pictures.
    image = render(0, domain).image
    assert image.mean() == pytest.approx(mean, abs=0.02)
    assert image.std((0, 1)) == pytest.approx(deviation, abs=0.02)


def test_cameras_and_classes_vary():
    pictures = [render(seed, 'varied', 160, 120) for seed in range(30)]
    assert np.std([r.camera.y for r in pictures]) > 0.1 and np.std([r.camera.pitch for r in pictures]) > 0.02
    shares = np.array([np.bincount(r.labels.ravel(), minlength=len(FLAT7)) / r.labels.size for r in pictures])
    assert (shares.mean(0) > 0.003).all() and shares[:, FLAT7.classes.index('construction')].std() > 0.08
    levels = [r.image.mean() for r in pictures]
    assert max(levels) - min(levels) > 80  # bright day to dusk


def test_a_domain_has_one_grammar_per_seed():
    assert grammar_of(4, 'night') is PLAIN
    assert grammar_of(4, 'varied') == grammar_of(4, 'varied') != grammar_of(5, 'varied')
