# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda wrap``."""
from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from famda_ros.errors import FamdaError

POSITIONALS = ('model',)
HAS_RESULT = True

RENDERED = 'street-world:day'
RENDERED_SIZE = {'width': 384, 'height': 192}


def run(
    model: str,
    space: str,
    out: str = 'student.onnx',
    mean: tuple[float, ...] = (),
    std: tuple[float, ...] = (),
    white: float = 1.0,
    order: Literal['rgb', 'bgr'] = 'rgb',
    layout: Literal['auto', 'nchw', 'nhwc'] = 'auto',
    output: tuple[str, ...] = (),
    size: str | None = None,
    stride: int = 32,
    focal: float | None = None,
    depth_range: tuple[float, ...] = (),
    frames: str = RENDERED,
    count: int = 8,
    kind: str = 'auto',
    split: str | None = None,
    name: str | None = None,
    domain: str = 'any',
    licence: str = '',
    overwrite: bool = False,
) -> dict[str, Any]:
    """Turn a segmentation network made elsewhere, with or without depth, into a student file that the node runs.

    The network stays as it is. What it needs before and what the robot needs after is added: pixels from uint8 RGB;
    labels, confidence and metres at full size; a model card and probe frames. The file appears only if it gives what
    the network itself gives.

    Args:
        model: ONNX network with one input, the image of float32, float16 or uint8, and opset 11 or newer; weights in
            other files are taken in.
        space: label space of its classes in their order: a YAML file, or a name such as cityscapes19.
        out: ONNX file to write.
        mean: what is subtracted from the pixels, one number or three in the order of the network's channels; 0 =
            nothing.
        std: what they are divided by then, one number or three; 1 = nothing.
        white: what a white pixel is before that: 1 for networks that take 0..1, 255 for those that take 0..255.
        order: of the channels that the network takes.
        layout: of the input, nchw [1, 3, H, W] or nhwc [1, H, W, 3]; auto = by its shape.
        output: what outputs hold, as NAME=labels (ids), NAME=logits, NAME=probabilities or NAME=depth (metres);
            outputs that are not named are left out; default: the only one that can be labels or logits of the space.
        size: WIDTHxHEIGHT at which a network of dynamic size was trained; one of fixed size says it itself.
        stride: heights and widths of a network of dynamic size are multiples of it; 0 = only --size is used.
        focal: focal length, in pixels of the network's image, that its metres are for; default: they are taken as they
            are for every camera.
        depth_range: nearest and farthest metres; farther is beyond range.
        frames: frame folder or data set with real images, on which file and network are compared; two of them travel in
            the file, and where there are 100 or more, the robot compares with them to notice another domain.
        count: number of frames that are compared.
        kind: layout of the frames; auto = detect it.
        split: part of the frames; default: the one for training.
        name: name in the model card; default: the name of the file.
        domain: light or place that the network was trained for, such as day.
        licence: licence of the weights.
        overwrite: replace the file if it exists.
    """
    from famda_ros.student.drift_reference import FEWEST_FRAMES
    from famda_ros.student.label_space import get_label_space
    from famda_train.commands.outputs import check_nothing_is_replaced
    from famda_train.commands.progress import progress_bar
    from famda_train.datasets.catalogue import open_dataset
    from famda_train.datasets.checks import spread_images
    from famda_train.export.foreign_network import Normalisation, read_network
    from famda_train.export.wrap_student import Wanted, wrap_student

    check_nothing_is_replaced(out, overwrite)
    if count < 1:
        raise FamdaError(f'--count must be 1 frame or more, not {count}')
    wanted = Wanted(
        get_label_space(space),
        Normalisation(three(mean, '--mean'), three(std, '--std'), white, order),
        kinds(output), layout, None if size is None else sides(size), stride, focal, near_and_far(depth_range),
        name or '', domain, licence,
    )  # fmt: skip
    network = read_network(model)
    more: dict[str, Any] = {**RENDERED_SIZE, 'frames': count} if frames == RENDERED else {}
    data = open_dataset(frames, kind, split, **more)
    home = data if len(data) >= FEWEST_FRAMES else None
    with progress_bar() as bar:
        task = bar.add_task('comparing', total=None)
        looking = bar.add_task('reference for drift', total=None, visible=home is not None)
        wrapped = wrap_student(
            network, out, list(spread_images(data, count)), wanted,
            lambda done, total: bar.update(task, completed=done, total=total),
            home, lambda done, total: bar.update(looking, completed=done, total=total), Path(model).name,
        )  # fmt: skip
    card = wrapped.card
    shape = f'multiples of {card.stride}, about ' if card.stride else ''
    shape += f'{card.network_width}x{card.network_height}'
    print(f'wrote {out} ({card.precision}, {shape}): {", ".join(card.outputs)}')
    print(f'with the network itself, {wrapped.agreement}')
    if frames == RENDERED:
        print('compared on rendered streets; name images of your camera with --frames')
    if home is None:
        print(f'no reference for the drift monitor: it takes {FEWEST_FRAMES} frames or more; name them with --frames')
    return {
        'out': out, 'outputs': list(card.outputs), 'width': card.network_width, 'height': card.network_height,
        'stride': card.stride, 'precision': card.precision, **asdict(wrapped.agreement),
    }  # fmt: skip


def three(values: tuple[float, ...], option: str) -> tuple[float, float, float]:
    """Return one number per channel of one or three.

    Raises:
        FamdaError: none, two or more than three.
    """
    if len(values) == 1:
        return values[0], values[0], values[0]
    if len(values) != 3:
        raise FamdaError(
            f'give {option} one number, or three in the order of the channels, as the network was trained; '
            '--mean 0 --std 1 where it takes pixels as they are'
        )
    return values[0], values[1], values[2]


def kinds(texts: tuple[str, ...]) -> dict[str, str]:
    """Return {output: what it holds} of NAME=KIND.

    Raises:
        FamdaError: a text of another form, or one output twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, kind = text.rpartition('=')
        if not (name and equals and kind) or name in found:
            raise FamdaError(
                f"--output takes NAME=labels, logits, probabilities or depth, each name once, not '{text}'"
            )
        found[name] = kind
    return found


def sides(text: str) -> tuple[int, int]:
    """Return (width, height) of a text such as '1024x512'.

    Raises:
        FamdaError: another form.
    """
    match = re.fullmatch(r'([1-9]\d*)x([1-9]\d*)', text)
    if not match:
        raise FamdaError(f"--size takes WIDTHxHEIGHT of the network's image, such as 1024x512, not '{text}'")
    return int(match[1]), int(match[2])


def near_and_far(values: tuple[float, ...]) -> tuple[float, float] | None:
    """Return the range of depth in metres; None = none is given.

    Raises:
        FamdaError: not two numbers, or not ascending ones.
    """
    if not values:
        return None
    if len(values) != 2 or not 0 <= values[0] < values[1]:
        raise FamdaError('--depth-range takes two numbers, nearest and farthest metres, such as 0.5 80')
    return values[0], values[1]
