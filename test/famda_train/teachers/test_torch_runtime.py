# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from famda_ros.errors import FamdaError
from famda_train.teachers.torch_runtime import FittingBatch, autocast, choose_device, choose_precision

CPU = torch.device('cpu')


def test_devices():
    assert choose_device('cpu') == CPU
    assert choose_device('auto').type == ('cuda' if torch.cuda.is_available() else 'cpu')
    for wrong in ('cuda:99', 'gpu'):
        with pytest.raises(FamdaError, match=f"there is no device '{wrong}' here"):
            choose_device(wrong)


def test_precision_of_a_device():
    assert choose_precision('auto', CPU) == 'fp32' and choose_precision('auto', torch.device('cuda')) == 'fp16'
    assert choose_precision('bf16', CPU) == 'bf16'
    left, right = torch.rand(4, 4), torch.rand(4, 4)
    for name, kind in (('fp32', torch.float32), ('bf16', torch.bfloat16)):
        with autocast(CPU, name):
            assert (left @ right).dtype == kind


def fits(limit, sizes):
    """Return work that runs out of memory above a batch of ``limit``, and notes the sizes it is asked for."""

    def work(size):
        sizes.append(size)
        if size > limit:
            raise torch.OutOfMemoryError('no room')
        return f'done with {size}'

    return work


def test_memory_is_tried_with_halves_and_remembered():
    batch, sizes = FittingBatch(64, 'teacher', 'take a smaller one'), []
    with pytest.warns(UserWarning, match='teacher: out of GPU memory, continuing with batches of 32') as warned:
        assert batch.run(fits(20, sizes)) == 'done with 16'
        assert batch.run(fits(20, sizes)) == 'done with 16'
    assert sizes == [64, 32, 16, 16] and len(warned) == 1


def test_not_even_one_fits():
    batch = FittingBatch(1, 'teacher', 'take a smaller one')
    with pytest.raises(FamdaError, match='teacher does not fit into the memory of the GPU; take a smaller one'):
        batch.run(fits(0, []))


def test_other_errors_are_not_hidden():
    with pytest.raises(ZeroDivisionError):
        FittingBatch(4, 'teacher', '').run(lambda size: 1 // 0)
