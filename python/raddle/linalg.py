"""Writes the MLIR that torch-mlir makes of a module, in the form that the compiler reads."""

import os

import torch

from .export import _dynamic_shapes


def _key(tensor):
    """What tensors of one memory have in common."""
    return tensor.data_ptr(), tuple(tensor.shape), tuple(tensor.stride())


def _hooks(module):
    """torch-mlir's hooks that keep the names of weights, which its own text does not have."""
    from torch_mlir import ir
    from torch_mlir.extras.fx_importer import FxImporterHooks, create_mlir_tensor_type

    class NamedWeights(FxImporterHooks):
        def __init__(self):
            tensors = [*module.named_parameters(), *module.named_buffers()]
            self._names = {_key(tensor): name for name, tensor in reversed(tensors)}
            self._known = {}

        def resolve_input(self, gni, value, info):
            key = _key(value)
            name = self._names.get(key)
            # Booleans are stored otherwise, and a single number is no resource.
            if name is None or value.dtype == torch.bool or value.dim() == 0:
                return None
            if key not in self._known:
                elements = value.detach().cpu().contiguous().numpy()
                self._known[key] = ir.DenseResourceElementsAttr.get_from_buffer(
                    elements, name, create_mlir_tensor_type(value)
                )
            return ir.Operation.create(
                "torch.vtensor.literal", results=[gni._cc.tensor_to_vtensor_type(value)],
                attributes={"value": self._known[key]},
            ).result

    return NamedWeights()


def export_linalg(module, args, path, dynamic_batch=False):
    """Lowers ``module`` by torch-mlir to linalg on tensors and writes the text to ``path``.

    Weights are in the file; each has its name in the state dict as resource key, the first name where several share one
    tensor. ``compile`` takes such a file, with ``param_constants`` saying which of them are parameters. With
    ``dynamic_batch`` dimension 0 of the inputs is left open. Needs the package torch-mlir and raises what it raises.
    """
    from torch_mlir import fx

    shapes = _dynamic_shapes(module, args) if dynamic_batch else None
    program = torch.export.export(module, tuple(args), dynamic_shapes=shapes, strict=False)
    text = str(
        fx.export_and_import(
            program, *args, output_type="linalg-on-tensors", func_name="main", hooks=_hooks(module),
            experimental_support_mutation=True,
        )
    )
    with open(os.fspath(path), "w") as file:
        file.write(text)
