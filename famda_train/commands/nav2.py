# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda nav2``."""

from __future__ import annotations

from typing import Any

POSITIONALS = ('model',)
HAS_RESULT = True


def run(model: str, out: str, camera: str = '/camera', overwrite: bool = False) -> dict[str, Any]:
    """Write Nav2's local costmap parameters for the classes of a student: a semantic and a voxel layer.

    Ground of its label space is traversable, sky is nothing, all else is a danger. Merge the file into your Nav2
    parameters, and set frames and sizes; run the node with config/nav2/perception.yaml.

    Args:
        model: student .onnx file, with depth and confidence.
        out: YAML file to write.
        camera: namespace of the camera.
        overwrite: replace the file if it exists.
    """
    import sys

    from famda_ros.errors import FamdaError
    from famda_ros.files import write_atomically
    from famda_ros.profiles.nav2_layers import class_types, local_costmap
    from famda_ros.resources import resolve
    from famda_ros.student.model_card import read_card
    from famda_train.commands.outputs import check_nothing_is_replaced

    check_nothing_is_replaced(out, overwrite)
    card = read_card(resolve(model))
    text = local_costmap(card, camera)
    try:
        write_atomically(out, text)
    except OSError as error:
        raise FamdaError(f"cannot write '{out}' ({error.strerror}); name a file in a folder that is there") from error
    found = {kind: list(classes) for kind, classes in class_types(card.label_space).items()}
    print('\n'.join(f'{kind}: {", ".join(classes)}' for kind, classes in found.items()))
    if 'traversable' not in found:
        print(
            f"no class of {card.label_space.name} is 'ground: true', so none is traversable (docs/label-spaces.md)",
            file=sys.stderr,
        )
    return {'label_space': card.label_space.name, 'class_types': found}
