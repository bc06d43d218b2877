"""Raddle: compiles models that PyTorch exported, and trains and runs them on one or many ranks.

``export`` writes a ``.pt2``, ``compile`` makes a ``Program`` of a module or a ``.pt2``.
"""

from .compile import CompileError, compile
from .export import export
from .program import Metrics, Program

__all__ = ["CompileError", "Metrics", "Program", "compile", "export"]
