# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""How ``famda fit`` starts without packages that no training uses."""
import subprocess
import sys

import pytest

CHECK = """
import sys
from famda_train.commands.light_imports import import_lightning
import_lightning()
print(sorted({'transformers', 'torchvision', 'scipy.signal', 'lightning.pytorch.cli'} & set(sys.modules)))
from torchmetrics.utilities.imports import _TRANSFORMERS_AVAILABLE
print(bool(_TRANSFORMERS_AVAILABLE))
import famda_train.training.training_cli
"""


@pytest.mark.slow
def test_what_no_training_uses_is_not_imported_and_stays_available():
    printed = subprocess.check_output([sys.executable, '-c', CHECK], text=True).splitlines()
    assert printed == ["['lightning.pytorch.cli']", 'True']
