"""Replicas and budgets change no result; communication follows the formula, runs beside compute and copies nothing."""

import functools
import json

import numpy
import pytest
import torch
from models import Mlp, demo_models, mlp_batches, tiny_llama, token_batches
from parity import compare_training
from partitioning import train
from tools import assert_refused, json_lines, make_bundle, run, succeed

import raddle

COLLECTIVES = {"AllGather", "ReduceScatter", "AllReduce"}


@pytest.mark.parametrize("ranks, replicas", [(4, 2), (6, 2), (6, 3), (4, 4)])
def test_replicas_train_like_one_process(ranks, replicas):
    compare_training(Mlp(), mlp_batches(), ranks=ranks, replicas=replicas, weight_decay=0.1, lr=1e-2)


def test_replicas_of_a_language_model_with_clipping():
    compare_training(tiny_llama(), token_batches(), ranks=4, replicas=2, clip_norm=0.5)


def losses_and_arena(module, batches, ranks=2, **options):
    program = raddle.compile(module, batches[0], mode="train", ranks=ranks, **options)
    losses = [program.step(*batch)["loss"] for batch in batches]
    statistics = program.statistics()
    return losses, statistics["arena_bytes"] + statistics["state_bytes"], statistics


def test_a_budget_changes_memory_and_communication_and_no_bit_of_the_losses():
    model = tiny_llama(), token_batches(4)
    # Of gathers alone: what else could be freed is computed once.
    once = functools.partial(losses_and_arena, *model, recompute="none")
    least, most = once(), once(memory_budget=1 << 30)
    assert least[0] == most[0]
    assert least[1] < most[1]
    assert least[2]["bytes_communicated"] > most[2]["bytes_communicated"]
    between = once(memory_budget=(least[1] + most[1]) // 2)
    assert between[0] == least[0] and between[1] <= (least[1] + most[1]) // 2
    # What a program needs is a budget that it meets, to the last byte.
    for exact in (least, between, most):
        again = once(memory_budget=exact[1])
        assert again[0] == least[0] and again[1] <= exact[1]
    assert again[2]["bytes_communicated"] == most[2]["bytes_communicated"]
    with pytest.raises(raddle.CompileError, match="of states.*the memory budget is 1000"):
        losses_and_arena(*model, memory_budget=1000)


@pytest.mark.parametrize("ranks", [1, 2])
def test_recomputing_lowers_memory_and_changes_no_bit_of_the_losses(ranks):
    model = tiny_llama(), token_batches(4), ranks
    held = losses_and_arena(*model, recompute="none")
    for mode in ("auto", "block"):
        losses, _, statistics = losses_and_arena(*model, recompute=mode)
        assert losses == held[0]
        assert statistics["arena_bytes"] < held[2]["arena_bytes"], mode


def test_a_budget_is_met_by_recomputing():
    model = tiny_llama(), token_batches(4)
    held, block = losses_and_arena(*model, recompute="none"), losses_and_arena(*model, recompute="block")
    budget = (held[1] + block[1]) // 2
    with pytest.raises(raddle.CompileError, match=f"the memory budget is {budget}"):
        losses_and_arena(*model, memory_budget=budget, recompute="none")
    losses, total, _ = losses_and_arena(*model, memory_budget=budget)
    assert losses == held[0] and total <= budget


def test_recompute_is_one_of_three():
    with pytest.raises(ValueError, match="recompute: expected 'none', 'auto' or 'block', found 'all'"):
        losses_and_arena(tiny_llama(), token_batches(1), recompute="all")


def description_of(bundle):
    return json.loads(succeed("raddle-translate", "--bundle-to-json", bundle).stdout)


def step_instructions(description):
    entry = next(entry for entry in description["entries"] if entry["name"] == "train_step")
    return entry["variants"][0]["instructions"]


def run_step(folder, bundle, batch, processes, *options):
    """Objects of one step and of the summary of raddle-run."""
    for name, tensor in zip(("input_ids", "labels"), batch):
        numpy.save(folder / f"{name}.npy", tensor.numpy())
    inputs = [f"--input={name}={folder / name}.npy" for name in ("input_ids", "labels")]
    return json_lines(succeed("raddle-run", bundle, "--json", *inputs, *options, ranks=processes))


@pytest.mark.parametrize("ranks, replicas", [(2, 1), (3, 1), (4, 1), (4, 2)])
def test_no_byte_is_copied_and_communication_follows_the_formula(tmp_path, ranks, replicas):
    batch = token_batches(1)[0]
    source, bundle = make_bundle(
        tiny_llama(), batch, tmp_path, "--optimizer=adamw", "--clip-norm=0.5", f"--replicas={replicas}", ranks=ranks
    )
    description = description_of(bundle)
    slices = sorted(bucket["shard_elements"] for bucket in description["buckets"])
    scheduled = succeed("raddle-compile", source, "--mode=train", f"--ranks={ranks}", f"--replicas={replicas}",
                        f"--batch={batch[0].shape[0]}", "--clip-norm=0.5", "--stop-after=schedule").stdout  # fmt: skip
    assert "exec.copy" not in scheduled
    collectives = [i["action"] for i in step_instructions(description) if i["action_type"] == "Collective"]

    def elements(kind, operand):
        found = [c[operand].get("shape", []) for c in collectives if c.get("kind", "AllGather") == kind]
        return [int(numpy.prod(shape)) for shape in found]

    gathered, reduced, everywhere = (
        elements("AllGather", "src"), elements("ReduceScatter", "dst"), elements("AllReduce", "dst"),
    )  # fmt: skip
    # Gradients of each bucket are reduced once; its parameters are gathered once, or again in backward.
    assert sorted(reduced) == slices
    assert all(gathered.count(shard) in range(slices.count(shard), 2 * slices.count(shard) + 1) for shard in slices)
    assert set(gathered) == set(slices)
    # A slice comes from each other shard; of an all-reduce, the others' part of what a rank adds, then their sums.
    # A group of several replicas reduces slices, all ranks the single numbers.
    width, shards = 4, ranks // replicas
    sizes = sorted(everywhere, reverse=True)
    between = sizes[: len(slices)] if replicas > 1 else []
    numbers = sizes[len(between) :]
    assert sorted(between) == (slices if replicas > 1 else []) and set(numbers) == {1}
    total = ranks * (shards - 1) * (sum(gathered) + sum(reduced))
    total += shards * 2 * (replicas - 1) * sum(between)
    groups = {c.get("group", "All") for c in collectives if c["dst"].get("shape", []) == []}
    assert groups <= ({"All"} if replicas == 1 else {"All", "Shards"})
    for collective in collectives:
        if collective.get("kind") == "AllReduce" and collective["dst"].get("shape", []) == []:
            group = shards if collective.get("group") == "Shards" else ranks
            total += ranks // group * 2 * (group - 1)
    for processes in (None, ranks):
        _, summary = run_step(tmp_path, bundle, batch, processes)
        assert summary["bytes_copied"] == 0
        assert summary["bytes_communicated"] == total * width // ranks


def test_no_byte_of_the_demo_is_copied(tmp_path):
    """The pass says so of the step that it schedules, the runtime of those that it ran. Windows are shorter than the
    demo's; the buckets are the same."""
    tokens, batch = 32, 2
    windows = torch.randint(0, 256, (batch, tokens))
    llama = demo_models().make_llama(tokens, seed=0)
    step = ("--optimizer=adamw", "--weight-decay=0.01", "--clip-norm=1")
    source, bundle = make_bundle(llama, (windows, windows), tmp_path, *step, ranks=2)
    fused = tmp_path / "fused.mlir"
    common = ("--mode=train", "--ranks=2", f"--batch={batch}", *step)
    fused.write_text(succeed("raddle-compile", source, *common, "--stop-after=fuse").stdout)
    schedule = ("--schedule-recompute", "--ragged-reshard", "--ragged-prefetch", "--schedule-assign")
    remarks = succeed("raddle-opt", fused, *schedule, "--remarks-filter=schedule-assign", "-o", "/dev/null").stderr
    (copied,) = (line for line in remarks.splitlines() if "Remark=train_step" in line)
    expected = 'Remark=0, Remark=" bytes are copied into buckets, ", Remark=0, Remark=" bytes into results"'
    assert copied.endswith(expected)
    steps, summary = run_step(tmp_path, bundle, (windows, windows), None)
    assert len(steps) > 0 and summary["bytes_copied"] == 0


@pytest.mark.parametrize("processes", [False, True])
def test_communication_is_a_stream_of_a_trace(tmp_path, processes):
    """That it runs beside compute is shown by the runtime's own tests, where nothing depends on time."""
    ranks, steps = 2, 3
    batch = token_batches(1)[0]
    _, bundle = make_bundle(tiny_llama(), batch, tmp_path, "--memory-budget=1GB", ranks=ranks)
    trace = tmp_path / "trace.json"
    run_step(tmp_path, bundle, batch, ranks if processes else None, f"--steps={steps}", f"--trace={trace}")
    files = [trace, tmp_path / "trace.rank1.json"] if processes else [trace]
    events = [event for file in files for event in json.loads(file.read_text())["traceEvents"]]
    for rank in range(ranks):
        own = [event for event in events if event["pid"] == rank]
        kinds = [{e["cat"] for e in own if e["ph"] == "X" and e["tid"] == stream} for stream in (0, 1)]
        assert not kinds[0] & COLLECTIVES and kinds[1] <= COLLECTIVES | {"wait"}
        collectives = [e["cat"] for e in own if e["ph"] == "X" and e["cat"] in COLLECTIVES]
        gathers = collectives.count("AllGather")
        assert gathers >= steps and len(collectives) >= 2 * gathers


def test_gathers_start_while_the_bucket_before_is_in_use(tmp_path):
    batch = token_batches(1)[0]
    _, bundle = make_bundle(
        tiny_llama(), batch, tmp_path, "--optimizer=adamw", "--memory-budget=1GB", ranks=2
    )
    instructions = step_instructions(description_of(bundle))
    done, early = {}, 0
    for position, instruction in enumerate(instructions):
        action, stream = instruction["action"], instruction.get("stream", 0)
        if instruction["action_type"] == "Collective" and action.get("kind", "AllGather") == "AllGather":
            done[instructions[position + 1]["action"].get("event", 0)] = position
        if instruction["action_type"] == "Wait" and stream == 0 and action.get("event", 0) in done:
            start = done[action.get("event", 0)]
            early += any(i["action_type"] in ("Dispatch", "Gemm", "Attention") for i in instructions[start:position])
    # That of the second layer; the first layer's is needed where the embedding is, of the bucket before.
    assert early >= 1


class Narrow(torch.nn.Module):
    """Multiplies in bf16, with weights that have a scale of their own."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ParameterList(torch.nn.Parameter(torch.randn(11, 11) / 11) for _ in range(3))

    def forward(self, x):
        for weight in self.layers:
            x = x + torch.tanh((x.bfloat16() @ (weight * 0.5).bfloat16()).float())
        return x.square().mean()


def test_weights_that_are_cast_travel_as_they_are_used(tmp_path):
    """The same bits come out as where whole weights are gathered first, for half the bytes."""
    batches = [(torch.randn(12, 11),) for _ in range(3)]
    path, step = tmp_path / "narrow.pt2", tmp_path / "step.mlir"
    raddle.export(Narrow(), batches[0], path)
    options = ("--mode=train", "--ranks=2", "--opt-level=0")
    succeed("raddle-compile", path, *options, "--batch=12", "--stop-after=step", "-o", step)
    wide = succeed("raddle-opt", step, "--ragged-plan=ranks=2", "--ragged-partition", "--ragged-verify").stdout
    texts = {
        "narrow": succeed("raddle-compile", step, *options, "--stop-after=shard").stdout,
        "wide": wide.replace('nn.stage = "step"', 'nn.stage = "shard"'),
    }
    results = {}
    for name, text in texts.items():
        kind = "xbf16>" if name == "narrow" else "xf32>"
        gathers = [line for line in text.splitlines() if "ragged.gather" in line]
        assert gathers and all(line.endswith(kind) for line in gathers)
        (tmp_path / f"{name}.mlir").write_text(text)
        succeed("raddle-compile", tmp_path / f"{name}.mlir", *options, "-o", tmp_path / f"{name}.raddle")
        results[name] = train(path, tmp_path / f"{name}.raddle", batches)
    (numbers, state), (expected, other) = results["narrow"], results["wide"]
    assert numbers == expected and all(torch.equal(state[name], value) for name, value in other.items())


def test_replicas_that_do_not_divide_are_refused(tmp_path):
    source, _ = make_bundle(Mlp(), mlp_batches(1)[0], tmp_path)
    result = run("raddle-compile", source, "--ranks=4", "--replicas=3", "-o", tmp_path / "b.raddle")
    assert_refused(result, "--replicas", "divisor of the 4 ranks")
    with pytest.raises(ValueError, match="replicas"):
        raddle.compile(Mlp(), mlp_batches(1)[0], mode="train", ranks=4, replicas=3)
