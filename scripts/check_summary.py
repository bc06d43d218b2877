"""Runs the three test suites of built trees, parts of them with sanitizers as well, and prints their sum, `N passed, M
failed`, as the last line.

A suite that ends without results, because it crashed or found nothing to run, counts as one failure. What is skipped or
unsupported counts as neither.
"""

import json
import os
import pathlib
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "build" / "test-results"
SANITIZED = ROOT / "build-asan"
WORKERS = min(2, os.cpu_count() or 1)

LIT_PASSED = {"PASS", "FLAKYPASS", "XFAIL"}
LIT_NEITHER = {"UNSUPPORTED", "SKIPPED", "EXCLUDED"}


def run(command, result, variables):
    """Runs a suite; its output goes to standard error. Returns its exit status; `result` is its own or absent."""
    result.unlink(missing_ok=True)
    environment = dict(os.environ, HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", **variables)
    return subprocess.run([str(part) for part in command], cwd=ROOT, stdout=sys.stderr, env=environment).returncode


def lit_counts(path):
    codes = [test["code"] for test in json.loads(path.read_text())["tests"]]
    passed = sum(code in LIT_PASSED for code in codes)
    return passed, sum(code not in LIT_PASSED | LIT_NEITHER for code in codes)


def gtest_counts(path):
    passed = failed = 0
    for suite in json.loads(path.read_text())["testsuites"]:
        for case in suite["testsuite"]:
            if case.get("failures"):
                failed += 1
            elif case["status"] == "RUN" and case["result"] == "COMPLETED":
                passed += 1
    return passed, failed


def pytest_counts(path):
    passed = failed = 0
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is None:
            passed += 1
    return passed, failed


def binaries(folder):
    """All GoogleTests but those of a GPU, which scripts/check-gpu runs."""
    return sorted(path for path in [*folder.glob("*-tests"), *folder.glob("*Tests")] if path.name != "raddle-gpu-tests")


def gtest_suite(name, binary):
    path = RESULTS / f"{name}.json"
    return name, [binary, "--gtest_brief=1", "--gtest_color=no", f"--gtest_output=json:{path}"], path, gtest_counts, {}


def sanitized_suites():
    """What runs again with sanitizers: all GoogleTests, and the lit tests of dialects and passes."""
    lit = pathlib.Path(sys.executable).parent / "lit"
    path = RESULTS / "lit-sanitized.json"
    command = [lit, "-s", "-v", f"--workers={WORKERS}", "--filter=[.]mlir$", "--output", path, "test"]
    yield "lit-sanitized", command, path, lit_counts, {"RADDLE_BUILD_DIR": str(SANITIZED)}
    for binary in binaries(SANITIZED / "bin"):
        yield gtest_suite(f"{binary.name}-sanitized", binary)


def suites():
    """(name, command, file of results, reader, environment variables) of each suite."""
    bin_dir = pathlib.Path(sys.executable).parent
    lit = RESULTS / "lit.json"
    yield "lit", [bin_dir / "lit", "-s", "-v", f"--workers={WORKERS}", "--output", lit, "test"], lit, lit_counts, {}
    for binary in binaries(ROOT / "build" / "bin"):
        yield gtest_suite(binary.name, binary)
    yield from sanitized_suites()
    path = RESULTS / "pytest.xml"
    # Most of a test is the exporter and the compiler, which use one core.
    parallel = ["-n", WORKERS, "--dist=worksteal"] if WORKERS > 1 else []
    command = [sys.executable, "-m", "pytest", "-q", *parallel, f"--junitxml={path}", "test/e2e"]
    yield "pytest", command, path, pytest_counts, {}


def main():
    RESULTS.mkdir(parents=True, exist_ok=True)
    passed = failed = 0
    for name, command, path, counts, variables in suites():
        print(f"check: {name}", file=sys.stderr, flush=True)
        start = time.monotonic()
        status = run(command, path, variables)
        try:
            suite_passed, suite_failed = counts(path)
        except (OSError, ValueError, KeyError, ElementTree.ParseError) as error:
            print(f"check: {name} ended with status {status} and no results: {error}", file=sys.stderr)
            suite_passed, suite_failed = 0, 1
        if suite_failed == 0 and (status != 0 or suite_passed == 0):
            print(f"check: {name} ended with status {status} after {suite_passed} cases", file=sys.stderr)
            suite_failed = 1
        seconds = time.monotonic() - start
        print(f"{name}: {suite_passed} passed, {suite_failed} failed in {seconds:.0f} s", flush=True)
        passed += suite_passed
        failed += suite_failed
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
