"""Collectives and layouts on any number of ranks give what whole tensors give."""

import numpy
import pytest
from tools import succeed

# Divisible; rows that do not divide; fewer rows than ranks; a scalar; nothing but one element.
SHAPES = [[8, 6], [14, 8], [3, 5], [], [1]]


class Layout:
    """Tensors in a bucket, each at the first offset where its units are not cut; made without the planner."""

    def __init__(self, name, ranks, units):
        self.name, self.ranks, self.units = name, ranks, units
        self.shard = max(1, -(-sum(map(size, SHAPES)) // ranks))
        while (offsets := self._offsets()) is None:
            self.shard += 1
        self.offsets = offsets

    def _offsets(self):
        position, offsets = 0, []
        for shape, unit in zip(SHAPES, self.units):
            while any(
                (boundary - position) % unit
                for boundary in range(self.shard, self.ranks * self.shard, self.shard)
                if position < boundary < position + size(shape)
            ):
                position += 1
            offsets.append(position)
            position += size(shape)
        return offsets if position <= self.ranks * self.shard else None

    def text(self):
        slots = ", ".join(
            f'#ragged.slot<"t{index}" at {offset} shape {shape} unit {unit}>'
            for index, (shape, offset, unit) in enumerate(zip(SHAPES, self.offsets, self.units))
        )
        return f"ragged.bucket @{self.name} ranks {self.ranks} shard {self.shard} : f32 {{slots = [{slots}]}}\n"

    def pack(self, tensors):
        """Slices of all ranks, one after the other; padding is zero."""
        whole = numpy.zeros(self.ranks * self.shard, numpy.float32)
        for tensor, offset in zip(tensors, self.offsets):
            whole[offset : offset + tensor.size] = tensor.ravel()
        return whole


def size(shape):
    return int(numpy.prod(shape))


def tensor_type(shape):
    return "tensor<" + "".join(f"{extent}x" for extent in shape) + "f32>"


def run_program(folder, ranks, text, inputs, processes=None):
    """Compiles a rank's program from IR and runs it; every input and output is cut over the ranks."""
    (folder / "program.mlir").write_text(text)
    succeed("raddle-compile", folder / "program.mlir", "-o", folder / "program.raddle")
    flags = []
    for name, array in inputs.items():
        numpy.save(folder / f"{name}.npy", array)
        flags.append(f"--input={name}={folder / name}.npy")
    succeed("raddle-run", folder / "program.raddle", *flags, f"--output={folder / 'out'}", ranks=processes)
    return {path.stem: numpy.load(path) for path in (folder / "out").iterdir()}


def layouts(ranks):
    """By element, by row, by blocks of rows, and whole tensors on one rank each."""
    rows = [shape[-1] if len(shape) == 2 else 1 for shape in SHAPES]
    return {
        "elements": Layout("elements", ranks, [1] * len(SHAPES)),
        "rows": Layout("rows", ranks, rows),
        "blocks": Layout("blocks", ranks, [2 * rows[0], 7 * rows[1], 15, 1, 1]),
        "roots": Layout("roots", ranks, [size(shape) for shape in SHAPES]),
    }


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 5, 6, 8])
def test_slices_change_layouts_and_come_back_from_roots(tmp_path, ranks):
    random = numpy.random.default_rng(ranks)
    tensors = [random.standard_normal(shape, numpy.float32) for shape in SHAPES]
    known = layouts(ranks)
    first = known["elements"]
    slice_type = tensor_type([first.shard])
    body, results, types = "", ["%full"], [tensor_type([ranks * first.shard])]
    body += f"  %full = ragged.gather %s of @elements : {slice_type} -> {types[0]}\n" if ranks > 1 else ""
    if ranks == 1:
        results, types = ["%s"], [slice_type]
    for name in ("rows", "blocks", "roots"):
        other = tensor_type([known[name].shard])
        body += f"  %{name} = ragged.redistribute %s from @elements to @{name} : {slice_type} -> {other}\n"
        body += f"  %{name}_back = ragged.redistribute %{name} from @{name} to @elements : {other} -> {slice_type}\n"
        results += [f"%{name}", f"%{name}_back"]
        types += [other, slice_type]
    shapes = ", ".join(map(tensor_type, SHAPES))
    body += f"  %w:{len(SHAPES)} = ragged.gather_to_roots %s of @elements : ({slice_type}) -> ({shapes})\n"
    values = ", ".join(f"%w#{index}" for index in range(len(SHAPES)))
    body += f"  %scattered = ragged.scatter_from_roots {values} into @elements : ({shapes}) -> {slice_type}\n"
    results += ["%scattered", "%w#1"]
    types += [slice_type, tensor_type(SHAPES[1])]
    outputs = ", ".join(
        f'{kind} {{nn.output = "{name.strip("%").replace("#", "")}", nn.batched}}' for name, kind in zip(results, types)
    )
    text = "".join(layout.text() for layout in known.values())
    text += f'func.func @main(%s: {slice_type} {{nn.input = "s", nn.batched}}) -> ({outputs}) {{\n{body}'
    text += f"  return {', '.join(results)} : {', '.join(types)}\n}}\n"
    text = f'module attributes {{ragged.ranks = {ranks} : i64, nn.stage = "rewrite"}} {{\n{text}}}\n'
    # The roots are chosen as in any program.
    (tmp_path / "open.mlir").write_text(text)
    closed = succeed("raddle-opt", tmp_path / "open.mlir", "--ragged-assign-roots", "--ragged-verify").stdout
    found = run_program(tmp_path, ranks, closed.replace('"rewrite"', '"shard"'), {"s": first.pack(tensors)})

    whole = first.pack(tensors)
    numpy.testing.assert_array_equal(found["full" if ranks > 1 else "s"], numpy.tile(whole, ranks))
    for name in ("rows", "blocks", "roots"):
        numpy.testing.assert_array_equal(found[name], known[name].pack(tensors), err_msg=name)
        numpy.testing.assert_array_equal(found[f"{name}_back"], whole, err_msg=name)
    numpy.testing.assert_array_equal(found["scattered"], whole)
    copies = found["w1"].reshape(ranks, *SHAPES[1])
    assert any(numpy.array_equal(copy, tensors[1]) for copy in copies)


@pytest.mark.parametrize("ranks, shards", [(1, 1), (2, 2), (3, 3), (5, 5), (8, 8), (4, 2), (6, 3), (6, 2), (4, 1)])
@pytest.mark.parametrize("processes", [False, True])
def test_reductions_of_groups(tmp_path, ranks, shards, processes):
    if processes and ranks not in (4, 6):
        pytest.skip("processes are tried with replicas")
    layout = Layout("b", shards, [1] * len(SHAPES))
    whole, part = tensor_type([shards * layout.shard]), tensor_type([layout.shard])
    replicas = ranks // shards
    body, results = "", {}
    for reduction in ("sum", "mean", "max"):
        for group, count in (("all", ranks), ("shards", shards), ("replicas", replicas)):
            name = f"{reduction}_{group}"
            body += f"  %{name} = ragged.all_reduce <{reduction}> %x over {count} "
            body += f"{{group = #ragged.group<{group}>}} : {whole}\n"
            results[name] = whole
        if shards > 1:
            body += f"  %scatter_{reduction} = ragged.reduce_scatter <{reduction}> %x of @b : {whole} -> {part}\n"
            results[f"scatter_{reduction}"] = part
    outputs = ", ".join(f'{kind} {{nn.output = "{name}", nn.batched}}' for name, kind in results.items())
    text = f'module attributes {{ragged.ranks = {ranks} : i64, nn.stage = "shard"}} {{\n{layout.text()}'
    text += f'func.func @main(%x: {whole} {{nn.input = "x", nn.batched}}) -> ({outputs}) {{\n{body}'
    text += f"  return {', '.join('%' + name for name in results)} : {', '.join(results.values())}\n}}\n}}\n"
    x = numpy.random.default_rng(0).standard_normal((replicas, shards, shards * layout.shard), numpy.float32)
    found = run_program(tmp_path, ranks, text, {"x": x.reshape(-1)}, ranks if processes else None)

    for reduction in ("sum", "mean", "max"):
        for group, axes in (("all", (0, 1)), ("shards", (1,)), ("replicas", (0,))):
            expected = numpy.broadcast_to(getattr(x.astype(float), reduction)(axis=axes, keepdims=True), x.shape)
            numpy.testing.assert_allclose(
                found[f"{reduction}_{group}"].reshape(x.shape), expected, atol=1e-6, err_msg=f"{reduction} of {group}"
            )
        if shards > 1:
            expected = getattr(x.astype(float), reduction)(axis=1)
            numpy.testing.assert_allclose(found[f"scatter_{reduction}"].reshape(expected.shape), expected, atol=1e-6)
