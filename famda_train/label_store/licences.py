# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Licences of teachers' weights: what a teacher's identity states, what a user reads, what a student inherits.

No opinion is given on whether a student trained from a teacher's outputs falls under the
teacher's licence; it is written into the student's card, so that nobody overlooks the question.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

APACHE, MIT, CC_BY_NC = 'Apache-2.0', 'MIT', 'CC-BY-NC-4.0'

UNKNOWN = 'unknown, see its model card'

NOTABLE = ('non-commercial', 'unknown')
"""What a part of a student's licence contains when its user must know."""


def licence(weights: str, non_commercial: bool = False) -> dict[str, Any]:
    """Return the entry ``licence`` of a teacher's identity.

    Args:
        weights: SPDX identifier or name of the licence of the weights, or :data:`UNKNOWN`.
        non_commercial: the licence forbids commercial use.
    """
    return {'weights': weights, 'non_commercial': non_commercial}


def inherited_licence(role: str, identity: Mapping[str, Any]) -> str:
    """Return the part of a student's licence that a teacher adds; '' = none.

    Args:
        role: ``masks`` or ``depth``.
        identity: identity of the teacher; one without an entry ``licence`` has weights without restrictions, or none.
    """
    entry = _licence_of(identity)
    weights = str(entry.get('weights', ''))
    teacher = f"{role.removesuffix('s')} teacher {identity['name']}"
    if entry.get('non_commercial'):
        return f'{weights}, non-commercial ({teacher})'
    return f'{UNKNOWN} ({teacher})' if weights == UNKNOWN else ''


def teacher_notice(identity: Mapping[str, Any]) -> str:
    """Return the sentence that the command line prints about a teacher's weights; '' = none is needed."""
    entry = _licence_of(identity)
    model = identity.get('model') or identity['name']
    if entry.get('non_commercial'):
        return (
            f"the weights of '{model}' are licensed for non-commercial use only ({entry.get('weights', UNKNOWN)}); "
            'this will stand in the card of every student trained from them'
        )
    if entry.get('weights') == UNKNOWN:
        return f"the licence of the weights of '{model}' is not known here; see its model card before you use them"
    return ''


def student_notice(licence_text: str) -> str:
    """Return the sentence that the command line prints about a student's licence; '' = none is needed.

    Args:
        licence_text: the ``licence`` of a student's spec or card: parts separated by '; '.
    """
    parts = [part for part in licence_text.split('; ') if any(word in part.lower() for word in NOTABLE)]
    return f'licence of this student: {"; ".join(parts)}' if parts else ''


def _licence_of(identity: Mapping[str, Any]) -> Mapping[str, Any]:
    entry = identity.get('licence') or {}
    return entry if isinstance(entry, Mapping) else licence(str(entry))
