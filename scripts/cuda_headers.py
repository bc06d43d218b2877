"""Puts the headers that calls of cuDNN are compiled with into a folder, once: those of cuDNN, of its frontend and of
CUDA.

    .venv/bin/python scripts/cuda_headers.py .venv/cuda

They lie in wheels of several hundred megabytes, of which only the headers are read where the server allows it. The
libraries themselves are loaded when a program runs, in the versions that are there.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import zipfile

from remotezip import RemoteIOError, RemoteZip

WHEELS = [
    "nvidia-cudnn-frontend==1.32.0", "nvidia-cudnn-cu13==9.19.0.56", "nvidia-cuda-runtime==13.0.96",
    "nvidia-cuda-crt==13.0.88", "nvidia-cuda-nvrtc==13.0.88", "nvidia-cuda-cccl==13.0.85",
]
# A package's include folder may be anywhere in its wheel. Of CCCL only what CUDA's own headers include.
HEADER = re.compile(r"(?:^|/)include/(?P<path>(?:cudnn_frontend/|crt/)?[\w/.]+\.(?:h|hpp)|nv/[\w/.]+)$")
PLATFORMS = ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]


def pip(*arguments):
    platforms = [f"--platform={name}" for name in PLATFORMS]
    options = ["--no-deps", "--only-binary=:all:", "--python-version=3.12", *platforms]
    result = subprocess.run(
        [sys.executable, "-m", "pip", *arguments, *options, *WHEELS], stdout=subprocess.PIPE, text=True
    )
    if result.returncode:
        sys.exit("cuda_headers: error: pip does not find " + ", ".join(WHEELS))
    return result.stdout


def wheel_addresses():
    report = pip("install", "-q", "--dry-run", "--ignore-installed", "--target=unused", "--report=-")
    return [entry["download_info"]["url"] for entry in json.loads(report)["install"]]


def extract(archive, folder):
    for entry in archive.infolist():
        match = HEADER.search(entry.filename)
        if match and "/cccl/" not in entry.filename:
            target = folder / "include" / match["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(entry))


def extract_ranges(folder):
    for address in wheel_addresses():
        parts = urllib.parse.urlsplit(address)
        local = parts.scheme == "file"
        with zipfile.ZipFile(urllib.parse.unquote(parts.path)) if local else RemoteZip(address) as archive:
            extract(archive, folder)


def extract_whole(folder):
    with tempfile.TemporaryDirectory() as wheels:
        pip("download", "-q", f"--dest={wheels}")
        for wheel in pathlib.Path(wheels).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                extract(archive, folder)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    installed, wanted = folder / "installed", "\n".join(WHEELS) + "\n"
    if installed.exists() and installed.read_text() == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    try:
        extract_ranges(folder)
    except RemoteIOError:
        extract_whole(folder)
    installed.write_text(wanted)


if __name__ == "__main__":
    main()
