# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""A segmentation network made elsewhere, as it is: what it takes, what it gives, and how both are read.

:meth:`ForeignNetwork.run` prepares the image and decides the labels in NumPy and OpenCV.  That is slow and plain, and
what the graph of :mod:`famda_train.export.wrapped_graph` is compared with.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from famda_ros.errors import FamdaError, choose
from famda_ros.student.label_space import IGNORE, LabelSpace
from famda_ros.student.model_card import METADATA_KEY, first_line
from famda_ros.student.providers import PROVIDERS, session_options
from famda_ros.student.resize import resize_nearest

LABELS, LOGITS, PROBABILITIES, DEPTH = KINDS = ('labels', 'logits', 'probabilities', 'depth')
"""What an output can hold."""
LAYOUTS = {'nchw': 1, 'nhwc': 3}
"""Layout of the input → axis of its channels."""
ORDERS = {'rgb': (0, 1, 2), 'bgr': (2, 1, 0)}
OLDEST_OPSET = 11
"""Resizing with aligned pixel centres came with it."""
TAKES: dict[int, type] = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16, TensorProto.UINT8: np.uint8}
SUM_TOLERANCE = 0.01
"""Probabilities of a pixel add up to one, as far as float16 and int8 can."""


@dataclass(frozen=True)
class ImageInput:
    """What a network takes.

    Attributes:
        name: of the input.
        kind: of its numbers, a key of :data:`TAKES`.
        layout: 'nchw' or 'nhwc'.
        width, height: pixels; 0 = dynamic.
    """

    name: str
    kind: int
    layout: str
    width: int
    height: int


@dataclass(frozen=True)
class Normalisation:
    """How a network wants its pixels: (image · white / 255 - mean) / std.

    Attributes:
        mean, std: one number per channel, in the order of the network's channels.
        white: what a white pixel is before that: 1 or 255.
        order: of the channels: 'rgb' or 'bgr'.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    white: float = 1.0
    order: str = 'rgb'

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            FamdaError: one makes no sense.
        """
        choose(ORDERS, self.order, 'order of channels')
        if not (np.isfinite([*self.mean, *self.std]).all() and min(self.std) > 0):
            raise FamdaError('--mean and --std must be finite numbers, and --std greater than 0')
        if not (np.isfinite(self.white) and self.white > 0):
            raise FamdaError(f'--white must be greater than 0, such as 1 or 255, not {self.white:g}')

    @property
    def leaves_bytes(self) -> bool:
        """Whether pixels stay the bytes that they are."""
        return set(self.mean) == {0.0} and set(self.std) == {1.0} and self.white == 255

    def prepared(self, small: np.ndarray, takes: ImageInput) -> np.ndarray:
        """Return what the network takes for uint8 [h, w, 3] RGB."""
        image = small[..., ORDERS[self.order]].astype(np.float64)
        values = (image * (self.white / 255) - np.array(self.mean)) / np.array(self.std)
        values = values.astype(np.float32).astype(TAKES[takes.kind])
        return np.ascontiguousarray(values if takes.layout == 'nhwc' else values.transpose(2, 0, 1))[None]


@dataclass(frozen=True)
class Reading:
    """How an output is read.

    Attributes:
        name: of the output.
        kind: one of :data:`KINDS`.
        axis: of the classes, or of the one channel; None = there is none.
        shape: of the output at the size it was looked at.
    """

    name: str
    kind: str
    axis: int | None
    shape: tuple[int, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the output."""
        sides = [side for axis, side in enumerate(self.shape) if axis not in (0, self.axis)]
        return sides[0], sides[1]

    def channels_last(self, array: np.ndarray) -> np.ndarray:
        """Return float32 [h, w, C] of the output."""
        last = array[..., None] if self.axis is None else np.moveaxis(array, self.axis, -1)
        return np.ascontiguousarray(last[0], np.float32)


def read_network(path: str | Path) -> onnx.ModelProto:
    """Return a network, weights of other files included.

    Raises:
        FamdaError: unreadable, no ONNX, a student already, more than one input, or an opset that is too old.
    """
    try:
        model = onnx.load(str(path))
    except OSError as error:
        raise FamdaError(f"cannot read the network '{path}' ({error.strerror or error}); check the path") from error
    except Exception as error:  # protobuf and onnx raise several types
        raise FamdaError(f"'{path}' is no ONNX network that can be read ({first_line(error)})") from error
    if any(entry.key == METADATA_KEY for entry in model.metadata_props):
        raise FamdaError(f"'{path}' is a student already; nothing needs to be wrapped")
    inputs = image_inputs(model)
    if len(inputs) != 1:
        names = ', '.join(f"'{value.name}'" for value in inputs) or 'none'
        raise FamdaError(f"'{path}' must have one input, the image, not {names}; export it without the others")
    opset = opset_of(model)
    if opset < OLDEST_OPSET:
        raise FamdaError(
            f"'{path}' is of ONNX opset {opset}, and {OLDEST_OPSET} or newer is needed; export it again, or convert it "
            'with onnx.version_converter'
        )
    return model


def image_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """Return the inputs of a graph that are no weights, which old files list as well."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def opset_of(model: onnx.ModelProto) -> int:
    """Return the version of the standard operators; 0 = none is named."""
    return max((entry.version for entry in model.opset_import if entry.domain in ('', 'ai.onnx')), default=0)


def image_input(model: onnx.ModelProto, layout: str = 'auto') -> ImageInput:
    """Return what a network takes.

    Args:
        model: with one input.
        layout: 'nchw', 'nhwc', or 'auto' = by the axis that has three channels.

    Raises:
        FamdaError: no image, several at a time, or a layout that cannot be told or is another.
    """
    (value,) = image_inputs(model)
    tensor = value.type.tensor_type
    shape = [dimension.dim_value for dimension in tensor.shape.dim]
    shown = [dimension.dim_value or dimension.dim_param or '?' for dimension in tensor.shape.dim]
    about = f"the input '{value.name}' has the shape {shown}".replace("'?'", '?')
    if tensor.elem_type not in TAKES:
        kind = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        raise FamdaError(f"the input '{value.name}' takes {kind}; an image is float32, float16 or uint8")
    if len(shape) != 4 or shape[0] not in (0, 1):
        raise FamdaError(f'{about} instead of one image: [1, 3, height, width] or [1, height, width, 3]')
    fitting = [name for name, axis in LAYOUTS.items() if shape[axis] == 3]
    if layout == 'auto':
        if len(fitting) != 1:
            raise FamdaError(f'{about}, from which the layout cannot be told; say --layout nchw or --layout nhwc')
        layout = fitting[0]
    axis = choose(LAYOUTS, layout, 'layout')
    if shape[axis] not in (0, 3):
        raise FamdaError(f'{about}, which is not {layout} with three channels; say the other --layout')
    height, width = (shape[2], shape[3]) if layout == 'nchw' else (shape[1], shape[2])
    return ImageInput(value.name, tensor.elem_type, layout, width, height)


class ForeignNetwork:
    """A network made elsewhere, on the CPU.

    Attributes:
        model: as it was read.
        takes: its input.
        pixels: how it wants them.
        space: label space of its labels.
        readings: of the outputs that are used, the segmentation first.

    Args:
        model: see :func:`read_network`.
        takes, pixels, space: see above.
        outputs: name → one of :data:`KINDS`; {} = the only output that can be labels or logits of the space.
        example: uint8 [h, w, 3] RGB at network size, to see the shapes of the outputs.

    Raises:
        FamdaError: it does not run, has not such outputs, or they do not fit the label space.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        takes: ImageInput,
        pixels: Normalisation,
        space: LabelSpace,
        outputs: Mapping[str, str],
        example: np.ndarray,
    ):
        if takes.kind == TensorProto.UINT8 and not pixels.leaves_bytes:
            raise FamdaError(f"the input '{takes.name}' takes bytes as they are: give --mean 0 --std 1 --white 255")
        self.model, self.takes, self.pixels, self.space = model, takes, pixels, space
        options, cpu = session_options(threads=1), [PROVIDERS['cpu']]
        try:
            self._session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=cpu)
        except Exception as error:  # ONNX Runtime raises types of its own that it does not export; protobuf as well
            raise FamdaError(f'this onnxruntime cannot load the network ({first_line(error)})') from error
        names = [output.name for output in model.graph.output]
        arrays = self._arrays(example, names)
        self.readings = read_outputs(arrays, outputs, space, takes.layout)

    def _arrays(self, small: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        feed = {self.takes.name: self.pixels.prepared(small, self.takes)}
        try:
            return dict(zip(names, self._session.run(list(names), feed), strict=True))
        except Exception as error:  # as above
            raise FamdaError(
                f'the network does not run on an image of {small.shape[1]}x{small.shape[0]} pixels '
                f'({first_line(error)}); give the --size and --stride that it was made for, or --stride 0'
            ) from error

    def run(self, small: np.ndarray) -> dict[str, np.ndarray]:
        """Return labels and, where they are known, confidence and depth, [h, w] as a student's.

        Args:
            small: uint8 [h, w, 3] RGB at network size.

        Raises:
            FamdaError: an output that does not hold what it is said to hold.
        """
        arrays = self._arrays(small, [reading.name for reading in self.readings])
        result: dict[str, np.ndarray] = {}
        for reading in self.readings:
            values = reading.channels_last(arrays[reading.name])
            if fault := fault_of(values, reading, self.space):
                raise FamdaError(f"the output '{reading.name}' {fault}")
            size = small.shape[1], small.shape[0]
            if reading.kind == LABELS:
                ids = np.where(values[..., 0] < 0, IGNORE, values[..., 0]).astype(np.uint8)
                result['labels'] = resize_nearest(ids, *size)
            elif reading.kind == DEPTH:
                result['depth'] = resize_values(values, *size)[..., 0]
            else:
                large = resize_values(values, *size)
                result['labels'] = large.argmax(2).astype(np.uint8)
                chance = large if reading.kind == PROBABILITIES else softmax(large)
                result['confidence'] = np.rint(255 * chance.max(2) / chance.sum(2)).astype(np.uint8)
        return result


def resize_values(values: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return float32 [h, w, C] at another size, bilinearly, pixel centres aligned."""
    planes = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in np.moveaxis(values, 2, 0)]
    return np.stack(planes, 2)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return float32 [..., C] probabilities of logits."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def read_outputs(
    arrays: Mapping[str, np.ndarray], wanted: Mapping[str, str], space: LabelSpace, layout: str
) -> tuple[Reading, ...]:
    """Return how the outputs are read, the segmentation first.

    Args:
        arrays: all outputs for one image.
        wanted: name → one of :data:`KINDS`; {} = find out.
        space: label space.
        layout: of the input, which decides where shapes do not.

    Raises:
        FamdaError: no such output, none or several with a segmentation, or a shape that does not fit.
    """
    given = ', '.join(f"'{name}' {array.dtype} {list(array.shape)}" for name, array in arrays.items())
    for name, kind in wanted.items():
        choose(dict.fromkeys(KINDS), kind, 'kind of output')
        if name not in arrays:
            raise FamdaError(f"the network has no output '{name}'; it gives {given}")
    if not wanted:
        found = {name: kind for name, array in arrays.items() if (kind := likely_kind(array, space))}
        if len(found) != 1:
            several = 'more than one output' if found else 'no output'
            raise FamdaError(
                f'{several} can be labels or logits of the {len(space)} classes of {space.name}; say what is what with '
                f'--output NAME={"|".join(KINDS)}: the network gives {given}'
            )
        wanted = found
    kinds = list(wanted.values())
    if len(kinds) - kinds.count(DEPTH) != 1 or kinds.count(DEPTH) > 1:
        raise FamdaError(
            'one output must be labels, logits or probabilities, and at most one more depth, not '
            f'{", ".join(f"{name}={kind}" for name, kind in wanted.items())}'
        )
    readings = [read_output(name, kind, arrays[name], space, layout) for name, kind in wanted.items()]
    return tuple(sorted(readings, key=lambda reading: reading.kind == DEPTH))


def likely_kind(array: np.ndarray, space: LabelSpace) -> str:
    """Return 'labels' or 'logits' where an output can only be that; '' = it can be something else."""
    if array.dtype.kind in 'iu':
        return LABELS if plane_axis(array.shape) is not NO_PLANE else ''
    return LOGITS if array.ndim == 4 and len(space) in (array.shape[1], array.shape[3]) else ''


NO_PLANE = -1


def plane_axis(shape: Sequence[int]) -> int | None:
    """Return the axis of the one channel of [1, h, w, 1] or [1, 1, h, w]; None = [1, h, w]; else :data:`NO_PLANE`."""
    if len(shape) == 3 and shape[0] == 1:
        return None
    if len(shape) == 4 and shape[0] == 1 and 1 in (shape[1], shape[3]):
        return 1 if shape[1] == 1 else 3
    return NO_PLANE


def read_output(name: str, kind: str, array: np.ndarray, space: LabelSpace, layout: str) -> Reading:
    """Return how one output is read.

    Raises:
        FamdaError: its shape does not fit.
    """
    shape = array.shape
    about = f"the output '{name}' has the shape {list(shape)}"
    if kind in (LABELS, DEPTH):
        axis = plane_axis(shape)
        if axis == NO_PLANE:
            raise FamdaError(f'{about}; {kind} are [1, height, width], with or without one channel')
        return Reading(name, kind, axis, shape)
    fitting = [axis for axis in (1, 3) if len(shape) == 4 and shape[0] == 1 and shape[axis] == len(space)]
    if not fitting:
        raise FamdaError(
            f'{about}, in which nothing counts the {len(space)} classes of {space.name}; give the label space that the '
            'network was trained for'
        )
    axis = LAYOUTS[layout]
    return Reading(name, kind, axis if axis in fitting else fitting[0], shape)


def fault_of(values: np.ndarray, reading: Reading, space: LabelSpace) -> str:
    """Return why an output is not what it is said to be, after its name; '' = it may well be.

    Args:
        values: float32 [h, w, C].
        reading: how it is read.
        space: label space.
    """
    if reading.kind == LABELS:
        if (values != np.rint(values)).any():
            return 'is no labels: its numbers are not whole; say logits, or export the argmax'
        known = (values >= -1) & (values < len(space)) | (values == IGNORE)
        if not known.all():
            return (
                f'has the label {values[~known][0]:g}, and {space.name} has {len(space)} classes; give the label space '
                'that the network was trained for'
            )
        return ''
    if np.isnan(values).all():
        return 'is not a number anywhere'
    if reading.kind == DEPTH:
        low = float(np.nanmin(values))
        return '' if low >= 0 else f'is no depth in metres: it goes down to {low:.3g}; export metres themselves'
    adds_up = bool((np.abs(values.sum(2) - 1) <= SUM_TOLERANCE).all() and values.min() >= 0)
    if reading.kind == LOGITS and adds_up and len(space) > 1:
        return f'is probabilities: they add up to 1; say --output {reading.name}={PROBABILITIES}'
    if reading.kind == PROBABILITIES and not adds_up:
        return f'is no probabilities: they do not add up to 1; say --output {reading.name}={LOGITS}'
    return ''
