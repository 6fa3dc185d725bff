# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda export``."""
from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

POSITIONALS = ('checkpoint', 'frames')
HAS_RESULT = True


def run(
    checkpoint: str,
    frames: str,
    out: str = 'student.onnx',
    count: int = 40,
    name: str | None = None,
    precision: Literal['fp32', 'fp16', 'int8'] = 'fp32',
    weights: Literal['fp32', 'fp16'] = 'fp32',
    pixels: int | None = None,
    calibrate: str | None = None,
    temperature: tuple[str, ...] = (),
    reference: str | None = None,
    evaluate: str | None = None,
    check: str | None = None,
    kind: str = 'auto',
    split: str | None = None,
    options: dict[str, Any] | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Export a checkpoint as one self-describing ONNX file, checked against torch.

    Args:
        checkpoint: checkpoint that famda fit wrote.
        frames: frame folder or data set with real images for the parity check; two of them travel in the file.
        out: ONNX file to write. It appears only if its labels agree with torch on at least 99.5 % of the
            pixels (fp16: 99 %, int8: 95 %), and depth and confidence within 1 % (int8: 5 %).
        count: number of frames for the parity check, and for the calibration.
        name: name in the model card; default: the name of the file.
        precision: numbers that the student computes with: fp32; fp16, for GPUs; int8, for CPUs and accelerators.
        weights: numbers that precision fp32 stores its weights as: fp32; fp16, for half the size, computed in fp32.
        pixels: that the robot lets the student see of a camera, about, in all, where the camera has so many, and no
            fewer than in training; fewer are faster. Default: as in the checkpoint.
        calibrate: with int8, frame folder or data set of the target on which ranges are measured; default: frames.
        temperature: labelled frame folders or data sets that were not trained on, first that of the domain itself; on
            them, and on blurred, noisy, dark and hazy copies of the first, one temperature of the confidence is fitted.
            street-world:night and others are rendered for it at the size of the network.
        reference: frame folder or data set of the domain that the student was adapted to, 100 frames or more, that the
            robot compares with to notice another one; default: frames, where there are enough.
        evaluate: labelled frame folder or data set; scores on it, and what smaller numbers cost, enter the model card.
        check: provider (tensorrt, cuda, openvino) that must agree with the CPU here on the file's own frames.
        kind: layout of the data sets; auto = detect it.
        split: part of frames and of calibrate; default: the one for training.
        options: what else the layout takes, such as --options.condition night.
        overwrite: replace the file if it exists.
    """
    from famda_ros.student.model_card import read_card
    from famda_ros.student.providers import candidates
    from famda_ros.student.runtime import Student
    from famda_train.commands.evaluate import validation_split
    from famda_train.commands.outputs import check_nothing_is_replaced
    from famda_train.commands.progress import progress_bar
    from famda_train.datasets.catalogue import open_dataset
    from famda_train.datasets.checks import spread_images
    from famda_train.export.export_student import export_student
    from famda_train.export.weight_storage import check_weights
    from famda_train.label_store.licences import student_notice

    check_weights(weights, precision)  # before anything slow
    check_nothing_is_replaced(out, overwrite)
    if check:
        candidates(check)
    more = options or {}
    images = spread_images(open_dataset(frames, kind, split, **more), count)
    calibration = spread_images(open_dataset(calibrate, kind, split, **more), count) if calibrate else None
    truth = open_dataset(evaluate, kind, validation_split(evaluate, kind), **more) if evaluate else None
    confidence = labelled_frames(checkpoint, temperature) if temperature else []
    home = reference_frames(checkpoint, reference or frames, kind, split, more, must=reference is not None)
    with progress_bar() as bar:
        fitting = bar.add_task('calibrating confidence', total=None, visible=bool(confidence))
        task = bar.add_task('evaluating', total=len(truth) if truth else None, visible=truth is not None)
        looking = bar.add_task('reference for drift', total=None, visible=home is not None)
        exported = export_student(
            checkpoint, out, images, name, None, precision, weights, calibration, truth,
            lambda done, total: bar.update(task, completed=done, total=total),
            confidence, lambda done, total: bar.update(fitting, completed=done, total=total),
            home, lambda done, total: bar.update(looking, completed=done, total=total), pixels=pixels,
        )  # fmt: skip
    halved = '' if weights == 'fp32' else f', weights stored in {weights}'
    print(f'wrote {out} ({precision}{halved}): with torch, {exported.agreement}')
    if exported.ece:
        print(f'confidence at temperature {exported.temperature:g}: {ece_text(exported.ece)}')
    if home is None:
        print(f'no reference for the drift monitor: {frames} has too few frames; name others with --reference')
    if cost := exported.metrics.get('cost'):
        print(f'{precision}{halved} costs {cost_text(cost)} on {exported.metrics["frames"]} frames of {evaluate}')
    checked = {}
    if check:
        agreement = Student(out, provider=check).agreement
        if agreement is not None:
            print(f'{check} and CPU: {agreement}')
            checked = {'provider': check, 'provider_agreement': asdict(agreement)}
    if notice := student_notice(read_card(out).licence):
        print(notice)
    return {
        'out': out, 'precision': precision, 'weights': weights, **asdict(exported.agreement),
        'metrics': exported.metrics, 'temperature': exported.temperature, 'ece': exported.ece, **checked,
    }  # fmt: skip


def reference_frames(
    checkpoint: str, path: str, kind: str, split: str | None, more: dict[str, Any], must: bool
) -> Any:
    """Open the frames that the drift monitor's reference is taken of.

    The street world is rendered as the student's camera sees it.

    Args:
        checkpoint: of the student.
        path: frame folder or data set.
        kind, split, more: its layout, its part, and what else the layout takes.
        must: whether too few frames are an error.

    Returns:
        The data set; None = it has too few frames.

    Raises:
        FamdaError: no such data set, no readable checkpoint, or too few frames where there must be enough.
    """
    from famda_ros.errors import FamdaError
    from famda_ros.student.drift_reference import FEWEST_FRAMES
    from famda_train.datasets.catalogue import open_dataset
    from famda_train.datasets.street_world import StreetWorld
    from famda_train.export.reference import REFERENCE_FRAMES
    from famda_train.models.checkpoint import load_student

    if StreetWorld.detect(Path(path)):
        spec = load_student(checkpoint)[1]
        more = {'width': spec.width, 'height': spec.height, 'focal': spec.focal, 'frames': REFERENCE_FRAMES, **more}
    data = open_dataset(path, kind, split, **more)
    if len(data) >= FEWEST_FRAMES:
        return data
    if must:
        raise FamdaError(f"--reference '{path}' has {len(data)} frames; a reference needs {FEWEST_FRAMES} or more")
    return None


def labelled_frames(checkpoint: str, paths: tuple[str, ...]) -> list[Any]:
    """Open the data sets of ``--temperature``; the street world is rendered as the student's camera sees it.

    Raises:
        FamdaError: no readable checkpoint, or no such data set.
    """
    from famda_train.commands.evaluate import validation_split
    from famda_train.datasets.catalogue import open_dataset
    from famda_train.datasets.street_world import StreetWorld
    from famda_train.export.temperature import FRAMES
    from famda_train.models.checkpoint import load_student

    spec = load_student(checkpoint)[1]
    size: dict[str, Any] = {'width': spec.width, 'height': spec.height, 'focal': spec.focal, 'frames': FRAMES}
    rendered = [size if StreetWorld.detect(Path(path)) else {} for path in paths]
    return [
        open_dataset(path, split=validation_split(path), **options)
        for path, options in zip(paths, rendered, strict=True)
    ]


def ece_text(ece: dict[str, Any]) -> str:
    """Return in words what a temperature brings."""
    parts = (f'{name} {e["after"]:.1f} (before: {e["before"]:.1f})' for name, e in ece.items() if name != 'data')
    return f'calibration error in points, {", ".join(parts)}'


def cost_text(cost: dict[str, float]) -> str:
    """Return in words what smaller numbers cost."""
    parts = []
    if 'miou' in cost:
        parts.append(f'{cost["miou"]:.2f} mIoU')
    if 'abs_rel_percent' in cost:
        parts.append(f'{cost["abs_rel_percent"]:.2f} % of AbsRel')
    return ' and '.join(parts)
