"""Finds the compiled module and the tools: in a build of the source tree, in RADDLE_BIN_DIR, or on the path."""

import importlib.machinery
import importlib.util
import os
import pathlib
import shutil
import sys

_BUILD = pathlib.Path(__file__).resolve().parents[2] / "build"


def _module_file():
    folders = [_BUILD / "python"]
    if "RADDLE_BIN_DIR" in os.environ:
        folders.insert(0, pathlib.Path(os.environ["RADDLE_BIN_DIR"]).resolve().parent / "python")
    for folder in folders:
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            candidate = folder / ("_raddle" + suffix)
            if candidate.exists():
                return candidate
    raise ImportError(
        f"raddle's compiled module _raddle is not in {' or '.join(str(f) for f in folders)}; "
        "scripts/build makes it"
    )


def _load():
    spec = importlib.util.spec_from_file_location("_raddle", _module_file())
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return sys.modules.setdefault("_raddle", module)


def tool(name):
    """The path of one of Raddle's programs. Raises FileNotFoundError."""
    folders = [os.environ["RADDLE_BIN_DIR"]] if "RADDLE_BIN_DIR" in os.environ else []
    folders.append(str(_BUILD / "bin"))
    found = shutil.which(name, path=os.pathsep.join(folders)) or shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is neither in {' or '.join(folders)} nor on the path; scripts/build makes it")
    return found


_raddle = _load()
