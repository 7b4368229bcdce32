"""Code from outside is known by its content: a Python file that the user names, and installed packages."""

import hashlib
import sys
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType

from mp_mae.errors import UserError


class _JustThisFile(SourceFileLoader):
    """A loader that compiles the file itself: a compilation kept beside it may be of an earlier content."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


@dataclass(frozen=True)
class PythonFile:
    """A file and the content it had when it was read."""

    path: Path
    sha256: str
    """Of its bytes, 64 hex digits."""

    @classmethod
    def read(cls, path: Path) -> "PythonFile":
        """The file as it is now. UserError if it cannot be read."""
        try:
            return cls(path.resolve(), hashlib.sha256(path.read_bytes()).hexdigest())
        except OSError as error:
            raise UserError(
                f"{path}: wanted a Python file with a function that builds a backbone, found {error.strerror}. "
                "Say FILE.py:FUNCTION"
            ) from error

    def load(self) -> ModuleType:
        """Run the file, once per process, place and content: what lies beside it may be read by its place.

        UserError if it has changed; whatever else the file raises.
        """
        name = f"backbone_file_{hashlib.sha256(f'{self.sha256} {self.path}'.encode()).hexdigest()[:16]}"
        if name in sys.modules:
            return sys.modules[name]
        if PythonFile.read(self.path) != self:
            raise UserError(f"{self.path}: it changed since this command began. Run the command again")
        spec = spec_from_loader(name, _JustThisFile(name, str(self.path)))
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        sys.modules[name] = module  # as for any import: its dataclasses and pickles look for it there
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module


def hash_code(module: str) -> str | None:
    """SHA-256 (64 hex digits) over all Python files of the package that a module is in, which is not imported.

    None: there is no such package, or it has no such files.
    """
    top = find_spec(module.partition(".")[0])
    if top is None:
        return None
    files = {
        path.relative_to(folder).as_posix(): path
        for folder in map(Path, top.submodule_search_locations or ())
        for path in folder.rglob("*.py")
    }
    if not files and top.origin and top.origin.endswith(".py"):
        files = {Path(top.origin).name: Path(top.origin)}
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name} {hashlib.sha256(files[name].read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest() if files else None
