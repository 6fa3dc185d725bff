# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import torch

from famda_ros.student.label_space import CITYSCAPES19, FLAT7, IGNORE
from famda_train.losses.feature_distance import feature_distance, thing_ids


def example():
    generator = torch.Generator().manual_seed(0)
    student, imagenet = (torch.randn(2, 5, 4, 6, generator=generator) for _ in range(2))
    coarse = torch.randint(0, 4, (2, 4, 6), generator=generator)
    labels = coarse.repeat_interleave(8, 1).repeat_interleave(8, 2)
    changed = torch.rand(labels.shape, generator=generator) < 0.3
    labels[changed] = torch.randint(0, 4, labels.shape, generator=generator)[changed]
    labels[0, :8] = IGNORE
    return student, imagenet, labels


def reference(student, imagenet, labels, things, min_share):
    """The same rule as loops over cells of 8 x 8 pixels."""
    distances = []
    for image in range(2):
        for row in range(4):
            for column in range(6):
                cell = labels[image, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
                if any((cell == thing).float().mean() >= min_share for thing in things):
                    distances.append((student - imagenet)[image, :, row, column].norm())
    return torch.stack(distances).mean()


def test_equals_the_loop():
    for things in ([1], [0, 3], [0, 1, 2, 3]):
        torch.testing.assert_close(feature_distance(*example(), things), reference(*example(), things, 0.75))


def test_two_things_that_share_a_cell_do_not_add_up():
    labels = torch.tensor([[[1, 2], [1, 2]]])
    student, imagenet = torch.ones(1, 3, 1, 1), torch.zeros(1, 3, 1, 1)
    assert feature_distance(student, imagenet, labels, [1, 2]) == 0
    assert feature_distance(student, imagenet, labels, [1, 2], min_share=0.5) == torch.tensor(3.0).sqrt()


def test_gradient_is_finite_at_the_start_and_without_things():
    student, _, labels = example()
    for things in ([0, 1, 2, 3], []):
        features = student.clone().requires_grad_()
        loss = feature_distance(features, student, labels, things)
        loss.backward()
        assert loss == 0 and not features.grad.any()


def test_things_of_each_label_space():
    assert thing_ids(CITYSCAPES19) == [6, 7, *range(11, 19)]  # those of the paper
    assert [FLAT7.classes[i] for i in thing_ids(FLAT7)] == ['object', 'human', 'vehicle']
