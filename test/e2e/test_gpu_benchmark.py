"""What the benchmark of several GPUs gives its peer is what the runtime draws: weights and windows."""

import argparse
import json
import sys

import torch
from parity import assert_close
from tools import ROOT, json_lines, succeed

import raddle

sys.path.insert(0, str(ROOT / "benchmark"))
import llama_gpus

SETTING = {"layers": 2, "width": 64, "hidden": 96, "heads": 4, "vocabulary": 300, "batch": 4, "length": 16}
STEPS = 4


def test_the_peer_learns_the_same(tmp_path):
    with torch.device("meta"):
        module = llama_gpus.make_model(argparse.Namespace(**SETTING))
        batch = torch.zeros(SETTING["batch"], SETTING["length"], dtype=torch.int64)
    raddle.export(module, (batch, batch), tmp_path / "model.pt2")
    bundle = tmp_path / "model.raddle"
    rate = f"--lr={llama_gpus.LEARNING_RATE}"
    seed = f"--seed={llama_gpus.SEED}"
    succeed(
        "raddle-compile", tmp_path / "model.pt2", "--mode=train", "--optimizer=adamw", "--ranks=2", "--batch=4", rate,
        seed, "-o", bundle,
    )
    tokens = llama_gpus.make_tokens(SETTING["vocabulary"])[:50_000]
    tokens.tofile(tmp_path / "tokens.u16")
    result = succeed(
        "raddle-run", bundle, "--json", f"--steps={STEPS}", "--labels=next", f"--data={tmp_path / 'tokens.u16'}", seed
    )
    found = [step["loss"] for step in json_lines(result)[0]]

    described = json.loads(succeed("raddle-translate", "--bundle-to-json", bundle).stdout)
    module.to_empty(device="cpu")
    parameters = dict(module.named_parameters())
    with torch.no_grad():
        for index, parameter in enumerate(llama_gpus.describe_parameters(described)):
            # As two ranks do: each its own rows.
            rows = parameters[parameter["name"]]
            half = (len(rows) + 1) // 2
            llama_gpus.draw(index, parameter, rows[:half])
            llama_gpus.draw(index, parameter, rows[half:], half)
    optimizer = torch.optim.AdamW(module.parameters(), lr=llama_gpus.LEARNING_RATE, weight_decay=0.0)
    expected = []
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        loss = module(*llama_gpus.batch_of(tokens, step, SETTING))
        loss.backward()
        optimizer.step()
        expected.append(loss.item())
    assert_close(found, expected)
    assert found[0] != found[1]
