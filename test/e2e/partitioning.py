"""Trains a program that is cut over ranks and the whole one, and says how far they are apart."""

import re

import torch
from tools import succeed

import raddle

MESHES = [(2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (8, 1), (4, 2), (6, 2)]  # ranks, replicas
# What is asked of each parameter: nothing, so that any element may be the last on a rank; that rows stay together; that
# all of it is on one rank.
LAYOUTS = {"planned": None, "blocks": "rows 3", "roots": "whole"}
STEPS = 3
TOLERANCE = 1e-6  # of a loss; of the norm of a parameter
STEP = ("--optimizer=sgd", "--lr=0.02", "--momentum=0.9", "--clip-norm=1.0")


def rows_for(ranks):
    """Rows of a batch that the ranks share: as few different numbers as that allows, for each is a whole program."""
    return 5 if ranks == 5 else 24


def layout_of(*numbers):
    """One of the layouts, so that all have their turn with whatever the numbers count."""
    return list(LAYOUTS)[sum(numbers) % len(LAYOUTS)]


def keep_together(text, what):
    """The program, in which each parameter asks for its elements to stay together on a rank."""
    kept, count = re.subn(r'(nn\.param = "[^"]+")', rf'\1, ragged.keep = [#ragged.keep<{what} for "a test">]', text)
    assert count > 0
    return kept


def compile_for(folder, path, options, rows, ranks=1, replicas=1, layout="planned"):
    """A bundle of the model at `path`. Kernels are not optimised: what is compared does not depend on it."""
    source, bundle = path, folder / "program.raddle"
    common = ["--mode=train", *options, f"--ranks={ranks}", f"--replicas={replicas}", f"--batch={rows}"]
    if LAYOUTS[layout]:
        source = folder / "step.mlir"
        succeed("raddle-compile", path, *common, "--stop-after=step", "-o", source)
        source.write_text(keep_together(source.read_text(), LAYOUTS[layout]))
    succeed("raddle-compile", source, *common, "--opt-level=0", "-o", bundle)
    return bundle


def train(path, bundle, batches):
    """(losses and norms of gradients, state) after a step on each batch."""
    program = raddle.Program(bundle, weights=path)
    metrics = [program.step(*batch) for batch in batches]
    return [step[key] for step in metrics for key in ("loss", "grad_norm")], program.state_dict()


def relative(found, expected):
    return ((found.double() - expected.double()).norm() / expected.double().norm().clamp(min=TOLERANCE)).item()


def distance(found, expected):
    """The largest one of what `train` gave, relative."""
    (numbers, state), (other_numbers, other_state) = found, expected
    distances = [abs(a - b) / max(abs(b), TOLERANCE) for a, b in zip(numbers, other_numbers, strict=True)]
    floats = [name for name, value in other_state.items() if value.is_floating_point()]
    return max(distances + [relative(state[name], other_state[name]) for name in floats])


class Whole:
    """The whole program's training on batches that `draw(rows)` gives, once for each number of rows."""

    def __init__(self, folder, path, draw, options=STEP):
        self.folder, self.path, self.draw, self.options = folder, path, draw, options
        self.known = {}

    def of(self, rows):
        if rows not in self.known:
            batches = [self.draw(rows) for _ in range(STEPS)]
            bundle = compile_for(self.folder, self.path, self.options, rows)
            self.known[rows] = batches, train(self.path, bundle, batches)
        return self.known[rows]

    def compare(self, ranks, replicas, layout):
        """Fails where the program of `ranks` ranks trains otherwise than the whole one."""
        batches, expected = self.of(rows_for(ranks))
        bundle = compile_for(self.folder, self.path, self.options, rows_for(ranks), ranks, replicas, layout)
        found = distance(train(self.path, bundle, batches), expected)
        assert found <= TOLERANCE, f"{ranks} ranks, {replicas} replicas, {layout}: {found}"
