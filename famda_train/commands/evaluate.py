# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda evaluate``."""
from __future__ import annotations

from typing import Any

from famda_ros.errors import FamdaError

POSITIONALS = ('model', 'data')
HAS_RESULT = True


def run(model: str, data: str, protocol: str = 'metric') -> dict[str, Any]:
    """Score a student on labelled frames: mIoU in percent, depth errors in metres.

    Args:
        model: checkpoint of famda fit or .onnx file of famda export; both give the same numbers.
        data: frame folder with labels/ and depth/.
        protocol: how depth is scored; metric = no scaling, 0.001 to 80 m, pooled over pixels.
    """
    from famda_train.commands.progress import progress_bar
    from famda_train.data.frame_folder import FrameFolder
    from famda_train.evaluation.evaluate import evaluate
    from famda_train.evaluation.models import load_predictor

    predict, card = load_predictor(model)
    folder = FrameFolder(data)
    if folder.label_space and folder.label_space != card.label_space:
        raise FamdaError(
            f"'{model}' predicts {card.label_space.name} but '{data}' is labelled with {folder.label_space.name}"
        )

    with progress_bar() as bar:
        task = bar.add_task('evaluating', total=len(folder))
        result = evaluate(predict, folder, protocol, lambda done, _: bar.update(task, completed=done))
    print_result(result)
    return {'model': model, 'data': data, **result}


def print_result(result: dict[str, Any]) -> None:
    """Print a score as a few lines."""
    print(f'protocol {result["protocol"]}, {result["frames"]} frames')
    if 'miou' in result:
        print(f'mIoU     {result["miou"]:6.2f} %')
        for name, value in result['iou'].items():
            print(f'  {name:<14} {"absent" if value is None else f"{value:6.2f} %"}')
    for key, unit in (('abs_rel', ''), ('rmse', 'm'), ('delta1', '%')):
        if key in result:
            print(f'{key:<8} {result[key]:6.3f} {unit}')
