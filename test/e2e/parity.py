"""Trains a module with Raddle and with PyTorch and compares."""

import copy

import torch

import raddle

LOSS_TOLERANCE = 1e-3  # relative
PARAMETER_TOLERANCE = 1e-3  # of the norm of a tensor


def make_optimizer(module, options):
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    lr, decay = options.get("lr", 1e-3), options.get("weight_decay", 0.0)
    if options.get("optimizer", "adamw") == "sgd":
        return torch.optim.SGD(parameters, lr=lr, weight_decay=decay, momentum=options.get("momentum", 0.0))
    betas, eps = options.get("betas", (0.9, 0.999)), options.get("eps", 1e-8)
    return torch.optim.AdamW(parameters, lr=lr, weight_decay=decay, betas=betas, eps=eps)


def train_pytorch(module, batches, options, rates=None):
    """Trains `module` itself on whole batches in one process; returns losses and norms of gradients."""
    optimizer = make_optimizer(module, options)
    losses, norms = [], []
    for index, batch in enumerate(batches):
        if rates is not None:
            for group in optimizer.param_groups:
                group["lr"] = rates[index]
        optimizer.zero_grad()
        result = module(*batch)
        loss = result[0] if isinstance(result, tuple) else result
        loss.backward()
        limit = options.get("clip_norm") or float("inf")
        norms.append(torch.nn.utils.clip_grad_norm_(module.parameters(), limit).item())
        optimizer.step()
        losses.append(loss.item())
    return losses, norms


def assert_close(ours, theirs, tolerance=LOSS_TOLERANCE, what="loss"):
    assert len(ours) == len(theirs)
    for step, (a, b) in enumerate(zip(ours, theirs)):
        assert abs(a - b) <= tolerance * max(abs(b), tolerance), f"{what} of step {step}: {a}, PyTorch {b}"


def assert_same_state(ours, theirs, tolerance=PARAMETER_TOLERANCE):
    """Equal keys and shapes; each tensor near by its norm."""
    assert set(ours) == set(theirs)
    for name, expected in theirs.items():
        found = ours[name]
        assert found.shape == expected.shape, name
        distance = (found.double() - expected.double()).norm().item()
        assert distance <= tolerance * max(expected.double().norm().item(), tolerance), f"{name}: distance {distance}"


def compare_training(module, batches, ranks=1, rates=None, **options):
    """Compiles, trains both on `batches`, compares losses, norms and final parameters. Returns the program."""
    program = raddle.compile(module, batches[0], mode="train", ranks=ranks, **options)
    twin = copy.deepcopy(module)
    expected, norms = train_pytorch(twin, batches, options, rates)
    metrics = [
        program.step(*batch, lr=None if rates is None else rates[index]) for index, batch in enumerate(batches)
    ]
    assert_close([metric["loss"] for metric in metrics], expected)
    assert_close([metric["grad_norm"] for metric in metrics], norms, what="gradient norm")
    assert_same_state(program.state_dict(), twin.state_dict())
    return program
