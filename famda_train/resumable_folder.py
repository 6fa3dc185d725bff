# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""An output folder that remembers what is done, so that an interrupted run resumes."""
from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from famda_ros.errors import FamdaError
from famda_ros.files import LEFT, make_output_folder, remove_leftovers, write_atomically


class ResumableFolder:
    """The output folder of a long run, with a JSON file of its settings and of what is done.

    Attributes:
        path: the folder.
        state: what the file holds: ``settings``, and what :meth:`save` keeps of the work done.
    """

    def __init__(self, out: Path, file: str, settings: dict[str, Any], nothing_done: dict[str, Any], restart=False):
        """Open the folder of an interrupted run, or make a new one.

        Args:
            out: the folder.
            file: name of the JSON file.
            settings: everything that decides the results; a folder made with other settings is refused.
            nothing_done: the rest of ``state`` of a run that has just begun.
            restart: begin the run again, even with other settings; the caller removes what the old one made.

        Raises:
            FamdaError: the folder cannot be written, holds something else, or was made with other settings.
        """
        self.path = make_output_folder(out)
        self._file = self.path / file
        settings = json.loads(json.dumps(settings))  # lists instead of tuples, as they are when read again
        self.state: dict[str, Any] = {'settings': settings, **nothing_done}
        if self._file.exists():
            if not restart:
                self._resume()
        elif not all(LEFT.fullmatch(path.name) for path in self.path.iterdir()):
            raise FamdaError(f"'{out}' is not empty and holds no '{file}'; choose another --out")
        remove_leftovers(self.path)
        self.save()

    def _resume(self) -> None:
        """Take the state of the file."""
        try:
            found = json.loads(self._file.read_text(encoding='utf-8'))
            state = {key: found[key] for key in self.state}
        except (ValueError, KeyError, TypeError) as error:
            raise FamdaError(f"'{self._file}' is damaged; choose another --out") from error
        if state['settings'] != self.state['settings']:
            raise FamdaError(f"'{self._file}' is of a run with other settings; choose another --out")
        self.state = state

    def save(self) -> None:
        """Write the state to the file, in one step."""
        write_atomically(self._file, json.dumps(self.state, indent=2) + '\n')


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
