"""Packs what a GPU host needs into a folder: bundles, weights, inputs, the CPU's results, programs and their libraries.

    .venv/bin/python scripts/pack_gpu.py FOLDER [--only MODELS] [--option=--gpu-kernels=triton]
    scripts/check-gpu FOLDER        # on the host, which needs a driver, cuBLASLt, cuDNN, NCCL and Python with NumPy

The cases are the demo's Llama ("demo"), trained, all-MiniLM ("minilm") on the demo's sentences, a small BERT of its
widths in inference and training, an MLP, and architectures of test/e2e/architectures.py, inference and training: those
of USUAL, or all with --all. Some are packed for several ranks as well; one CPU's results of the whole batch are what
they must equal. Some are packed with --dtype=bf16, too. FOLDER.tar.xz holds the folder, about half as large.
"""

import argparse
import itertools
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

import numpy
import torch
from transformers import BertConfig, BertModel

ROOT = pathlib.Path(__file__).resolve().parents[1]
TOOLS = ROOT / "build" / "bin"
# Both folders have a module of models; that of the examples is meant.
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "test" / "e2e")]

import raddle
from architectures import ARCHITECTURES, build
from models import SENTENCES, SentenceEmbedder, draw_batches, load_minilm, make_llama, source_bytes

CPU, GPU = "cpu", "cuda:sm_90"
STEPS = 8
TOKENS = 128
OPTIMIZER = ["--mode=train", "--optimizer=adamw", "--lr=1e-3", "--weight-decay=0.01", "--clip-norm=1.0"]
# Architectures, by the names of their cases.
USUAL = {
    "qwen3", "mistral", "phi-3", "gpt-2", "opt", "bert", "vit", "resnet", "mixtral", "gemma-3", "falcon", "bloom",
    "electra",
}
# Cases for several ranks: how they are started, and options of the compiler beside those of one rank. Where there are
# fewer than four GPUs, four must be refused.
RANKED = {
    "mlp": [(2, "threads", []), (2, "environment", []), (2, "mpirun", []), (4, "threads", [])],
    "sentences": [(2, "threads", []), (2, "environment", [])],
    "demo": [(2, "threads", ["--replicas=2"]), (2, "threads", []), (2, "torchrun", [])],
    "gpt-2-train": [(2, "threads", []), (2, "mpirun", [])],
    "bert-train": [(2, "threads", ["--recompute=block"])],
    "qwen3-train": [(2, "threads", [])],
    "mixtral-train": [(2, "threads", [])],
    "vit-train": [(2, "threads", [])],
    "demo-bf16": [(2, "threads", []), (2, "threads", ["--reduce-dtype=bf16"])],
    "mixtral-train-bf16": [(2, "threads", [])],
}
# Models that are packed with --dtype=bf16 as well, and how near to the CPU's results a case must be. In bf16, sums in
# another order are rounded to other numbers, which are 1/256 apart, some times in a row.
NARROW = {"mlp", "sentences", "sentences-train", "demo", "resnet", "mixtral", "vit", "gpt-2"}
TOLERANCE = {"f32": 1e-3, "bf16": 2e-2}
# Libraries that every host has, in a version of its own.
SYSTEM = re.compile(r"(ld-linux|libc|libm|libdl|librt|libpthread|libstdc\+\+|libgcc_s)[.-]")


class Classifier(torch.nn.Module):
    """Sentences into classes: float32 vectors of a BERT, and the mean cross-entropy as loss."""

    def __init__(self, embedder, width, classes):
        super().__init__()
        self.embedder = embedder
        self.classify = torch.nn.Linear(width, classes)

    def forward(self, input_ids, attention_mask, labels):
        return torch.nn.functional.cross_entropy(self.classify(self.embedder(input_ids, attention_mask)), labels)


class Regression(torch.nn.Module):
    """Two layers and the mean of squares of their error."""

    def __init__(self, inputs=13, hidden=33, outputs=7):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(inputs, hidden), torch.nn.GELU(), torch.nn.Linear(hidden, outputs)
        )

    def forward(self, x, y):
        return torch.nn.functional.mse_loss(self.layers(x), y)


def make_bert(vocabulary=512, layers=1, width=384):
    config = BertConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
        num_attention_heads=12, max_position_embeddings=TOKENS, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return SentenceEmbedder(BertModel(config, add_pooling_layer=False)).eval()


def minilm():
    """all-MiniLM-L6-v2 and sentences, with zeros for words that the sentences lack: they take no room when
    compressed."""
    module, tokenizer = load_minilm()
    tokens = tokenizer(SENTENCES, padding=True, return_tensors="pt")
    with torch.no_grad():
        words = module.bert.embeddings.word_embeddings.weight
        absent = torch.ones(len(words), dtype=torch.bool)
        absent[tokens["input_ids"]] = False
        words[absent] = 0
    return module, (tokens["input_ids"], tokens["attention_mask"])


def demo_cases():
    """Names, modules, arguments and options of the compiler by the ends of the bundles' names."""
    torch.manual_seed(0)
    batch = draw_batches(source_bytes(), 1, 8, TOKENS, seed=0)[0]
    yield "mlp", Regression(), (torch.randn(24, 13), torch.randn(24, 7)), {"": OPTIMIZER}
    ids = torch.randint(0, 512, (6, 48))
    mask = (torch.arange(48) < torch.tensor([48, 31, 7, 48, 20, 1])[:, None]).long()
    bert = make_bert()
    yield "sentences", bert, (ids, mask), {"": []}
    yield "sentences-train", Classifier(bert, 384, 5), (ids, mask, torch.randint(0, 5, (6,))), {"": OPTIMIZER}
    yield "minilm", *minilm(), {"": []}
    yield "demo", make_llama(TOKENS, seed=0), (batch, batch), {"": OPTIMIZER}


def architecture_cases(wanted):
    """Those of the wanted names, or all."""
    for title, case in ARCHITECTURES.items():
        name = re.sub(r"[^a-z0-9]+", "-", title.lower())
        if wanted is None or name in wanted:
            module, batch = build(case)
            yield name, module, batch, {"-infer": [], "-train": OPTIMIZER}


def modes_of(model, modes):
    """Options of the compiler and the type to compute in, by the ends of the bundles' names."""
    for end, options in modes.items():
        yield end, options, "f32"
        if model in NARROW:
            yield f"{end}-bf16", [*options, "--dtype=bf16"], "bf16"


def compile_bundle(folder, source, bundle, target, arguments, options):
    command = [TOOLS / "raddle-compile", source, f"--target={target}", f"--batch={len(arguments[0])}", *options]
    subprocess.run([*command, "-o", folder / bundle], check=True)


def compile_case(folder, source, name, arguments, options, gpu_options):
    """Bundles for both targets."""
    for target, further in ((CPU, []), (GPU, gpu_options)):
        bundle = f"{name}.{target.split(':')[0]}.raddle"
        compile_bundle(folder, source, bundle, target, arguments, [*options, *further])


def ranked_cases(folder, source, case, arguments, options):
    """Bundles of a case for several ranks, and what check_gpu.py needs to know of them."""
    for ranks, launch, further in RANKED.get(case["name"], []):
        name = "".join([case["name"], *(option.replace("=", "-") for option in further)])
        bundle = f"{name}.{ranks}.raddle"
        if not (folder / bundle).exists():
            further = [*further, f"--ranks={ranks}"]
            compile_bundle(folder, source, bundle, GPU, arguments, [*options, *further])
        yield {**case, "name": name, "bundle": bundle, "ranks": ranks, "launch": launch}


def input_names(bundle):
    text = subprocess.run(
        [TOOLS / "raddle-translate", "--bundle-to-json", bundle], check=True, capture_output=True, text=True
    ).stdout
    variant = json.loads(text)["entries"][0]["variants"][0]
    return [entry["name"] for entry in variant["inputs"] if entry.get("role", "Batch") == "Batch"]


def write_inputs(folder, name, arguments):
    """Files of the arguments, as options of raddle-run."""
    options = []
    for key, argument in zip(input_names(folder / f"{name}.cpu.raddle"), arguments):
        file = f"{name}.{key}.npy"
        numpy.save(folder / file, argument.numpy())
        options.append(f"--input={key}={file}")
    return options


def run_on_cpu(folder, name, options):
    command = [TOOLS / "raddle-run", f"{name}.cpu.raddle", *options, "--json", f"--output={name}.expected"]
    result = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)
    (folder / f"{name}.expected.json").write_text(result.stdout)


def copy_tools(folder):
    """Programs without symbols, their MPI, what ranks that share a GPU have for NCCL, and the libraries that they need
    beside those of every system."""
    for program in ("raddle-run", "raddle-gpu-tests"):
        shutil.copy(TOOLS / program, folder / program)
        subprocess.run(["strip", folder / program], check=True)
    shutil.copy(ROOT / "build" / "lib" / "libraddle_mpi.so", folder)
    (folder / "shared").mkdir(exist_ok=True)
    shutil.copy(ROOT / "build" / "unittests" / "Runtime" / "SharedGpu" / "libnccl.so.2", folder / "shared")
    libraries = folder / "lib"
    libraries.mkdir(exist_ok=True)
    listed = subprocess.run(["ldd", folder / "raddle-run"], check=True, capture_output=True, text=True).stdout
    for match in re.finditer(r"(\S+) => (\S+)", listed):
        if not SYSTEM.match(match[1]):
            shutil.copy(match[2], libraries / match[1])


def round_weights(module):
    """To the 8 bits of a bfloat16, so that they take half the room when compressed."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(parameter.bfloat16())


def pack_case(folder, source, name, unrounded, arguments, compiler, gpu_options, tolerance):
    """The case of one rank, then those of several. `unrounded` names that in f32."""
    compile_case(folder, source, name, arguments, compiler, gpu_options)
    command = write_inputs(folder, name, arguments) + [f"--steps={STEPS if '--mode=train' in compiler else 5}"]
    run_on_cpu(folder, name, command)
    bundle = f"{name}.cuda.raddle"
    case = {
        "name": name, "bundle": bundle, "expected": name, "unrounded": unrounded, "options": command,
        "tolerance": tolerance,
    }
    return [case, *ranked_cases(folder, source, case, arguments, [*compiler, *gpu_options])]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--only", help="comma-separated names of models")
    choice.add_argument("--all", action="store_true", help="all architectures")
    parser.add_argument("--option", action="append", default=[], help="of raddle-compile for the GPU; repeatable")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    wanted = set(options.only.split(",")) if options.only else None
    architectures = None if options.all else wanted or USUAL
    table, refused = [], []
    for model, module, arguments, modes in itertools.chain(demo_cases(), architecture_cases(architectures)):
        if wanted and model not in wanted:
            continue
        source = options.folder / f"{model}.pt2"
        round_weights(module)
        raddle.export(module, arguments, source)
        for end, compiler, dtype in modes_of(model, modes):
            name = model + end
            try:
                table += pack_case(
                    options.folder, source, name, f"{model}{end.removesuffix('-bf16')}", arguments, compiler,
                    options.option, TOLERANCE[dtype],
                )
            except subprocess.CalledProcessError as error:
                refused.append(f"{name}: {pathlib.Path(error.cmd[0]).name} failed")
        print(f"packed {model}", file=sys.stderr)
    (options.folder / "cases.json").write_text(json.dumps(table, indent=1))
    copy_tools(options.folder)
    shutil.copy(ROOT / "scripts" / "check_gpu.py", options.folder)
    with tarfile.open(options.folder.with_suffix(".tar.xz"), "w:xz") as archive:
        archive.add(options.folder, arcname=options.folder.name)
    if refused:
        sys.exit("not packed: " + "; ".join(refused))


if __name__ == "__main__":
    main()
