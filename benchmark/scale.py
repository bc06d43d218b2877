"""Seconds of the compiler's stages on graphs of 1,000, 10,000 and 100,000 nodes, and how they grow.

A block is exported once; the files repeat its nodes, each block with parameters of its own. `--shape` says what the
block is: `layers` a residual block of norm, linear layers, views and elementwise operators, `chain` one elementwise
operator, `parameters` the sum with a parameter, `wide` the product with one parameter that all blocks share. Prints one
JSON object a graph: wall seconds of the stages up to `--stop-after`, of their passes, and microseconds a node. A last
object has each stage's exponent of growth between the smallest and the largest graph, the logarithm of the times' ratio
to the base of the sizes' ratio: 1 is linear.
"""

import argparse
import copy
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import warnings
import zipfile

import torch
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[1]
WIDTH, ROWS, HEADS = 32, 4, 2
MODEL = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
LAYER = "layers.0."


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.up = nn.Linear(WIDTH, 2 * WIDTH)
        self.down = nn.Linear(2 * WIDTH, WIDTH)
        self.scale = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x):
        h = self.up(self.norm(x)).view(ROWS, ROWS, HEADS, WIDTH).transpose(1, 2)
        h = nn.functional.gelu(h)
        h = h * torch.sigmoid(h) + 0.5 * torch.tanh(h)
        return x + self.scale * self.down(h.transpose(1, 2).reshape(ROWS, ROWS, 2 * WIDTH))


class Tanh(nn.Module):
    def forward(self, x):
        return torch.tanh(x)


class Bias(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(WIDTH))

    def forward(self, x):
        return x + self.bias


class Product(nn.Module):
    """Of its input and the network's parameter."""

    def forward(self, x, shared):
        return x * shared


SHAPES = {"layers": Block, "chain": Tanh, "parameters": Bias, "wide": Product}


class Network(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shared = nn.Parameter(torch.ones(WIDTH))
        self.layers = nn.ModuleList([SHAPES[shape]()])

    def forward(self, x):
        operands = (self.shared,) if isinstance(self.layers[0], Product) else ()
        for layer in self.layers:
            x = layer(x, *operands)
        return (x * self.shared).square().mean()


def export_template(shape, path):
    """One block, without weights: they are initialised where the program runs."""
    with torch.device("meta"):
        program = torch.export.export(Network(shape), (torch.empty(ROWS, ROWS, WIDTH),)).run_decompositions({})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(program, path)


def rename(value, names):
    """A copy of a piece of the document in which tensors have other names."""
    if isinstance(value, list):
        return [rename(item, names) for item in value]
    if isinstance(value, dict):
        return {
            key: {**item, "name": names.get(item["name"], item["name"])} if key == "as_tensor" else rename(item, names)
            for key, item in value.items()
        }
    return value


class Repeater:
    """Makes documents of many blocks from that of one."""

    def __init__(self, model, weights):
        self.model, self.weights = model, weights
        graph = model["graph_module"]["graph"]
        # The block ends with the sum that has its input as an operand; what follows is the loss.
        block_input = graph["inputs"][-1]["as_tensor"]["name"]
        ends = [i for i, node in enumerate(graph["nodes"]) if block_input in json.dumps(node["inputs"])]
        self.block, self.tail = graph["nodes"][: ends[-1] + 1], graph["nodes"][ends[-1] + 1 :]
        self.input, self.output = block_input, self.block[-1]["outputs"][0]["as_tensor"]["name"]
        specs = [spec["parameter"] for spec in model["graph_module"]["signature"]["input_specs"][:-1]]
        self.own = [spec for spec in specs if spec["parameter_name"].startswith(LAYER)]
        self.shared = [spec for spec in specs if spec not in self.own]
        self.parameters = [spec["arg"]["name"] for spec in self.own]
        self.local = [output["as_tensor"]["name"] for node in self.block for output in node["outputs"]]

    def names(self, index):
        """What block `index` calls what the first one knows under other names."""
        if index == 0:
            return {}
        names = {name: f"{name}_block{index}" for name in self.parameters + self.local}
        names[self.input] = self.output if index == 1 else f"{self.output}_block{index - 1}"
        return names

    def repeat(self, blocks):
        model = copy.deepcopy({key: value for key, value in self.model.items() if key != "graph_module"})
        module = copy.deepcopy(self.model["graph_module"])
        model["graph_module"] = module
        graph, signature = module["graph"], module["signature"]
        user = signature["input_specs"][-1]
        graph["nodes"], tensors, weights = [], dict(graph["tensor_values"]), {}
        signature["input_specs"], graph["inputs"] = [], []

        def add(spec, placeholder, name):
            signature["input_specs"].append({"parameter": {"arg": {"name": placeholder}, "parameter_name": name}})
            graph["inputs"].append({"as_tensor": {"name": placeholder}})
            weights[name] = self.weights["config"][spec["parameter_name"]]

        for spec in self.shared:
            add(spec, spec["arg"]["name"], spec["parameter_name"])
        for index in range(blocks):
            names = self.names(index)
            for node in self.block:
                node = rename(node, names)
                node["name"] = names.get(node["name"], node["name"])
                graph["nodes"].append(node)
            for name in self.parameters + self.local:
                tensors[names.get(name, name)] = tensors[name]
            for spec in self.own:
                placeholder = names.get(spec["arg"]["name"], spec["arg"]["name"])
                add(spec, placeholder, spec["parameter_name"].replace(LAYER, f"layers.{index}."))
        graph["nodes"] += rename(self.tail, {self.output: self.names(blocks - 1).get(self.output, self.output)})
        signature["input_specs"].append(user)
        graph["inputs"].append({"as_tensor": {"name": self.input}})
        graph["tensor_values"] = tensors
        return len(graph["nodes"]), model, {"config": weights}


def write_graphs(folder, shape, sizes):
    """Files of about `sizes` nodes: pairs of the exact number and the path."""
    template = folder / f"{shape}.pt2"
    export_template(shape, template)
    with zipfile.ZipFile(template) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    (model_name,) = [name for name in entries if name.endswith(MODEL)]
    (weights_name,) = [name for name in entries if name.endswith(WEIGHTS)]
    repeater = Repeater(json.loads(entries[model_name]), json.loads(entries[weights_name]))
    for size in sizes:
        nodes, model, weights = repeater.repeat(max(1, round(size / len(repeater.block))))
        changed = {model_name: json.dumps(model), weights_name: json.dumps(weights)}
        path = folder / f"{shape}-{size}.pt2"
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in entries.items():
                archive.writestr(name, changed.get(name, data))
        yield nodes, path


def measure(path, stop_after, ranks):
    command = [ROOT / "build" / "bin" / "raddle-compile", path, "--mode=train", "--optimizer=sgd", "--timing=json"]
    result = subprocess.run(
        [*command, f"--ranks={ranks}", f"--stop-after={stop_after}", "-o", "/dev/null"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
    )
    if result.returncode != 0:
        raise SystemExit(f"scale: error: {result.stderr.strip()}")
    return json.loads(result.stderr[result.stderr.index("[") :])


def durations(entries):
    """Name -> seconds of the entries of upstream's report; entries of one name are added."""
    result = {}
    for entry in entries:
        if entry.get("name") not in (None, "Rest", "Total"):
            result[entry["name"]] = result.get(entry["name"], 0.0) + entry["wall"]["duration"]
    return result


def report(nodes, times):
    stages = durations(times)
    passes = {entry["name"]: durations(entry["passes"]) for entry in times if entry["name"] in stages}
    return {
        "benchmark": "scale",
        "nodes": nodes,
        "seconds": stages,
        "passes": {stage: inner for stage, inner in passes.items() if inner},
        "microseconds_per_node": {stage: round(1e6 * value / nodes, 2) for stage, value in stages.items()},
    }


def growth(first, last):
    """The exponent of each stage that takes long enough to be measured at the small size."""
    resolution = 1e-3
    base = math.log(last["nodes"] / first["nodes"])
    return {
        stage: round(math.log(last["seconds"][stage] / value) / base, 3)
        for stage, value in first["seconds"].items()
        if value >= resolution
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=lambda text: [int(part) for part in text.split(",")], default=[1000, 10000, 100000])
    parser.add_argument("--shape", choices=SHAPES, default="layers", help="what the graphs repeat")
    parser.add_argument("--ranks", type=int, default=1, help="ranks to compile for")
    parser.add_argument("--stop-after", default="differentiate", help="the last stage to run")
    parser.add_argument("--folder", type=pathlib.Path, help="keep the files here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        lines = []
        for nodes, path in write_graphs(arguments.folder or pathlib.Path(temporary), arguments.shape, arguments.nodes):
            lines.append(report(nodes, measure(path, arguments.stop_after, arguments.ranks)))
            print(json.dumps(lines[-1]), flush=True)
    if len(lines) > 1:
        print(json.dumps({"benchmark": "scale", "growth": growth(lines[0], lines[-1])}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
