"""Raddle: compiles models that PyTorch exported, and trains and runs them on one or many ranks.

``export`` writes a ``.pt2``, ``export_linalg`` MLIR; ``compile`` makes a ``Program`` of a module or of such a file.
``machine_limits`` says what the machine can do at most.
"""

from .compile import CompileError, compile
from .export import export
from .linalg import export_linalg
from .program import Metrics, Program, machine_limits

__all__ = ["CompileError", "Metrics", "Program", "compile", "export", "export_linalg", "machine_limits"]
