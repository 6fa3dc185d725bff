# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Classes of your own, without sky, from a folder of frames to a student file that explains itself."""
from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import yaml
from small_street import HEIGHT, WIDTH
from training_runs import SELF, SOURCE, arguments, fit

from famda_ros.student.label_space import LABEL_SPACES
from famda_train.datasets.frame_folder import FrameFolderWriter

CLASSES = ('floor', 'rack', 'pallet', 'forklift', 'person')
SPACE = {
    'name': 'warehouse5',
    'classes': {name: {'color': [40 * i, 255 - 40 * i, 99], 'thing': i > 1} for i, name in enumerate(CLASSES)},
    'projections': {'flat7': {'floor': 'flat', 'rack': 'construction', 'forklift': 'vehicle', 'person': 'human'}},
}
EXPORT_AND_SCORE = """
import sys
from famda_train.commands.cli import main
checkpoint, student, frames, scores = sys.argv[1:]
code = main(['export', checkpoint, frames, '--out', student])
sys.exit(code or main(['evaluate', student, frames, '--json', scores]))
"""


def write_hall(path, count, labelled, space):
    rng = np.random.default_rng(0)
    with FrameFolderWriter(path, name='hall', label_space=space) as writer:
        for index in range(count):
            labels = np.full((HEIGHT, WIDTH), index % len(CLASSES), np.uint8)
            labels[HEIGHT // 2 :] = 0
            image = (labels[..., None] * 50 + rng.integers(0, 20, (HEIGHT, WIDTH, 3))).astype(np.uint8)
            depth = np.full((HEIGHT, WIDTH), 4.0 + index, np.float32)
            truth = {'labels': labels, 'depth': depth} if labelled else {}
            writer.add(f'{index:06d}', image, focal=0.7 * WIDTH, **truth)


def test_from_frames_to_a_student_file_that_knows_its_classes(tmp_path):
    file = tmp_path / 'warehouse.yaml'
    file.write_text(yaml.safe_dump(SPACE, sort_keys=False))
    try:
        write_hall(tmp_path / 'source', 6, True, str(file))
        write_hall(tmp_path / 'hall', 4, False, None)
        file.unlink()  # the folder explains itself
        assert yaml.safe_load((tmp_path / 'source' / 'dataset.yaml').read_text())['label_space'] == SPACE | {
            'classes': {n: {k: v for k, v in row.items() if v is not False} for n, row in SPACE['classes'].items()}
        }
        range_m = '--model.depth.range_m=[0.3, 20]'
        fit(arguments(SOURCE, tmp_path, 'source.ckpt', range_m, steps=4))
        start = f'--model.init_from={tmp_path / "source.ckpt"}'
        own = ['--data.masks=null', '--data.depth=null', f'--data.target={tmp_path / "hall"}', start, range_m]
        fit([a for a in arguments(SELF, tmp_path, 'hall.ckpt', *own, steps=4) if 'model.network' not in a])
    finally:
        LABEL_SPACES.pop('warehouse5', None)
    # Another process has never heard of these classes.
    student, scores = tmp_path / 'hall.onnx', tmp_path / 'scores.json'
    words = [tmp_path / 'hall.ckpt', student, tmp_path / 'source', scores]
    result = subprocess.run(
        [sys.executable, '-c', EXPORT_AND_SCORE, *map(str, words)], capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr
    found = json.loads(scores.read_text())
    assert tuple(found['iou']) == CLASSES and found['label_space'] == 'warehouse5'
    assert found['projections']['flat7']['not_scored'] == ['pallet']
