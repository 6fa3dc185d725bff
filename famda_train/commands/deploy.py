# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""``famda deploy``."""

from __future__ import annotations

from typing import Any

POSITIONALS = ('files',)
HAS_RESULT = True


def run(to: str, files: tuple[str, ...] = (), profile: str | None = None, rollback: bool = False) -> dict[str, Any]:
    """Put students into a folder that a node takes its profiles from; every version is kept.

    Each file is loaded and run once before anything is written. A running node takes the new version by
    ~/set_profile with the path of the profile.

    Args:
        files: student .onnx files.
        to: folder of deployed students; created where it is missing.
        profile: profile that names the student; default: the domain in its model card, with --rollback the only one.
        rollback: go back to the version that the active one has replaced; takes no files.
    """
    from dataclasses import asdict
    from pathlib import Path

    from famda_ros.errors import FamdaError
    from famda_ros.profiles import deployed_models

    if rollback:
        if files:
            raise FamdaError('--rollback takes no files; it goes back to the version before')
        name, before, now = deployed_models.rollback(to, profile)
        print(f"{Path(to) / name}.yaml names '{now}' again, instead of '{before}'")
        return {'profile': name, 'file': now, 'replaced': before}
    if not files:
        raise FamdaError('name the student .onnx file to deploy')
    if profile is not None and len(files) > 1:
        raise FamdaError('--profile is for one file; leave it out to name each profile after the domain of its card')
    done = []
    for file in files:
        entry = deployed_models.deploy(file, to, profile)
        replaced = f", in place of '{entry.replaced}'" if entry.replaced else ''
        print(f"{Path(to) / entry.profile}.yaml names '{entry.file}' ({entry.name}, {entry.domain}){replaced}")
        done.append(asdict(entry))
    return {'deployed': done}
