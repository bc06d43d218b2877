"""Writes docs/operators.md: which operators and architectures work, and what fails and why.

    .venv/bin/python scripts/operators_table.py [--check]

It reads what the sweeps of test/e2e have found, `opinfo.json` and `architectures.json`, and asks the importer which
operators it knows. With --check nothing is written; it fails if the page is not what it would write.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "operators.md"
E2E = ROOT / "test" / "e2e"

HEAD = """# Operators

Made by `scripts/operators_table.py` from measurements; do not edit. To measure again:

```
.venv/bin/python test/e2e/opinfo_sweep.py            # every operator of torch's own tests; writes test/e2e/opinfo.json
.venv/bin/python test/e2e/architectures_sweep.py     # writes test/e2e/architectures.json
.venv/bin/python scripts/operators_table.py
```

`raddle-translate --op-coverage FILE.pt2` says the same about one model. What works here stays so: `test/e2e/test_opinfo.py` and
`test_architectures.py` are part of `scripts/check`.
"""

OPINFO = """## Operators of torch's own tests

torch describes its operators by samples (`OpInfo`): shapes, options and element types that its own tests use. Up to six of each element
type (f32, f64, bf16, f16, int64, int32, bool) are compared with PyTorch, gradients in f32 and f64: right / tried. Where PyTorch has no gradient or
does not export the operator, there is a dash.
"""

IMPORTED = """## Operators of the importer

Of each operator that the importer knows: how many operators of the table above were found right whose graphs contain it, in results and in gradients (a dash where
PyTorch has none), and how many of the architectures below use it. A zero says that no sample shows it, not that it fails.
"""

ARCHITECTURES = """## Architectures

Tiny random configurations: every output within 1e-4 of its largest value, and the gradients of one step within 1e-3 of each parameter's
largest. The first table is what a release promises.
"""


def known_operators():
    tool = pathlib.Path(os.environ.get("RADDLE_BUILD_DIR", ROOT / "build")) / "bin" / "raddle-translate"
    return subprocess.run([tool, "--op-coverage"], check=True, capture_output=True, text=True).stdout.split()


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(value) for value in line) + " |" for line in lines) + "\n"


def counts(entry, kind):
    """(right, tried) samples; None if nothing was to be tried."""
    right = tried = 0
    for part in entry.get("types", []):
        if part[kind] is not None:
            wrong = sum(len(samples) for samples in part[kind].values())
            tried += part["samples"] * len(part["names"])
            right += (part["samples"] - wrong) * len(part["names"])
    return (right, tried) if tried else None


def share(pair):
    return "–" if pair is None else f"{pair[0]} / {pair[1]}"


def reasons(entry):
    """What fails and why, most frequent first."""
    if "crash" in entry:
        return [f"crash: {entry['crash']}"]
    found = collections.Counter()
    for part in entry["types"]:
        for kind in ("forward", "gradient", "refused"):
            for reason, samples in (part.get(kind) or {}).items():
                text = "gradient: " + reason if kind == "gradient" and reason not in part["forward"] else reason
                found[text.split(": ", 1)[0] if text.startswith("wrong value") else text] += len(samples)
    return [reason for reason, _ in found.most_common()]


def opinfo_section(opinfo):
    rows, right = [], 0
    for name, entry in sorted(opinfo.items()):
        forward, gradient = counts(entry, "forward"), counts(entry, "gradient")
        right += is_right(forward) and (gradient is None or is_right(gradient))
        rows.append([name, share(forward), share(gradient), "; ".join(reasons(entry)[:2])])
    total = f"{right} of {len(rows)} operators have no failure.\n"
    return "\n".join([OPINFO, total, table(["operator", "results", "gradients", "what fails"], rows)])


def is_right(pair):
    return pair is not None and pair[0] == pair[1]


def imported_section(opinfo, architectures):
    forward, gradient, has_gradient = collections.Counter(), collections.Counter(), set()
    for entry in opinfo.values():
        for name in entry.get("operators", []):
            forward[name] += is_right(counts(entry, "forward"))
            gradient[name] += is_right(counts(entry, "gradient"))
            if counts(entry, "gradient") is not None:
                has_gradient.add(name)
    uses = collections.Counter(name for entry in architectures.values() for name in entry["operators"])
    rows = [
        [name, forward[name], gradient[name] if name in has_gradient else "–", uses[name]]
        for name in known_operators()
    ]
    return "\n".join([IMPORTED, table(["operator", "results", "gradients", "architectures"], rows)])


def architectures_section(architectures):
    def row(name, entry):
        say = lambda problems: "–" if problems is None else "no" if problems else "yes"
        problems = [entry["crash"]] if "crash" in entry else [*(entry["inference"] or []), *(entry["gradients"] or [])]
        return [name, say(entry.get("inference")), say(entry.get("gradients")), "; ".join(problems[:2])]

    head = ["architecture", "inference", "gradients", "what fails"]
    parts = [ARCHITECTURES]
    for listed in (True, False):
        chosen = [each for each in sorted(architectures.items()) if each[1].get("listed", False) == listed]
        rows = [row(name, entry) for name, entry in chosen]
        parts.append(table(head, rows))
    return "\n".join(parts)


def page():
    opinfo = json.loads((E2E / "opinfo.json").read_text())
    architectures = json.loads((E2E / "architectures.json").read_text())
    return "\n".join(
        [HEAD, architectures_section(architectures), opinfo_section(opinfo), imported_section(opinfo, architectures)]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    text = page()
    if not options.check:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        sys.exit("docs/operators.md is not up to date: run scripts/operators_table.py")


if __name__ == "__main__":
    main()
