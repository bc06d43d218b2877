"""Evaluates functions in Triton's language, as text of MLIR's generic form, with torch on the CPU: all programs at
once.

Every value has the programs as its first dimension. An access outside of an array, and an element that is written twice
or not at all, is an error.
"""

import re

import torch

DTYPES = {
    "i1": torch.bool, "i8": torch.int8, "i16": torch.int16, "i32": torch.int32, "i64": torch.int64,
    "f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "f64": torch.float64,
}
OP = re.compile(r'^\s*(?:(%\w+)(?::\d+)? = )?"([\w.]+)"\(([^)]*)\)(.*)$')
COMPARE = [torch.eq, torch.ne, torch.lt, torch.le, torch.gt, torch.ge]
UNARY = {
    "exp": torch.exp, "log": torch.log, "tanh": torch.tanh, "erf": torch.erf, "rsqrt": torch.rsqrt, "cos": torch.cos,
    "sin": torch.sin, "log1p": torch.log1p, "expm1": torch.expm1, "pow": torch.pow, "rint": torch.round,
    "trunc": torch.trunc, "exp2": torch.exp2, "log2": torch.log2,
}
BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "maximum": torch.maximum, "minimum": torch.minimum,
    "maxnum": torch.fmax, "minnum": torch.fmin, "maxs": torch.maximum, "mins": torch.minimum,
    "and": torch.bitwise_and, "or": torch.bitwise_or, "xor": torch.bitwise_xor, "rems": torch.fmod,
}
REDUCE = {
    "addf": lambda x, dim: x.sum(dim), "addi": lambda x, dim: x.sum(dim, dtype=x.dtype),
    "mulf": lambda x, dim: x.prod(dim), "maximumf": torch.amax, "minimumf": torch.amin, "maxnumf": torch.amax,
    "maxsi": torch.amax, "minsi": torch.amin, "andi": torch.all, "ori": torch.any,
}
SCAN = {"addi": lambda x, dim: x.cumsum(dim, dtype=x.dtype)}


def type_of(text):
    """(shape, element) of a tensor, ((), element) of a number."""
    match = re.fullmatch(r"tensor<((?:\d+x)*)(.*)>", text.strip())
    if not match:
        return (), text.strip()
    return tuple(int(extent) for extent in match[1].split("x")[:-1]), match[2]


class Program:
    """One function. `run(arrays, programs)` works on flat tensors, a boolean's as int8, and writes some of them."""

    def __init__(self, text):
        lines = text.splitlines()
        self.start = next(i for i, line in enumerate(lines) if '"tt.func"' in line) + 1
        self.lines = lines

    def run(self, arrays, programs):
        self.arrays, self.programs = arrays, programs
        self.writes = [torch.zeros(len(array), dtype=torch.int32) for array in arrays]
        names = re.findall(r"(%\w+): !tt\.ptr", self.lines[self.start])
        assert len(names) == len(arrays), f"expected {len(names)} arrays, found {len(arrays)}"
        self.block(self.start + 1, {name: (number, None) for number, name in enumerate(names)})

    def block(self, at, values):
        """Runs to the end of a block; returns the line behind it and what it yields."""
        while True:
            match = OP.match(self.lines[at])
            name, op, operands, rest = match.groups()
            operands = [values[operand] for operand in operands.split(", ") if operand]
            if op in ("tt.return", "scf.yield"):
                return at + 1, operands
            if op in ("scf.for", "scf.if", "tt.reduce", "tt.scan"):
                if op in ("tt.reduce", "tt.scan"):
                    at, results = self.combine(at, operands, REDUCE if op == "tt.reduce" else SCAN)
                else:
                    at, results = (self.loop if op == "scf.for" else self.branch)(at, operands, values)
                if len(results) == 1:
                    values[name] = results[0]
                for number, result in enumerate(results):
                    values[f"{name}#{number}"] = result
                continue
            result = self.apply(op, operands, rest)
            if name:
                values[name] = result
            at += 1

    def loop(self, at, operands, values):
        """Programs may have ends of their own; behind them they keep what they have."""
        names = re.findall(r"(%\w+):", self.lines[at + 1])
        start, _, step = (int(operand.flatten()[0]) for operand in operands[:3])
        ends, carried, behind = operands[1], operands[3:], None
        for number in range(start, max(int(ends.max()), start + 1), step):
            index = torch.tensor([number], dtype=torch.int32)
            behind, after = self.block(at + 2, {**values, **dict(zip(names, [index, *carried]))})
            carried = [self.choose(number < ends, one, two) for one, two in zip(after, carried)]
        return behind + 1, carried

    @staticmethod
    def choose(condition, one, two):
        return torch.where(condition.reshape(-1, *[1] * (one.dim() - 1)), one, two)

    def branch(self, at, operands, values):
        """Both sides, for the programs that take them; accesses are masked as far as a side is not taken."""
        condition = operands[0]
        behind, taken = self.block(at + 1, dict(values))
        behind, other = self.block(behind + 1, dict(values))
        return behind + 1, [self.choose(condition, one, two) for one, two in zip(taken, other)]

    def combine(self, at, operands, combiners):
        combiner = OP.match(self.lines[at + 2])[2].split(".")[1]
        end = next(i for i in range(at, len(self.lines)) if self.lines[i].strip().startswith("})"))
        axis = int(re.search(r"axis = (\d+)", self.lines[end])[1])
        return end + 1, [combiners[combiner](operands[0], dim=axis + 1)]

    def constant(self, rest, shape, dtype):
        text = re.search(r"value = (?:dense<)?([^>:]+)", rest)[1].strip()
        if text.startswith("0x") and dtype.is_floating_point:
            integers = {2: torch.int16, 4: torch.int32, 8: torch.int64}[dtype.itemsize]
            bits = int(text, 16)
            bits -= (1 << 8 * dtype.itemsize) * (bits >> (8 * dtype.itemsize - 1))
            return torch.tensor(bits, dtype=integers).view(dtype).expand(1, *shape)
        value = {"true": True, "false": False}.get(text)
        value = float(text) if value is None and dtype.is_floating_point else int(text) if value is None else value
        return torch.tensor(value, dtype=dtype).expand(1, *shape)

    def apply(self, op, operands, rest):
        signature = rest.rsplit(" : ", 1)[1]
        shape, element = type_of(signature.rsplit("->", 1)[-1].strip("() "))
        dtype = DTYPES.get(element)
        dialect, op = op.split(".", 1)
        if op == "constant":
            return self.constant(rest, shape, dtype)
        if op == "get_program_id":
            return torch.arange(self.programs, dtype=torch.int32)
        if op == "make_range":
            return torch.arange(shape[0], dtype=torch.int32)[None]
        if op == "expand_dims":
            return operands[0].unsqueeze(int(re.search(r"axis = (\d+)", rest)[1]) + 1)
        if op == "splat":
            return operands[0] if isinstance(operands[0], tuple) else operands[0][:, None, None]
        if op == "broadcast":
            return operands[0].expand(-1, *shape)
        if op == "addptr":
            return operands[0][0], operands[1]
        if op == "load":
            return self.load(*operands)
        if op == "store":
            return self.store(*operands)
        return self.arithmetic(op, operands, rest, dtype)

    def arithmetic(self, op, operands, rest, dtype):
        if op == "extern_elementwise":
            symbol = re.search(r'symbol = "__nv_(\w+)"', rest)[1]
            return UNARY[symbol if symbol in UNARY else symbol.removesuffix("f")](*operands)
        if op in ("cmpi", "cmpf"):
            predicate = int(re.search(r"predicate = (\d+)", rest)[1])
            # Ordered comparisons of floats: equal, greater, greater or equal, less, less or equal; 13 is "not equal or
            # unordered".
            table = {1: 0, 2: 4, 3: 5, 4: 2, 5: 3, 13: 1} if op == "cmpf" else {i: i for i in range(6)}
            return COMPARE[table[predicate]](*operands)
        if op == "select":
            return torch.where(*operands)
        if op in ("extf", "truncf", "extsi", "trunci", "sitofp", "uitofp", "fptosi"):
            source = operands[0]
            # A boolean that is extended by its sign becomes -1.
            return -source.to(dtype) if op == "extsi" and source.dtype == torch.bool else source.to(dtype)
        if op == "extui":
            assert operands[0].dtype == torch.bool
            return operands[0].to(dtype)
        if op in ("divf", "precise_divf"):
            return operands[0] / operands[1]
        if op == "divsi":
            return torch.div(*operands, rounding_mode="trunc")
        if op in ("sqrt", "precise_sqrt", "absf", "floor", "ceil"):
            return getattr(torch, {"precise_sqrt": "sqrt", "absf": "abs"}.get(op, op))(operands[0])
        return BINARY[op[:-1]](*operands)

    def load(self, pointers, mask=None, other=None):
        number, offsets = pointers
        array = self.arrays[number]
        inside = (offsets >= 0) & (offsets < len(array))
        assert bool((inside if mask is None else inside | ~mask).all()), f"a load is outside of array {number}"
        loaded = array[offsets.long().clamp(0, len(array) - 1)]
        return loaded if mask is None else torch.where(mask, loaded, other)

    def store(self, pointers, tile, mask=None):
        number, offsets = pointers
        array = self.arrays[number]
        mask = torch.ones((), dtype=torch.bool) if mask is None else mask
        offsets, tile, mask = torch.broadcast_tensors(offsets, tile, mask)
        offsets = offsets[mask].long()
        assert bool(((offsets >= 0) & (offsets < len(array))).all()), f"a store is outside of array {number}"
        array[offsets] = tile[mask]
        self.writes[number].index_add_(0, offsets, torch.ones(len(offsets), dtype=torch.int32))
