# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda evaluate``."""
from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

from famda_ros.errors import FamdaError, choose
from famda_train.commands.outputs import check_output_file, check_report, command_line

POSITIONALS = ('model', 'data')
HAS_RESULT = True

PICTURE_FRAMES = 4
AGAINST = ('baseline', 'difference', 'gains', 'delta_mtl')
"""Keys of a result that a baseline adds."""
SCORED = ('miou', 'abs_rel')
"""Keys of the scores that have intervals."""
UNITS = {
    'miou': '%', 'ece': '%', 'abs_rel': '', 'sq_rel': 'm', 'rmse': 'm', 'rmse_log': '',
    'delta1': '%', 'delta2': '%', 'delta3': '%', 'ratio': '',
}  # fmt: skip
BAND = 'AbsRel {abs_rel:.3f}, delta1 {delta1:.1f} %, ratio {ratio:.2f}'
DEPTH_GROUPS = {'bands': 'depth', 'depth_classes': 'depth, class of {depth_classes_of}'}
"""Key of a result with depth by group → title of its table."""


def run(
    model: str,
    data: str,
    protocol: str = 'metric',
    kind: str = 'auto',
    split: str | None = None,
    label_space: str | None = None,
    options: dict[str, Any] | None = None,
    baseline: str | None = None,
    picture: str | None = None,
    report: str | None = None,
    block: int | None = None,
    provider: str = 'cpu',
) -> dict[str, Any]:
    """Score a student on labelled frames: mIoU in percent, depth errors in metres.

    Args:
        model: checkpoint of famda fit or .onnx file of famda export; both give the same numbers.
        data: frame folder with labels/ and depth/, a dataset tree (Cityscapes, ACDC, ...), or street-world:night.
        protocol: metric (full resolution, no scaling, 0.001 to 80 m, pooled over pixels), densemtl (1024x512, median
            scaling and an offset of 0.99 m, for comparison with DenseMTL) or densemtl-fixed (without the offset).
        kind: layout of the data; auto = detect it.
        split: part of the data; default: the one for validation, where the data has splits.
        label_space: label space in which the truth is read; default: the data's own.
        options: what else the layout takes, such as --options.condition night for ACDC.
        baseline: another model, or a .json result of this command; shown beside, with the relative gain over all tasks.
        picture: .png file to write, with four frames: camera image, prediction, truth and what is wrong; and a
            reliability diagram of the confidence.
        report: .html file to write: the scores, and the frames that the student sees worst, to compare with the truth.
        block: neighbouring frames that are drawn together for the intervals, as those of a drive show nearly the same;
            default: the cube root of their number.
        provider: what an .onnx file runs on: cpu, openvino, cuda, tensorrt, or auto for the first that works; the
            baseline runs on the CPU, so that the same file as model and baseline shows what a provider changes.
    """
    from famda_train.datasets.catalogue import open_dataset
    from famda_train.evaluation.delta_mtl import delta_mtl, task_gains
    from famda_train.evaluation.evaluate import difference, scores_of
    from famda_train.evaluation.models import load_predictor
    from famda_train.evaluation.protocol import get_protocol

    rules = get_protocol(protocol)  # before anything slow
    if picture:
        check_picture(picture)
    if report:
        check_report(report)
    if block is not None and block < 1:
        raise FamdaError(f'--block must be 1 frame or more, not {block}')
    reading = {'split': split or validation_split(data, kind), 'label_space': label_space, **(options or {})}
    frames = open_dataset(data, kind, **reading)
    reference = read_result(baseline) if baseline and is_result(baseline) else None
    about = {'model': model, 'data': data, 'data_name': frames.info.get('name')}
    predictor = load_predictor(model, provider)
    scores = _score(model, predictor, frames, rules.name)
    result: dict[str, Any] = {**about, **scores_of(scores, block)}
    if baseline:
        if reference is None:
            others = _score(baseline, load_predictor(baseline), frames, rules.name)
            reference = {**about, 'model': baseline, **scores_of(others, block)}
            result['difference'] = difference(scores, others, block)
        gains = {'gains': task_gains(result, reference), 'delta_mtl': delta_mtl(result, reference)}
        result.update(baseline=reference, **gains)
    print_result(result)
    if picture:
        predict, card = predictor
        _draw(picture, predict, card, frames, result)
    if report:
        command = command_line(
            'evaluate', model, data, protocol=protocol, kind=kind, split=split, label_space=label_space,
            **{f'options.{name}': value for name, value in (options or {}).items()}, baseline=baseline, block=block,
            provider=provider, report=report,
        )  # fmt: skip
        _write_report(report, predictor, frames, result, scores, command)
    return result


def check_picture(path: str) -> None:
    """Find out before the work whether a picture can be written.

    Raises:
        FamdaError: no name of a PNG file, or its folder is missing or cannot be written.
    """
    if Path(path).suffix.lower() != '.png':
        raise FamdaError(f"the picture is a PNG file, so '{path}' must end in .png")
    check_output_file(path)


def validation_split(data: str, kind: str = 'auto') -> str | None:
    """Return the counterpart of the split that the layout trains on by default; None where there are no such splits."""
    from famda_train.datasets.catalogue import KINDS, detect_kind

    cls = choose(KINDS, detect_kind(data) if kind == 'auto' else kind, 'kind of data set')
    split = inspect.signature(cls).parameters.get('split')
    return split.default.replace('train', 'val') if split and 'train' in split.default else None


def is_result(path: str) -> bool:
    """Tell whether a path is that of a result file, and not of a model."""
    return Path(path).suffix == '.json'


def read_result(path: str) -> dict[str, Any]:
    """Return a result that ``--json`` wrote, without the baseline it may hold.

    Raises:
        FamdaError: missing, or no result.
    """
    try:
        result = json.loads(Path(path).read_text())
        result = {key: value for key, value in result.items() if key not in AGAINST}
    except (OSError, ValueError, AttributeError) as error:
        raise FamdaError(f"cannot read the result '{path}' ({error}); write one with famda evaluate --json") from error
    if not {'protocol', 'frames'} <= set(result):
        raise FamdaError(f"'{path}' is no result of famda evaluate; write one with famda evaluate --json")
    return result


def _score(model: str, predictor, frames, protocol: str):
    """Return the :class:`~famda_train.evaluation.evaluate.FrameScores` of a model, with a progress bar meanwhile."""
    from famda_train.commands.progress import progress_bar
    from famda_train.evaluation.evaluate import score_frames

    predict, card = predictor
    with progress_bar() as bar:
        task = bar.add_task(f'evaluating {Path(model).name}'[:28], total=len(frames))

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        try:
            return score_frames(predict, frames, protocol, progress, card.label_space, card.gives('depth'))
        except FamdaError as error:
            raise FamdaError(f"'{model}': {error}") from error


def _draw(picture: str, predict, card, frames, result: dict[str, Any]) -> None:
    """Draw some frames, evenly spread over the data."""
    import numpy as np

    from famda_train.evaluation.evaluate import predict_frame, scored_indices, shared_scoring_spaces
    from famda_train.evaluation.protocol import get_protocol
    from famda_train.pictures.scored_frames import write_comparison

    rules = get_protocol(result['protocol'])
    ground = shared_scoring_spaces(card.label_space, frames.label_space)[0] if 'miou' in result else None
    kinds = [kind for kind in ('labels', 'depth') if card.gives(kind) and frames.has(kind)]
    scored = scored_indices(frames, card.gives('depth'))
    scored = [index for index in scored if all(frames.has_at(kind, index) for kind in kinds)] or scored
    chosen = np.unique(np.linspace(0, len(scored) - 1, PICTURE_FRAMES).round().astype(int)).tolist()
    shown = [predict_frame(predict, frames, scored[place], rules) for place in chosen]
    try:
        title = f'{", ".join(_main_scores(result))}, {_frames(result)}'
        write_comparison(picture, shown, ground, rules, title, result.get('calibration'))
    except OSError as error:
        raise FamdaError(f"cannot write '{picture}' ({error.strerror})") from error


def _write_report(path: str, predictor, frames, result: dict[str, Any], scores, command: str) -> None:
    """Write the report of a result, with the frames that are worst."""
    from famda_ros.files import write_atomically
    from famda_train.pictures.evaluation_report import evaluation_report, worst_frames

    results, titles = _compared(result)
    columns = slice(None, None, -1)  # the baseline first: from before to after
    about = {
        'names': titles[columns],
        'data': _data_name(result),
        'headline': f'{", ".join(_main_scores(result))} on {_frames(result)}.',
        'scores': [
            (label, [_number(value, key) for value in values[columns]]) for label, key, values in metric_rows(results)
        ],
        'sentences': interval_sentences(result),
        'commands': [('This page', command)],
    }
    shown = worst_frames(predictor[0], frames, scores, predictor[1].label_space)
    write_atomically(path, evaluation_report(about, results[columns], shown, scores))


def print_result(result: dict[str, Any]) -> None:
    """Print scores as tables: all metrics, beside those of a baseline where there is one, and the IoU of classes."""
    from rich.console import Console
    from rich.table import Table

    from famda_train.evaluation.protocol import get_protocol

    results, titles = _compared(result)
    console = Console(highlight=False)

    def say(sentence: str) -> None:
        console.print(sentence, soft_wrap=not console.is_terminal)  # in a file, a sentence is one line

    rules = get_protocol(result['protocol'])
    say(f'protocol {rules.name}, {_frames(result)} of {_data_name(result)} ({rules.summary})')
    metrics = Table('metric', *titles)
    for label, key, values in metric_rows(results):
        metrics.add_row(label, *(_number(value, key) for value in values))
    console.print(metrics)
    if 'iou' in result:
        classes = Table(f'IoU, {result["label_space"]}', *titles)
        for name in result['iou']:
            classes.add_row(name, *(_number(r.get('iou', {}).get(name), 'miou', 'absent') for r in results))
        console.print(classes)
        if result['not_scored']:
            left_out = ', '.join(result['not_scored'])
            say(f'not scored, as {result["label_space"]} has no such class: {left_out}')
    for key in DEPTH_GROUPS:
        if result.get(key):
            console.print(depth_table(key, results, titles))
    for sentence in interval_sentences(result):
        say(sentence)


def interval_sentences(result: dict[str, Any]) -> list[str]:
    """Return how sure the scores are, and what a result gains over its baseline, where it has one."""
    sentences = []
    for title, r in zip(*_compared(result)[::-1], strict=True):
        limits = r.get('interval', {})
        if ranges := [f'{key} {_range(limits[key], key)}' for key in SCORED if key in limits]:
            block = f'{limits["block"]} neighbouring frames at a time'
            sentences.append(f'95 % interval of {title}, {block}: {", ".join(ranges)}')
    if 'delta_mtl' in result:
        gains = ', '.join(f'{task} {gain:+.2f} %' for task, gain in result['gains'].items())
        sentences.append(f'Delta_MTL {result["delta_mtl"]:+.2f} % against the baseline ({gains})')
    for key, limits in result.get('difference', {}).items():
        limits_text = _range(limits, key, '+')
        sentences.append(f'95 % interval of the difference of {key}: {limits_text} (the same frames drawn for both)')
    return sentences


def _compared(result: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return (the result, and its baseline where there is one; their titles)."""
    results = [result] if result.get('baseline') is None else [result, result['baseline']]
    names = [Path(r.get('model', '')).name for r in results]
    return results, [f'baseline {name}'.rstrip() if index else name for index, name in enumerate(names)]


def _data_name(result: dict[str, Any]) -> str:
    return result.get('data_name') or result.get('data', 'data')


def _main_scores(result: dict[str, Any]) -> list[str]:
    titles = {key: title for key, title in (('miou', 'mIoU'), ('rmse', 'RMSE')) if key in result}
    return [f'{title} {_number(result[key], key)}' for key, title in titles.items()]


def depth_table(key: str, results: list[dict[str, Any]], titles: list[str]):
    """Return the table of depth by distance or class: AbsRel, delta1 and prediction over ground truth."""
    from rich.table import Table

    table = Table(DEPTH_GROUPS[key].format(**results[0]), *titles)
    for name in results[0][key]:
        cells = [result.get(key, {}).get(name) for result in results]
        table.add_row(name, *('absent' if band is None else BAND.format(**band) for band in cells))
    return table


def metric_rows(results: list[dict[str, Any]]) -> list[tuple[str, str, list[float | None]]]:
    """Return (title, key, one value per result) of all metrics of the first result."""
    first, rows = results[0], []
    if 'miou' in first:
        rows.append((f'mIoU, {first["label_space"]}', 'miou', [r.get('miou') for r in results]))
    for space, scores in first.get('projections', {}).items():
        others = [r.get('projections', {}).get(space, {}) for r in results]
        rows.append((f'mIoU, {space}', 'miou', [other.get('miou') for other in others]))
        if 'miou_within' in scores:
            title = f'  mean of {first["label_space"]} over its classes'
            rows.append((title, 'miou', [other.get('miou_within') for other in others]))
    if 'calibration' in first:
        for title, key in (('ECE', 'ece'), ('mean confidence', 'confidence'), ('pixel accuracy', 'accuracy')):
            rows.append((title, 'ece', [r.get('calibration', {}).get(key) for r in results]))
    rows += [(key, key, [r.get(key) for r in results]) for key in UNITS if key not in ('miou', 'ece') and key in first]
    return rows


def _range(limits: list[float], key: str, sign: str = '') -> str:
    """Return an interval as text; the sign '+' is that of a difference."""
    low, high = (f'{limit:{sign}.{2 if UNITS[key] == "%" else 3}f}' for limit in limits)
    return f'{low} to {high} {("points" if sign else "%") if UNITS[key] == "%" else ""}'.rstrip()


def _frames(result: dict[str, Any]) -> str:
    """Return how many frames were scored, for example '4 of 10 frames'."""
    scored, whole = result['frames'], result.get('frames_in_all', result['frames'])
    return f'{scored} frames' if scored == whole else f'{scored} of {whole} frames'


def _number(value: float | None, key: str, missing: str = '-') -> str:
    """Return a value with its unit."""
    unit = UNITS[key]
    return missing if value is None else f'{value:.{2 if unit == "%" else 3}f} {unit}'.rstrip()
