# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Import Lightning without what no training here uses of it.

Lightning imports torchmetrics, and torchmetrics imports scipy.signal, torchvision and transformers for metrics of
sounds, generated images and texts: a third of the time in which ``famda fit`` starts.
"""
from __future__ import annotations

import importlib
from unittest import mock

from lightning_utilities.core import imports

NOT_NEEDED = ('scipy', 'torchvision', 'transformers')


def import_lightning() -> None:
    """Import Lightning; to torchmetrics these packages look as if they were not installed."""

    class Requirement(imports.RequirementCache):
        importing = True

        def __bool__(self) -> bool:
            return not (self.importing and (self.requirement or '').startswith(NOT_NEEDED)) and super().__bool__()

    package_available = imports.package_available

    def is_available(package: str) -> bool:
        return package not in NOT_NEEDED and package_available(package)

    with mock.patch.multiple(imports, RequirementCache=Requirement, package_available=is_available):
        importlib.import_module('lightning.pytorch.cli')
    Requirement.importing = False
