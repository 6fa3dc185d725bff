# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A number that no training can have is refused by name before anything is read, and not trained with."""
from dataclasses import dataclass

import pytest
from small_street import write_street

from famda_ros.errors import FamdaError
from famda_train.training.config_errors import own_settings
from famda_train.training.data_module import AdaptationData, DataSource, RareClassSampling
from famda_train.training.self_training import FeatureDistance, MaskedImages, SelfTraining
from famda_train.training.setting_limits import DATA, SELF_TRAINING, SOURCE_TRAINING, check_numbers
from famda_train.training.source_training import SourceTraining
from famda_train.training.tasks.depth import DepthSettings
from famda_train.training.tasks.segmentation import SegmentationSettings

NAN = float('nan')


@dataclass
class Group:
    weight: float = 1.0


def test_a_number_is_named_with_what_it_may_be():
    limits = {'group.weight': (0.0, float('inf')), 'size': (1, float('inf')), 'share': (0.0, 1.0)}
    check_numbers({'group': Group(), 'size': (1, 9), 'share': None, 'other': -1}, limits, 'data')
    for values, sentence in (
        ({'group': Group(-1.0)}, 'data.group.weight cannot be -1; give a number of 0 or more'),
        ({'group': Group(NAN)}, 'data.group.weight cannot be nan; give a number of 0 or more'),
        ({'group': Group(float('inf'))}, 'data.group.weight cannot be inf; give a number of 0 or more'),
        ({'size': [64, 0]}, 'data.size cannot be 0; give a whole number of 1 or more'),
        ({'share': 1.5}, 'data.share cannot be 1.5; give a number from 0 to 1'),
    ):
        with pytest.raises(FamdaError) as error:
            check_numbers(values, limits, 'data')
        assert str(error.value) == sentence


def test_every_name_is_that_of_a_setting():
    there = {name.removesuffix('.init_args') for name in own_settings()}
    named = {f'model.{name}' for name in (*SOURCE_TRAINING, *SELF_TRAINING)} | {f'data.{name}' for name in DATA}
    assert named <= there


@pytest.mark.parametrize(
    'settings',
    [
        {'learning_rate': -1e-3}, {'learning_rate': NAN}, {'learning_rate': 0.0}, {'weight_decay': -1.0},
        {'pixels': 0}, {'network_size': (320, 0)}, {'ema_limit': 1.01}, {'mix_strength': NAN},
        {'depth': DepthSettings(weight=-1.0)}, {'depth': DepthSettings(sky_weight=NAN)},
        {'segmentation': SegmentationSettings(class_weights={'road': -2.0})},
        {'segmentation': SegmentationSettings(min_share=55.0)},
        {'masked_images': MaskedImages(ratio=70.0)}, {'feature_distance': FeatureDistance(weight=-1.0)},
    ],
    ids=str,
)  # fmt: skip
def test_no_training_begins_with_it(settings):
    of_source = set(settings) <= {name.partition('.')[0] for name in SOURCE_TRAINING}
    for training in (SourceTraining, SelfTraining)[0 if of_source else 1 :]:
        with pytest.raises(FamdaError, match=rf'^model\.{next(iter(settings))}[a-z_.]* cannot be .*; give a '):
            training(**settings)


def test_no_data_are_read_with_it(tmp_path):
    street = str(write_street(tmp_path / 'street', 'day', 1))
    AdaptationData(street, batch_size=1)
    for settings in (
        {'batch_size': 0}, {'batch_size': -4}, {'crop': (0, 16)}, {'max_share': 75.0}, {'workers': -1},
        {'cache_gb': NAN}, {'rare_classes': RareClassSampling(temperature=0.0)},
        {'source': DataSource(street, size=(64, -32))}, {'target': DataSource(street, size=(0, 0))},
    ):  # fmt: skip
        with pytest.raises(FamdaError, match=rf'^data\.{next(iter(settings))}[a-z_.]* cannot be .*; give a '):
            AdaptationData(**{'source': street, **settings})
