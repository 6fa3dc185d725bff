# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A network made elsewhere → one self-describing student file, checked against the network itself."""
from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from famda_ros import __version__
from famda_ros.errors import FamdaError
from famda_ros.files import atomic_path, make_output_folder
from famda_ros.student.camera_geometry import network_size
from famda_ros.student.label_space import LabelSpace
from famda_ros.student.model_card import OUTPUTS, ModelCard, first_line
from famda_ros.student.parity import Agreement, compare, encode_probes
from famda_ros.student.resize import resize_image
from famda_ros.student.runtime import Student
from famda_train.datasets.dataset import Dataset
from famda_train.export.export_student import LIMITS, PROBES, with_metadata
from famda_train.export.foreign_network import DEPTH, LABELS, ForeignNetwork, ImageInput, Normalisation, image_input
from famda_train.export.reference import drift_reference
from famda_train.export.wrapped_graph import wrapped_graph

INTEGER_OPERATORS = {
    'QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear', 'QLinearConv', 'QLinearMatMul', 'ConvInteger',
    'MatMulInteger',
}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """What the network does not say about itself.

    Attributes:
        space: label space of its classes.
        pixels: how it wants its pixels.
        outputs: name of an output → what it holds, see :data:`famda_train.export.foreign_network.KINDS`; {} = find out.
        layout: of its input: 'nchw', 'nhwc', or 'auto' = by its shape.
        size: (width, height) of a network whose size is dynamic, as it was trained; None = it has one fixed size.
        stride: heights and widths of a dynamic network are multiples of it; 0 = only ``size`` is used.
        focal: focal length in pixels of the network's image that its metres are for; None = for any.
        depth_range_m: (nearest, farthest) metres; None = there is no depth.
        name, domain, licence: for the card.
    """

    space: LabelSpace
    pixels: Normalisation
    outputs: Mapping[str, str]
    layout: str = 'auto'
    size: tuple[int, int] | None = None
    stride: int = 32
    focal: float | None = None
    depth_range_m: tuple[float, float] | None = None
    name: str = ''
    domain: str = 'any'
    licence: str = ''


@dataclass(frozen=True)
class Wrapped:
    """What became of a network.

    Attributes:
        card: of the student.
        agreement: of the file with the network.
    """

    card: ModelCard
    agreement: Agreement


def wrap_student(
    model: onnx.ModelProto,
    out: str | Path,
    images: Sequence[np.ndarray],
    wanted: Wanted,
    progress: Callable[[int, int], None] | None = None,
    reference: Dataset | None = None,
    reference_progress: Callable[[int, int], None] | None = None,
    origin: str = '',
) -> Wrapped:
    """Wrap a network; the file appears only if its outputs are those of the network.

    Args:
        model: as :func:`famda_train.export.foreign_network.read_network` gives it.
        out: .onnx file to write.
        images: frames, uint8 [H, W, 3] RGB, to compare both on; the first ones travel in the file.
        wanted: what the network does not say.
        progress: called with (frames compared, frames in all).
        reference: frames of the domain that it was trained for, for the drift monitor; None = no reference.
        reference_progress: called meanwhile with (frames done, frames in all).
        origin: name of the network's file, for the card.

    Raises:
        FamdaError: something does not fit, or the outputs differ.
    """
    if not images:
        raise FamdaError('a network is wrapped with at least one frame; give a frame folder with images')
    takes = image_input(model, wanted.layout)
    size, stride = network_shape(takes, wanted.size, wanted.stride)
    example = resize_image(images[0], *size)
    network = ForeignNetwork(model, takes, wanted.pixels, wanted.space, wanted.outputs, example)
    kinds = [reading.kind for reading in network.readings]
    check_metres(DEPTH in kinds, wanted)
    card = wrapped_card(model, wanted, kinds, size, stride, out, origin)
    network.run(example)  # says what is wrong with its outputs, before anything is compared
    graph = wrapped_graph(network, size[::-1], bool(stride), wanted.depth_range_m)
    frames = list(seen_frames(images, card))
    probes = encode_probes([resize_image(image, *size) for image in images[:PROBES]])

    def clamped(small: np.ndarray) -> dict[str, np.ndarray]:
        arrays = network.run(small)
        if 'depth' in arrays and wanted.depth_range_m is not None:
            arrays['depth'] = np.clip(arrays['depth'], *wanted.depth_range_m)
        return arrays

    def counted() -> Iterator[np.ndarray]:
        for done, frame in enumerate(frames, 1):
            yield frame
            if progress is not None:
                progress(done, len(frames))

    out = Path(out)
    make_output_folder(out.parent)
    with atomic_path(out) as temporary:
        try:
            onnx.save(with_metadata(graph, card, probes), str(temporary))
        except Exception as error:  # onnx and protobuf raise several types, such as for more than 2 GB
            raise FamdaError(f'the network cannot be written as one file ({first_line(error)})') from error
        student = Student(temporary, threads=1, provider='cpu')
        agreement = compare(clamped, student.run, counted())
        if fault := agreement.fault(LIMITS[card.precision]):
            raise FamdaError(f'the wrapped file differs from the network: {fault}; nothing was written')
        if reference is not None:
            card = replace(card, reference=drift_reference(student, reference, reference_progress))
            onnx.save(with_metadata(graph, card, probes), str(temporary))
    return Wrapped(card, agreement)


def network_shape(takes: ImageInput, size: tuple[int, int] | None, stride: int) -> tuple[tuple[int, int], int]:
    """Return ((width, height), stride) of a network; stride 0 = it has this one shape.

    Raises:
        FamdaError: no size is given for a dynamic one, or one that it cannot have.
    """
    own = (takes.width, takes.height)
    if all(own):
        if size not in (None, own):
            raise FamdaError(f'the network has the one size {own[0]}x{own[1]}; leave --size out, or export it again')
        return own, 0
    if size is None:
        raise FamdaError('the size of the network is dynamic; say at which it was trained: --size WIDTHxHEIGHT')
    if any(side not in (0, given) for side, given in zip(own, size, strict=True)):
        raise FamdaError(f'the network has the size {own[0] or "?"}x{own[1] or "?"}, not {size[0]}x{size[1]}')
    stride = 0 if any(own) else stride
    if stride < 0 or (stride and (size[0] % stride or size[1] % stride)):
        raise FamdaError(
            f'--size {size[0]}x{size[1]} must be a multiple of --stride {stride}; say the stride of the network, or 0 '
            'for the one size'
        )
    return size, stride


def check_metres(has_depth: bool, wanted: Wanted) -> None:
    """Refuse depth without a range, and what is said about depth where there is none.

    Raises:
        FamdaError: which.
    """
    if has_depth and wanted.depth_range_m is None:
        raise FamdaError('depth needs --depth-range NEAREST FARTHEST in metres, such as 0.5 80')
    if not has_depth and (wanted.depth_range_m is not None or wanted.focal is not None):
        raise FamdaError('--depth-range and --focal are for depth, and no output is depth; say --output NAME=depth')


def wrapped_card(
    model: onnx.ModelProto,
    wanted: Wanted,
    kinds: Sequence[str],
    size: tuple[int, int],
    stride: int,
    out: str | Path,
    origin: str,
) -> ModelCard:
    """Return the card of the student that a network becomes.

    Raises:
        FamdaError: a value that makes no sense.
    """
    gives = {'labels', *(() if LABELS in kinds else ('confidence',)), *(('depth',) if DEPTH in kinds else ())}
    pixels = wanted.pixels
    return ModelCard(
        name=wanted.name or Path(out).stem,
        label_space=wanted.space,
        network_width=size[0],
        network_height=size[1],
        focal=wanted.focal,
        depth_range_m=wanted.depth_range_m,
        domain=wanted.domain,
        precision=precision_of(model),
        provenance={
            'wrapped': origin,
            'famda_version': __version__,
            'pixels': {
                'mean': list(pixels.mean), 'std': list(pixels.std), 'white': pixels.white, 'order': pixels.order,
            },
        },
        licence=wanted.licence,
        weights_sha256=hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest(),
        stride=stride,
        outputs=tuple(name for name in OUTPUTS if name in gives),
    ).validate()


def precision_of(model: onnx.ModelProto) -> str:
    """Return the numbers that a network computes with: 'int8', 'fp16' or 'fp32'."""
    if any(node.op_type in INTEGER_OPERATORS for node in model.graph.node):
        return 'int8'
    numbers = {TensorProto.FLOAT: 0, TensorProto.FLOAT16: 0}
    for tensor in model.graph.initializer:
        if tensor.data_type in numbers:
            numbers[tensor.data_type] += int(np.prod(tensor.dims))
    return 'fp16' if numbers[TensorProto.FLOAT16] > numbers[TensorProto.FLOAT] else 'fp32'


def seen_frames(images: Sequence[np.ndarray], card: ModelCard) -> Iterator[np.ndarray]:
    """Yield the images at network size; of a dynamic network once more as a camera of another shape would send them."""
    for image in images:
        yield resize_image(image, *network_size(card, image.shape[1], image.shape[0]))
    if card.stride:
        side = card.stride * max(1, round(card.pixels**0.5 / card.stride))
        yield resize_image(images[0], side, side)
