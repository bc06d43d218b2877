"""Plans of published models, checked against the shapes alone."""

import json
import math
import re
import sys

import pytest

import raddle
from models import tiny_llama, token_batches
from tools import ROOT, run, succeed

sys.path.insert(0, str(ROOT / "benchmark"))
from layout_check import LeastPadding, check_layout
from model_shapes import MODELS, parameters

BOUNDS = {128: 0.005, 256: 0.005, 384: 0.005, 512: 0.005, 768: 0.005, 1024: 0.005, 16384: 0.01, 65536: 0.015}
BLOCKS = ["128x128", "32x32", "none"]
PUBLISHED = ["deepseek-v3", "gpt-oss-120b", "llama-405b", "llama-70b", "mixtral-8x22b", "qwen3-235b", "kimi-k2"]


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")

    def write(model):
        path = folder / f"{model}.json"
        if not path.exists():
            path.write_text(json.dumps(parameters(model)))
        return path

    return write


def plan(path, ranks, block, *options):
    output = succeed("raddle-plan", path, "--ranks=" + ",".join(map(str, ranks)), f"--block={block}", "--json", *options)
    return [json.loads(line) for line in output.stdout.splitlines()]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("model", [name for name in MODELS if name != "trillion"])
def test_padding_is_small_at_any_scale(model_file, model, block):
    params = parameters(model)["params"]
    elements = sum(math.prod(param["shape"]) for param in params)
    least_padding = LeastPadding(params, block)
    for result in plan(model_file(model), BOUNDS, block):
        ranks = result["ranks"]
        assert result["elements"] == elements
        assert result["padding"] == pytest.approx(result["padded_elements"] / elements - 1)
        if model in PUBLISHED:
            assert result["padding"] < BOUNDS[ranks], ranks
        assert least_padding.allows(result["padding"], ranks, BOUNDS[ranks]), ranks
        assert result["bytes_per_rank"] * ranks == 2 * result["padded_elements"]


@pytest.mark.parametrize("model, block, ranks", [
    ("deepseek-v3", "128x128", [768]),
    ("deepseek-v3", "128x128", [65536]),
    ("gpt-oss-120b", "128x128", [384, 65536]),
    ("gpt-oss-120b", "32x32", [1024, 16384]),
    ("gpt-oss-120b", "none", [65536]),
    ("llama-405b", "128x128", [512, 16384, 65536]),
    ("primes", "128x128", [256, 16384]),
    ("primes", "32x32", [65536]),
    ("primes", "rows:1", [127, 1000]),
    ("corner-cases", "rows:1", [1, 96, 1536]),
    ("corner-cases", "1x32", [3000]),
    ("tiny-tensors", "128x128", [1, 100, 16384, 65536]),
    ("giant", "128x128", [3000]),
    ("recommender", "128x128", [512, 16384, 65536]),
    ("recommender", "rows:16", [1000]),
    ("gpt2-xl", "128x128", [384, 1000, 3000]),
    ("mamba2-2.7b", "1x128", [127, 1536]),
    ("vit-22b", "32x32", [1000, 16384]),
    ("random-experts-1", "128x128", [768]),
    ("random-experts-2", "rows:1", [1024]),
    ("random-experts-4", "128x128", [16384, 65536]),
    ("random-experts-7", "128x128", [16384]),
    ("just-above", "128x128", [1024, 16384, 65536]),
])  # fmt: skip
def test_layouts_are_valid(model_file, model, block, ranks):
    params = parameters(model)["params"]
    for result in plan(model_file(model), ranks, block, "--layout"):
        check_layout(params, result, block)


def test_groups_that_hold_copies(model_file):
    results = plan(model_file("llama-70b"), [1024, 4096], "128x128", "--layout", "--shard-ranks=256")
    whole = plan(model_file("llama-70b"), [256], "128x128")[0]
    for result in results:
        assert (result["shard_ranks"], result["copies"]) == (256, result["ranks"] // 256)
        assert result["bytes_per_rank"] == whole["bytes_per_rank"]
        check_layout(parameters("llama-70b")["params"], result, "128x128")


def test_a_trillion_parameters_in_a_thousand_layers(model_file):
    (result,) = plan(model_file("trillion"), [65536], "128x128", "--layout")
    assert result["elements"] > 1e12
    assert result["padding"] < 0.015
    check_layout(parameters("trillion")["params"], result, "128x128")


def test_the_page_says_what_the_planner_does(model_file):
    rows = re.findall(r"^\| ([\w-]+) \| ([\d,]+) \|.*\| ([\d.]+) \|$", (ROOT / "docs/plan.md").read_text(), re.MULTILINE)
    said = {(model, int(ranks.replace(",", ""))): float(padding) for model, ranks, padding in rows}
    assert len(said) == 5 * len(BOUNDS)
    for model in {model for model, _ in said}:
        for result in plan(model_file(model), BOUNDS, "128x128"):
            assert said[model, result["ranks"]] == pytest.approx(100 * result["padding"], abs=0.0051)


def hostile_texts():
    param = '{"name": "w", "shape": [4], "dtype": "bf16"}'
    yield from ["", "null", "[" * 5000, '{"params": 1}', '{"params": []}', '{"params": [NaN]}', f'{{"params": [{param}']
    for shape in ["[-1]", "[1e3]", "[9223372036854775807, 2]", "[18446744073709551616]", "[[4]]", '["4"]', "null"]:
        yield f'{{"params": [{param.replace("[4]", shape)}]}}'
    yield f'{{"params": [{param}, {param}]}}'
    yield f'{{"params": [{param[:-1]}, "name": "v"}}]}}'
    for block in ["[0, 1]", "[1]", "[1, 2, 3]", "[-1, 4]", "[1.5, 1]", "{}", '"x"', "7"]:
        yield f'{{"params": [{param[:-1]}, "block": {block}}}]}}'


@pytest.mark.parametrize("text", list(hostile_texts()))
def test_hostile_files_are_one_error_without_output(tmp_path, text):
    path = tmp_path / "model.json"
    path.write_text(text)
    result = run("raddle-plan", path, "--ranks=4", "--json")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("raddle-plan: error: ")


def test_a_compiled_program_has_the_plan_of_its_parameters(tmp_path):
    module = tiny_llama()
    batch = token_batches(1)[0]
    raddle.export(module, batch, tmp_path / "llama.pt2")
    options = ["--mode=train", "--ranks=3", f"--batch={3 * len(batch[0])}", "--stop-after=shard"]
    succeed("raddle-compile", tmp_path / "llama.pt2", *options, "-o", tmp_path / "shard.mlir")
    text = (tmp_path / "shard.mlir").read_text()
    assert "shard.grid @mesh(shape = 1x3)" in text
    compiled = {}
    for name, shard, slots in re.findall(r"ragged\.bucket @(\S+) ranks 3 shard (\d+) .*slots = \[(.*?>)\]", text):
        slots = re.findall(r'#ragged\.slot<"([^"]+)" at (\d+)', slots)
        compiled[name] = int(shard), {slot: int(offset) for slot, offset in slots}
    (result,) = plan(tmp_path / "llama.pt2", [3], "none", "--layout", "--whole-tensors")
    planned = {
        bucket["name"]: (bucket["S"], {tensor["name"]: tensor["offset"] for tensor in bucket["tensors"]})
        for bucket in result["buckets"]
    }
    assert len(planned) > 2 and compiled == planned
