"""Damages an archive: `damage.py KIND IN OUT`. What is cut, flipped or replaced depends on a fixed seed only."""

import json
import random
import sys
import zipfile


def rewrite(source, target, change):
    """Copies an archive with `change(name, bytes)` for its entries; None leaves an entry out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            data = change(info.filename, old.read(info))
            if data is not None:
                new.writestr(info.filename, data)


def edit_json(source, target, suffix, edit):
    def change(name, data):
        if not name.endswith(suffix):
            return data
        document = json.loads(data)
        edit(document)
        return json.dumps(document)

    rewrite(source, target, change)


def graph(document):
    return document["graph_module"]["graph"]


def oversize(document):
    first = next(iter(document["config"].values()))
    first["tensor_meta"]["strides"][0] = {"as_int": 1 << 40}


def rename_tensor(document):
    graph(document)["nodes"][-1]["inputs"][0]["arg"]["as_tensor"]["name"] = "nowhere"


def huge_shape(document):
    for meta in graph(document)["tensor_values"].values():
        meta["sizes"] = [{"as_int": 1 << 62}] * len(meta["sizes"])


def deep_expression(document):
    for value in graph(document)["tensor_values"].values():
        for size in value["sizes"]:
            if "as_expr" in size:
                size["as_expr"]["expr_str"] = "Add(" * 100000


def wrong_hint(document):
    for value in graph(document)["tensor_values"].values():
        for size in value["sizes"]:
            if "as_expr" in size:
                size["as_expr"]["hint"] = "six"


def wrong_type(document):
    meta = graph(document)["tensor_values"]["linear"]
    meta["sizes"][-1] = {"as_int": meta["sizes"][-1]["as_int"] + 1}


def infinite(document):
    for node in graph(document)["nodes"]:
        for argument in node["inputs"]:
            if argument["name"] == "value":
                argument["arg"] = {"as_float": "-Infinity"}


JSON_EDITS = {
    "oversize": ("model_weights_config.json", oversize),
    "rename": ("models/model.json", rename_tensor),
    "huge": ("models/model.json", huge_shape),
    "deep": ("models/model.json", deep_expression),
    "hint": ("models/model.json", wrong_hint),
    "wrong-type": ("models/model.json", wrong_type),
    "infinite": ("models/model.json", infinite),
    "schema": ("models/model.json", lambda document: document["schema_version"].update(major=3)),
    "no-nodes": ("models/model.json", lambda document: graph(document).pop("nodes")),
}


def main():
    kind, source, target = sys.argv[1:]
    generator = random.Random(0)
    if kind in JSON_EDITS:
        edit_json(source, target, *JSON_EDITS[kind])
        return
    if kind == "no-weights":
        rewrite(source, target, lambda name, data: None if "data/weights/weight_" in name else data)
        return
    if kind == "not-json":
        rewrite(source, target, lambda name, data: data[: len(data) // 2] if name.endswith("model.json") else data)
        return
    with open(source, "rb") as file:
        data = bytearray(file.read())
    if kind == "truncated":
        data = data[: len(data) // 2]
    elif kind == "random":
        data = bytes(generator.randrange(256) for _ in range(len(data)))
    elif kind == "empty":
        data = b""
    elif kind == "flipped":
        # Inside the program's text, so that its checksum does not hold.
        position = data.index(b'"graph_module"')
        data[position + 5] ^= 1
    else:
        sys.exit(f"unknown damage '{kind}'")
    with open(target, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main()
