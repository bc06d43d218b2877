"""Every fuzzer on inputs that are the same each time, for a minute at most. What one finds lies in
build-asan/findings; `scripts/fuzz NAME` runs longer."""

import re
import subprocess

import pytest
from tools import ROOT

# And its inputs: about as many as two cores try in that time.
FUZZERS = {
    "npy": 700_000,
    "safetensors": 550_000,
    "bundle": 600_000,
    "pt2": 330_000,
    "program": 17_000,
    "planner": 70_000,
    "mlir": 80_000,
}
SECONDS = 60
# To make seeds and read them, and to finish the last input.
PATIENCE_SECONDS = 300

pytestmark = pytest.mark.skipif(
    not (ROOT / "build-asan" / "bin" / "fuzz-mlir").exists(), reason="scripts/build --sanitize was not run"
)


@pytest.mark.parametrize("name, runs", FUZZERS.items())
def test_fuzzer(name, runs):
    command = [ROOT / "scripts" / "fuzz", name, "--seconds", str(SECONDS), "-seed=1", f"-runs={runs}"]
    result = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=SECONDS + PATIENCE_SECONDS
    )
    assert result.returncode == 0, result.stderr[-6000:]
    executed = re.search(r"number_of_executed_units: (\d+)", result.stderr)
    assert executed and int(executed.group(1)) > 0
