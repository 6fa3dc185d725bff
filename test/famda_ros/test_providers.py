# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

from famda_ros.providers import candidates, default_cache, engine_folder, provider_options


def test_the_processor_is_always_there_and_last():
    assert candidates()[-1] == 'cpu' and candidates('cpu') == ['cpu']


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
