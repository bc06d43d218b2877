"""Ranks as processes give what ranks as threads and PyTorch give."""

import copy

import numpy
import pytest
from models import STEPS, Mixed, Mlp, mlp_batches, tiny_llama, token_batches
from parity import assert_close, train_pytorch
from tools import BIN, assert_refused, json_lines, make_bundle, run, succeed

OPTIONS = {"optimizer": "adamw", "lr": 1e-2, "weight_decay": 0.1, "clip_norm": 0.5}
FLAGS = ["--optimizer=adamw", "--lr=1e-2", "--weight-decay=0.1", "--clip-norm=0.5"]


def save_inputs(folder, **inputs):
    for name, tensor in inputs.items():
        numpy.save(folder / f"{name}.npy", tensor.numpy())
    return [f"--input={name}={folder / name}.npy" for name in inputs]


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("model", ["mlp", "llama"])
def test_losses_equal_pytorch(tmp_path, ranks, model):
    module, batch, names = (
        (Mlp(), mlp_batches(1)[0], ("x", "y"))
        if model == "mlp"
        else (tiny_llama(), token_batches(1)[0], ("input_ids", "labels"))
    )
    _, bundle = make_bundle(module, batch, tmp_path, *FLAGS, ranks=ranks)
    inputs = save_inputs(tmp_path, **dict(zip(names, batch)))
    expected, norms = train_pytorch(copy.deepcopy(module), [batch] * STEPS, OPTIONS)
    found = []
    for processes in (None, ranks):
        result = succeed("raddle-run", bundle, "--json", f"--steps={STEPS}", *inputs, ranks=processes)
        steps, summary = json_lines(result)
        assert_close([step["loss"] for step in steps], expected)
        assert_close([step["grad_norm"] for step in steps], norms, what="gradient norm")
        assert summary["ranks"] == ranks and summary["steps"] == STEPS
        found.append([(step["loss"], step["grad_norm"]) for step in steps])
    # Both add in the order of ranks.
    assert found[0] == found[1]


def test_processes_reduce_16_bits_as_threads_do(tmp_path):
    import torch

    torch.manual_seed(0)
    x = torch.randn(6, 5)
    _, bundle = make_bundle(Mixed(), (x,), tmp_path, *FLAGS, ranks=3)
    inputs = save_inputs(tmp_path, x=x)
    threads, processes = (
        [step["loss"] for step in json_lines(succeed("raddle-run", bundle, "--json", "--steps=4", *inputs, ranks=n))[0]]
        for n in (None, 3)
    )
    assert_close(processes, threads, 1e-6)


def test_windows_of_a_file_do_not_depend_on_ranks(tmp_path):
    # Token ids of the vocabulary only: u8 without a suffix.
    data = tmp_path / "tokens.bin"
    data.write_bytes(bytes(i * i % 51 for i in range(5000)))
    module, losses = tiny_llama(), {}
    for ranks in (1, 2, 4):
        folder = tmp_path / str(ranks)
        folder.mkdir()
        _, bundle = make_bundle(module, token_batches(1)[0], folder, *FLAGS, ranks=ranks)
        for processes in (None, ranks) if ranks > 1 else (None,):
            result = succeed(
                "raddle-run", bundle, "--json", "--steps=6", f"--data={data}", "--seed=5", ranks=processes
            )
            losses[ranks, processes] = [step["loss"] for step in json_lines(result)[0]]
    for found in losses.values():
        assert_close(found, losses[1, None])
    assert len(set(losses[1, None])) == 6


def test_outputs_are_of_all_ranks(tmp_path):
    import torch

    module, x = torch.nn.Linear(5, 3), torch.randn(12, 5)
    _, bundle = make_bundle(module, (x,), tmp_path, ranks=4, mode="infer")
    inputs = save_inputs(tmp_path, input=x)
    succeed("raddle-run", bundle, *inputs, f"--output={tmp_path / 'out'}", ranks=4)
    (path,) = (tmp_path / "out").iterdir()
    numpy.testing.assert_allclose(numpy.load(path), module(x).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_wrong_number_of_processes(tmp_path):
    _, bundle = make_bundle(Mlp(), mlp_batches(1)[0], tmp_path, ranks=2)
    result = run("raddle-run", bundle, ranks=3)
    assert result.returncode != 0
    assert "2" in result.stderr and "3" in result.stderr


def test_error_of_one_process_ends_all(tmp_path):
    import torch

    module, (ids, _) = tiny_llama(), token_batches(1)[0]
    _, bundle = make_bundle(module, (ids, ids), tmp_path, ranks=2)
    ids = ids.clone()
    ids[11, 0] = 99
    inputs = save_inputs(tmp_path, input_ids=ids, labels=torch.zeros_like(ids))
    result = run("raddle-run", bundle, *inputs, ranks=2)
    assert result.returncode != 0
    assert "99" in result.stderr


def test_ranks_of_another_bundle(tmp_path):
    _, bundle = make_bundle(Mlp(), mlp_batches(1)[0], tmp_path, ranks=2)
    assert_refused(run("raddle-run", bundle, "--ranks=3"), "3", "2")


def test_processes_must_be_started_alike(tmp_path):
    _, bundle = make_bundle(Mlp(), mlp_batches(1)[0], tmp_path, ranks=2)
    second = [":", "-n", "1", BIN / "raddle-run", bundle, "--steps=3", "--seed=5"]
    result = run("raddle-run", bundle, "--steps=2", *second, ranks=1)
    assert result.returncode != 0
    assert "the processes were not started alike: they differ in --steps, --seed" in result.stderr
