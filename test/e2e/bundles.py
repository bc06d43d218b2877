"""What a bundle's JSON says, with the defaults that it leaves out."""

import json
import math

from tools import succeed

BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "I8": 1, "U8": 1, "Bool": 1}


def read_bundle(path):
    return json.loads(succeed("raddle-translate", "--bundle-to-json", path).stdout)


def variant_of(bundle, entry="train_step"):
    return next(e for e in bundle["entries"] if e["name"] == entry)["variants"][0]


def bytes_of(operand):
    return math.prod(operand.get("shape", [])) * BYTES[operand.get("dtype", "F32")]


def operands_of(instruction):
    """(those that are read, those that are written) of an instruction."""
    action = instruction["action"]
    kind = instruction["action_type"]
    if kind in ("Dispatch", "Attention"):
        return action.get("inputs", []), action.get("outputs", [])
    if kind == "Gemm":
        return [action["a"], action["b"]] + ([action["c"]] if action.get("beta", 0.0) else []), [action["c"]]
    if kind in ("Collective", "Copy"):
        return [action["src"]], [action["dst"]]
    if kind == "Zero":
        return [], [action["dst"]]
    return [action["src"]] if "src" in action else [], []
