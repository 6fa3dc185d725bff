# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from famda_ros.student import providers
from famda_ros.student.providers import candidates, default_cache, engine_folder, loads_in_background, provider_options


def test_the_processor_is_always_there_and_last():
    assert candidates()[-1] == 'cpu' and candidates('cpu') == ['cpu']


def test_which_runtimes_load_in_the_background():
    assert all(loads_in_background(version) for version in ('1.31.0', '1.32.0', '2.0.0'))
    assert not any(loads_in_background(version) for version in ('1.20.1', '1.23.2', '1.30.0'))


def test_every_model_device_and_precision_has_its_own_engines(tmp_path):
    cases = [(b'one', 'openvino', 'fp32'), (b'two', 'openvino', 'fp32'), (b'one', 'tensorrt', 'fp32'),
             (b'one', 'openvino', 'int8')]  # fmt: skip
    folders = {engine_folder(*case, tmp_path) for case in cases}
    assert len(folders) == len(cases)
    assert all(folder.parent == tmp_path / 'engines' for folder in folders)
    assert engine_folder(*cases[0], tmp_path) in folders


def test_where_engines_are_kept(monkeypatch):
    monkeypatch.delenv('FAMDA_CACHE', raising=False)
    monkeypatch.setenv('XDG_CACHE_HOME', '/cache')
    assert default_cache() == Path('/cache/famda')
    monkeypatch.setenv('FAMDA_CACHE', '/own')
    assert default_cache() == Path('/own')


def test_engines_are_kept_only_where_they_are_wanted(tmp_path):
    for name, option in (('tensorrt', 'trt_engine_cache_path'), ('openvino', 'cache_dir')):
        assert provider_options(name, 'fp32', 0, tmp_path)[option] == str(tmp_path)
        assert option not in provider_options(name, 'fp32', 0, None)
    assert provider_options('openvino', 'fp32', 3, None)['num_of_threads'] == '3'


@pytest.mark.parametrize(('flags', 'bf16'), [('fpu amx_bf16 amx_tile', True), ('fpu avx2 xamx_bf16', False)])
def test_openvino_computes_in_bfloat16_where_the_processor_has_matrix_units(monkeypatch, flags, bf16):
    monkeypatch.setattr(providers, '_cpu_info', lambda: f'model name\t: Some CPU\nflags\t\t: {flags}\nbogomips: 1\n')
    assert providers.computes_bf16() == bf16 and providers.cpu_name() == 'Some CPU'
    assert ('bf16' in provider_options('openvino', 'fp32', 1, None).get('load_config', '')) == bf16
    assert 'load_config' not in provider_options('openvino', 'int8', 1, None)
    monkeypatch.setattr(providers, '_cpu_info', lambda: '')
    assert not providers.computes_bf16() and providers.cpu_name()
