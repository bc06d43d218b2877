"""Configuration of the tests that lit runs: everything under test/ but the PyTorch parity tests of test/e2e."""

import os
import pathlib
import re
import subprocess

import lit.formats

root = pathlib.Path(__file__).resolve().parents[1]
build = pathlib.Path(os.environ.get("RADDLE_BUILD_DIR", root / "build")).resolve()
llvm_config = "llvm-config-22"


def ask_llvm(option):
    return subprocess.run([llvm_config, option], check=True, capture_output=True, text=True).stdout.strip()


llvm_bin = ask_llvm("--bindir")
llvm_lib = ask_llvm("--libdir")

config.name = "raddle"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "e2e"]
config.test_source_root = str(root / "test")
config.test_exec_root = str(build / "test")

# Debian puts FileCheck, not, mlir-opt and others without a version into LLVM's own folder.
config.environment["PATH"] = os.pathsep.join([str(build / "bin"), llvm_bin, os.environ["PATH"]])
config.environment["HF_HUB_OFFLINE"] = "1"
config.substitutions += [
    ("%python", str(root / ".venv" / "bin" / "python")),
    ("%plugin", str(build / "lib" / "RaddlePlugin.so")),
    ("%mlir_libs", llvm_lib),
]

# A stock mlir-opt has no sanitizers, so that it cannot load a plugin that has them.
cache = (build / "CMakeCache.txt").read_text() if (build / "CMakeCache.txt").exists() else ""
if re.search("^RADDLE_SANITIZE:STRING=$", cache, re.MULTILINE):
    config.available_features.add("plugin")

# Kernels for GPUs that call functions of mathematics need CUDA's libdevice.
cuda = pathlib.Path(os.environ.get("CUDA_HOME", "/usr/local/cuda"))
if (cuda / "nvvm" / "libdevice" / "libdevice.10.bc").exists():
    config.available_features.add("libdevice")
    config.environment["CUDA_HOME"] = str(cuda)
