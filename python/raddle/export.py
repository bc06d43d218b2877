"""Writes the ``.pt2`` files that the compiler reads."""

import inspect
import os
import tempfile
import warnings

import torch


def _dynamic_shapes(module, args):
    """Dimension 0 of every tensor with dimensions is left open: the compiler puts a rank's batch there."""

    def shape_of(value):
        if isinstance(value, torch.Tensor):
            return {0: torch.export.Dim.AUTO} if value.dim() >= 1 else {}
        return None

    shapes = torch.utils._pytree.tree_map(shape_of, tuple(args))
    # torch wants what `*args` of the module's forward takes as one tuple.
    for position, parameter in enumerate(inspect.signature(module.forward).parameters.values()):
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            return (*shapes[:position], shapes[position:])
    return shapes


def _without_repetition(args):
    """A tensor that is passed twice becomes two tensors: torch would merge the two inputs of the graph into one."""
    seen = set()

    def once(value):
        if not isinstance(value, torch.Tensor) or id(value) not in seen:
            seen.add(id(value))
            return value
        return value.detach().clone()

    return torch.utils._pytree.tree_map(once, tuple(args))


def _export_graph(module, args):
    try:
        return torch.export.export(module, args, dynamic_shapes=_dynamic_shapes(module, args), strict=False)
    except Exception as error:  # torch raises many types here
        try:
            program = torch.export.export(module, args, strict=False)
        except Exception:
            raise error from None
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        warnings.warn(
            f"the module does not export with a dynamic batch ({reason}); its batch is fixed to that of the arguments",
            stacklevel=3,
        )
        return program


def _detach_regions(program):
    """Marks what leaves a region of ``torch.no_grad()``: ``run_decompositions`` puts the region's operators among the
    others and forgets that no gradient flows through them."""
    for owner in program.graph_module.modules():
        for node in owner.graph.nodes if isinstance(owner, torch.fx.GraphModule) else ():
            if node.op != "call_function" or node.target is not torch.ops.higher_order.wrap_with_set_grad_enabled:
                continue
            enabled, region = node.args[:2]
            if not enabled:
                _detach_outputs(getattr(owner, region.target))


def _detach_outputs(region):
    output = region.graph.output_node()

    def detached(value):
        result = region.graph.call_function(torch.ops.aten.detach.default, (value,))
        result.meta = dict(value.meta)
        return result

    with region.graph.inserting_before(output):
        output.args = torch.fx.map_arg(output.args, detached)
    region.recompile()


def _modes(module):
    return [(child, child.training) for child in module.modules()]


def export(module, args, path):
    """Exports ``module`` for ``args``, a tuple of tensors of the global batch's shapes, to the ``.pt2`` file ``path``.

    Neither the module nor its train or eval flags change. A module that cannot be exported with an open batch
    dimension is exported with a fixed one, with a warning. What torch raises about the module is passed on.
    """
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"module: expected a torch.nn.Module, found {type(module).__name__}")
    if not isinstance(args, (tuple, list)):
        raise TypeError(f"args: expected a tuple of tensors, found {type(args).__name__}")
    modes = _modes(module)
    try:
        program = _export_graph(module, _without_repetition(args))
        _detach_regions(program)
        program = program.run_decompositions({})
    finally:
        for child, training in modes:
            child.training = training
    path = os.fspath(path)
    # Under a temporary name first, so that an error leaves no half a file. torch insists on the suffix.
    handle, temporary = tempfile.mkstemp(suffix=".pt2", dir=os.path.dirname(path) or ".")
    os.close(handle)
    try:
        with warnings.catch_warnings():
            # About views of one storage, which are saved apart on purpose.
            warnings.filterwarnings("ignore", message="No complete tensor found in the group")
            torch.export.save(program, temporary)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
