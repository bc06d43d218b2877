"""Every fuzzer for a minute. What one finds lies in build-asan/findings; `scripts/fuzz NAME` runs longer."""

import re
import subprocess

import pytest
from tools import ROOT

FUZZERS = ["npy", "safetensors", "bundle", "pt2", "program", "planner", "mlir"]
SECONDS = 60
# To make seeds and read them, and to finish the last input.
PATIENCE_SECONDS = 300

pytestmark = pytest.mark.skipif(
    not (ROOT / "build-asan" / "bin" / "fuzz-mlir").exists(), reason="scripts/build --sanitize was not run"
)


@pytest.mark.parametrize("name", FUZZERS)
def test_fuzzer(name):
    command = [ROOT / "scripts" / "fuzz", name, "--seconds", str(SECONDS), "-seed=1"]
    result = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=SECONDS + PATIENCE_SECONDS
    )
    assert result.returncode == 0, result.stderr[-6000:]
    executed = re.search(r"number_of_executed_units: (\d+)", result.stderr)
    assert executed and int(executed.group(1)) > 0
