# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from tiny_student import HEIGHT, WIDTH, save_tiny

from famda_ros.errors import EXIT_ERROR, EXIT_OK
from famda_ros.student.prepare_student import main
from famda_ros.student.providers import candidates


def test_says_what_is_ready(tmp_path, capsys):
    assert main([save_tiny(tmp_path / 'x.onnx'), '--provider', 'cpu', '--threads', '1']) == EXIT_OK
    said = capsys.readouterr().out
    assert said.startswith(f"'tiny' (fp32, {WIDTH}x{HEIGHT}) is ready on cpu") and 'ms a frame' in said


def test_what_is_missing_is_one_sentence(tmp_path, capsys):
    missing = next(name for name in ('tensorrt', 'cuda', 'openvino') if name not in candidates())
    assert main([save_tiny(tmp_path / 'x.onnx'), '--provider', missing]) == EXIT_ERROR
    assert main([str(tmp_path / 'none.onnx')]) == EXIT_ERROR
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and all(line.startswith('prepare_student: ') for line in said)
