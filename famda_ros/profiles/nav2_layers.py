# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Nav2's costmap layers for the classes of a student: the recipe that ships, filled from its label space."""

from __future__ import annotations

import json
import re

from famda_ros.errors import FamdaError
from famda_ros.resources import resource
from famda_ros.student.label_space import LabelSpace
from famda_ros.student.model_card import ModelCard

RECIPE = 'config/nav2/local_costmap.yaml'
CAMERA = '/camera'
"""Namespace of the camera in the recipe."""
NEEDED = {
    'confidence': 'the semantic layer needs segmentation/confidence',
    'depth': 'both layers need depth/points',
}
"""Output of a student → why the layers do not work without it."""
NAMESPACE = re.compile(r'(/[A-Za-z_][A-Za-z0-9_]*)*')


def class_types(space: LabelSpace) -> dict[str, tuple[str, ...]]:
    """Return which classes belong to which class type of the semantic layer; types without a class are left out.

    Ground is traversable, the sky is nothing, and all else a danger.
    """
    found = {
        'traversable': tuple(name for name in space.classes if name in space.ground and name != space.sky),
        'danger': tuple(name for name in space.classes if name not in space.ground and name != space.sky),
        'nothing': tuple(name for name in space.classes if name == space.sky),
    }
    return {kind: classes for kind, classes in found.items() if classes}


def local_costmap(card: ModelCard, camera: str = CAMERA) -> str:
    """Return the recipe, a YAML file with its comments, for a student and a camera.

    Args:
        card: of the student.
        camera: namespace of the camera; '' or '/' = none.

    Raises:
        FamdaError: the layers need what the student does not give, or this is no namespace.
    """
    for output, reason in NEEDED.items():
        if not card.gives(output):
            raise FamdaError(f"the model '{card.name}' gives no {output}, and {reason}; take another student")
    namespace = f'/{camera.strip("/")}'.rstrip('/')
    if not NAMESPACE.fullmatch(namespace):
        raise FamdaError(f"'{camera}' is no namespace; take letters, digits and _ between slashes, such as {CAMERA}")
    text = resource(RECIPE).read_text(encoding='utf-8').replace(f'"{CAMERA}/', f'"{namespace}/')
    text = text.replace(f'namespace {CAMERA}:', f'namespace {namespace or "/"}:')
    found = class_types(card.label_space)
    text = re.sub(r'(?<=class_types: ).*', lambda _: json.dumps(list(found)), text)
    for kind in re.findall(r'^ +(\w+):\n +classes:', text, re.MULTILINE):
        if kind in found:
            names = json.dumps(found[kind], ensure_ascii=False).replace('\\', r'\\')
            text = re.sub(rf'(?<= {kind}:\n)( +classes: ).*', rf'\g<1>{names}', text)
        else:  # with what is said about it
            text = re.sub(rf'(?: +#.*\n)*( +){kind}:\n(?:\1 .*\n)+', '', text)
    of = json.dumps(card.label_space.name, ensure_ascii=False)
    return re.sub(r'# Classes are those of .*', lambda _: f'# Classes are those of the label space {of}.', text)
