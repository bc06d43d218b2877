"""Traces and reports of a run: bytes and operations are those of formulas, rates follow from them and the times."""

import json
import math
import re

import pytest
import raddle
import torch
from bundles import bytes_of, operands_of, read_bundle, variant_of
from models import tiny_llama, token_batches
from tools import assert_folder_holds, json_lines, make_bundle, run, succeed


class Attention(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inputs = torch.nn.Linear(24, 72)

    def forward(self, x):
        q, k, v = self.inputs(x).view(*x.shape[:2], 3, 4, 6).permute(2, 0, 3, 1, 4)
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).square().mean()


def flops_of(bundle, instruction):
    action = instruction["action"]
    if instruction["action_type"] == "Gemm":
        return 2 * action["m"] * action["n"] * action["k"] * math.prod(action.get("batch", []))
    if instruction["action_type"] == "Attention":
        batch, heads, repeat, queries, keys, width, value_width = action["extents"]
        # Forward: scores and values. Backward: scores again, gradients of query, key, value, and of probabilities.
        products = 3 * width + 2 * value_width if action.get("backward") else width + value_width
        return batch * heads * repeat * queries * keys * products * (1 if action.get("causal") else 2)
    if instruction["action_type"] == "Dispatch":
        return bundle["kernels"][action.get("kernel", 0)].get("flops", 0)
    return 0


def works(bundle, entry):
    """(name, bytes, operations) of the instructions that do work, in the order of the compute stream."""
    for instruction in variant_of(bundle, entry)["instructions"]:
        if instruction["action_type"] in ("CheckIndex", "Record", "Wait") or instruction.get("stream"):
            continue
        read, written = operands_of(instruction)
        yield sum(map(bytes_of, read + written)), flops_of(bundle, instruction)


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("causal", [False, True])
def test_trace(tmp_path, ranks, causal):
    module, args = (Attention(), (torch.randn(4, 8, 24),)) if causal else (tiny_llama(), token_batches(1)[0])
    _, bundle = make_bundle(module, args, tmp_path, ranks=ranks)
    trace = tmp_path / "trace.json"
    succeed("raddle-run", bundle, "--steps=2", f"--trace={trace}")
    document = json.loads(trace.read_text())
    limits = document["otherData"]["limits_of_a_rank"]
    assert limits["memory_bytes_per_second"] > 1e6 and limits["gemm_flops_per_second"] > 1e6
    expected = list(works(read_bundle(bundle), "train_step")) * 2
    assert any(flops for _, flops in expected)
    for rank in range(ranks):
        events = [e for e in document["traceEvents"] if e["ph"] == "X" and e["pid"] == rank and e["tid"] == 0]
        found = [event for event in events if "args" in event]
        assert [(e["args"]["bytes"], e["args"]["flops"]) for e in found] == expected
        for event in found:
            args, seconds = event["args"], event["dur"] * 1e-6
            if seconds == 0:
                continue
            assert args["bytes_per_second"] == pytest.approx(args["bytes"] / seconds, rel=1e-6)
            assert args["flops_per_second"] == pytest.approx(args["flops"] / seconds, rel=1e-6)
            least = max(
                args["bytes"] / limits["memory_bytes_per_second"], args["flops"] / limits["gemm_flops_per_second"]
            )
            assert args["share_of_limit"] == pytest.approx(least / seconds, rel=1e-6)


def table(path, entry, heading):
    """Rows of a section's table as dicts."""
    text = path.read_text()
    text = text[text.index(f"<code>{entry}</code>") :]
    text = text[text.index(f"<h3>{heading}</h3>") :]
    rows = re.findall(r"<tr>(.*?)</tr>", text[: text.index("</table>")])
    cells = [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in rows]
    return [dict(zip(cells[0], row)) for row in cells[1:]]


def number(text):
    prefixes = {"k": 1e3, "M": 1e6, "G": 1e9, "KiB": 2**10, "MiB": 2**20, "B": 1}
    value, *prefix = text.split()
    return float(value.replace(",", "")) * (prefixes[prefix[0]] if prefix else 1)


@pytest.mark.parametrize("processes", [False, True])
def test_report_of_a_run(tmp_path, processes):
    _, bundle = make_bundle(tiny_llama(), token_batches(1)[0], tmp_path, ranks=2)
    report = tmp_path / "run.html"
    options = ["--steps=3", f"--report={report}"] + ([] if processes else ["--measure-limits"])
    succeed("raddle-run", bundle, *options, ranks=2 if processes else None)
    assert_folder_holds(tmp_path, "model.pt2", "model.raddle", "run.html")
    for heading in ("Kernels", "Library calls"):
        rows = table(report, "train_step", heading)
        assert rows
        flops = "FLOP a call" if heading == "Kernels" else "FLOP"
        for row in rows:
            milliseconds = number(row["ms"])
            moved = number(row["bytes a call" if heading == "Kernels" else "bytes"])
            # Printed with two to three digits.
            assert number(row["GB/s"]) == pytest.approx(moved / milliseconds * 1e-6, rel=0.1, abs=1e-3)
            if row[flops] != "–":
                assert number(row["GFLOP/s"]) == pytest.approx(number(row[flops]) / milliseconds * 1e-6, rel=0.1, abs=1e-3)
            share = float(row["of the limit"].removesuffix(" %")) / 100
            assert share == pytest.approx(number(row["ms at the limits"]) / milliseconds, rel=0.1, abs=1e-3)
    # What did not run has no times.
    assert "ms" not in table(report, "eval", "Kernels")[0]


def test_report_of_the_compiler_has_limits(tmp_path):
    report = tmp_path / "plan.html"
    make_bundle(tiny_llama(), token_batches(1)[0], tmp_path, f"--report={report}")
    row = table(report, "train_step", "Library calls")[0]
    assert number(row["ms at the limits"]) > 0 and "GB/s" not in row
    assert "Limit of f32 products for a rank" in report.read_text()


def test_report_of_a_program(tmp_path):
    batch = token_batches(1)[0]
    program = raddle.compile(tiny_llama(), batch, mode="train", trace=True)
    program.step(*batch)
    program.write_report(tmp_path / "report.html")
    program.write_trace(tmp_path / "trace.json")
    assert number(table(tmp_path / "report.html", "train_step", "Kernels")[0]["ms"]) > 0
    assert json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    limits = raddle.machine_limits()
    assert limits == raddle.machine_limits() and limits["memory_bytes_per_second"] > 1e6
    untraced = raddle.compile(tiny_llama(), batch, mode="train")
    with pytest.raises(RuntimeError, match="without tracing"):
        untraced.write_report(tmp_path / "none.html")


def test_folder_that_is_not_there(tmp_path):
    _, bundle = make_bundle(tiny_llama(), token_batches(1)[0], tmp_path)
    result = run("raddle-run", bundle, f"--report={tmp_path}/none/report.html")
    assert result.returncode == 1 and f"--report: '{tmp_path}/none' is no folder" in result.stderr
