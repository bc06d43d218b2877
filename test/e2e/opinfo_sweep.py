"""Tries every operator of torch's OpInfo, or those named, and writes what works as JSON.

    .venv/bin/python test/e2e/opinfo_sweep.py [-j 2] [--output FILE] [NAME ...]

All samples of an operator and element type are tried together, and one by one where that fails, each operator in a
process of its own, so that a crash is one operator's. FILE keeps what it says about operators that are not tried:

    {"add": {"operators": ["aten.add.Tensor"], "types": [
        {"names": ["float32"], "samples": 6, "forward": {}, "gradient": {"wrong value: ...": ["([5, 5], 1)"]}}, ...]}}

`operators` are those of the exported graphs; `types` groups element types that fare alike; `forward` and `gradient`
have the samples that fail, by reason; `gradient` is null where PyTorch has none. `refused` does so for samples that
PyTorch itself does not run or export, which are not among `samples`.
"""

import argparse
import functools
import pathlib
import re

import opinfo
from sweeping import sweep

RESULTS = pathlib.Path(__file__).parent / "opinfo.json"
# So many samples that fail alike, or one with an unknown operator, before the rest are taken to do so as well.
ALIKE = 3


def reason(problem):
    """A message on one line and without the places of Python, the same for all that fails alike."""
    for mark in ("raddle-compile: error: ", ": error: "):
        if mark in problem:
            problem = problem.split(mark, 1)[1]
    first, *rest = [line.strip() for line in problem.splitlines() if line.strip()]
    if not first.endswith(opinfo.UNKNOWN):
        return first
    names = [re.sub(r", \d+ uses?(, the first)? at .*$", "", line) for line in rest if line.startswith("torch.ops.")]
    return f"{opinfo.UNKNOWN} " + ", ".join(sorted(name.removeprefix("torch.ops.") for name in names))


def _group(problems):
    """{reason: samples} of pairs of a sample and a reason."""
    groups = {}
    for sample, problem in problems:
        groups.setdefault(problem, []).append(sample.text)
    return groups


def _entry(results):
    """The entry of one element type, of pairs of a sample and its outcome, or the reason why there is none."""
    tried = [(sample, outcome) for sample, outcome in results if isinstance(outcome, opinfo.Outcome)]
    entry = {
        "samples": len(tried),
        "forward": _group((sample, reason(outcome.forward)) for sample, outcome in tried if outcome.forward),
        "gradient": None,
    }
    if any(outcome.gradient is not None for _, outcome in tried):
        entry["gradient"] = _group((s, reason(outcome.gradient)) for s, outcome in tried if outcome.gradient)
    refused = [(sample, outcome) for sample, outcome in results if not isinstance(outcome, opinfo.Outcome)]
    if refused:
        entry["refused"] = _group(refused)
    return entry


def _same(sample, outcome):
    """The outcome of a sample that fares as another one did."""
    return opinfo.Outcome(outcome.forward, outcome.forward if any(sample.trained) else None, outcome.operators)


def _is_fine(outcome):
    return isinstance(outcome, opinfo.Outcome) and not outcome.forward and not outcome.gradient


def _try_together(op, samples):
    try:
        return opinfo.try_samples(op, samples)
    except opinfo.NotApplicable as error:
        return str(error)


def _try_each(op, samples):
    results = []
    for index, sample in enumerate(samples):
        results.append((sample, _try_together(op, [sample])))
        reasons = [reason(o.forward) if isinstance(o, opinfo.Outcome) and o.forward else None for _, o in results]
        is_settled = index + 1 == ALIKE or (index == 0 and opinfo.UNKNOWN in (reasons[0] or ""))
        if is_settled and reasons[0] is not None and len(set(reasons)) == 1:
            return results + [(rest, _same(rest, results[0][1])) for rest in samples[index + 1 :]]
    return results


def _try(op, samples):
    """Pairs of a sample and its outcome; those that pass together are tried once."""
    if not samples:
        return []
    outcome = _try_together(op, samples)
    if _is_fine(outcome):
        return [(sample, _same(sample, outcome)) for sample in samples]
    if len(samples) == 1:
        return [(samples[0], outcome)]
    # What has no elements is a weakness of its own.
    for key in (lambda sample: sample.is_empty, lambda sample: sample.dtype):
        parts = {}
        for sample in samples:
            parts.setdefault(key(sample), []).append(sample)
        if len(parts) > 1:
            return [pair for part in parts.values() for pair in _try(op, part)]
    return _try_each(op, samples)


def _is_unknown(results):
    """Whether no sample got past the importer, so that no element type would."""
    return bool(results) and all(
        isinstance(outcome, opinfo.Outcome) and outcome.forward and opinfo.UNKNOWN in reason(outcome.forward)
        for _, outcome in results
    )


def try_operator(name, dtypes=opinfo.DTYPES):
    """The entry of an operator."""
    op = opinfo.OPERATORS[name]
    dtypes = [dtype for dtype in dtypes if dtype in op.supported_dtypes("cpu")]
    samples = [sample for dtype in dtypes for sample in opinfo.samples_of(op, dtype)]
    results = []
    # The types without gradients together, as this takes a fifth of the time.
    for group in [[dtype] for dtype in opinfo.FLOATS] + [opinfo.OTHERS]:
        part = [sample for sample in samples if sample.dtype in group]
        unknown = _is_unknown(results)
        results += [(sample, _same(sample, results[0][1])) for sample in part] if unknown else _try(op, part)
    pairs_of = {dtype: [pair for pair in results if pair[0].dtype == dtype] for dtype in dtypes}
    types = []
    for dtype, pairs in pairs_of.items():
        entry = _entry(pairs) if pairs else None
        alike = next((other for other in types if {**other, "names": 0} == {"names": 0, **(entry or {})}), None)
        if alike is not None:
            alike["names"].append(str(dtype).removeprefix("torch."))
        elif entry is not None:
            types.append({"names": [str(dtype).removeprefix("torch.")], **entry})
    operators = {name for _, outcome in results if isinstance(outcome, opinfo.Outcome) for name in outcome.operators}
    return {"operators": sorted(operators), "types": types}


def summary(entry):
    """(samples, failures of results, failures of gradients) of an operator."""
    if "crash" in entry:
        return 1, 1, 0
    failures = [
        sum(len(part["names"]) * len(s) for part in entry["types"] for s in (part[kind] or {}).values())
        for kind in ("forward", "gradient")
    ]
    return (sum(part["samples"] * len(part["names"]) for part in entry["types"]), *failures)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="operators, all without")
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("--output", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--dtypes", default="", help="element types, separated by commas; all without")
    options = parser.parse_args()
    dtypes = [dtype for dtype in opinfo.DTYPES if str(dtype).removeprefix("torch.") in options.dtypes.split(",")]
    unknown = [name for name in options.names if name not in opinfo.OPERATORS]
    if unknown:
        parser.error(f"not in OpInfo: {', '.join(unknown)}")

    def say(entry):
        samples, forward, gradient = summary(entry)
        return f"{samples} samples, {forward} wrong results, {gradient} wrong gradients"

    # Once before the processes part: the exporter's first run loads much of torch.
    _try_together(opinfo.OPERATORS["sin"], opinfo.samples_of(opinfo.OPERATORS["sin"], opinfo.FLOATS[0])[:1])
    try_one = functools.partial(try_operator, dtypes=dtypes or opinfo.DTYPES)
    sweep(options.names or opinfo.OPERATORS, try_one, options.jobs, options.output, say)


if __name__ == "__main__":
    main()
