"""Batch normalisation under other weights: its statistics belong to the weights, and are computed anew for each."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.points import Points

BATCH = 256  # points a pass sees at once


def tracked(network: nn.Module) -> dict[str, _BatchNorm]:
    """By name, the modules of a network that keep running statistics of its inputs."""
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, _BatchNorm) and module.running_mean is not None
    }


@torch.no_grad()
def recomputed(network: nn.Module, states: Mapping[str, Tensor], points: Points) -> dict[str, Tensor]:
    """The running means and variances of a network under each of K states of its weights, with a leading K.

    One pass over the points for each state, in batches of about 256, whose statistics count equally (as
    ``torch.optim.swa_utils.update_bn``); dropout is off, as when predicting. The network is not touched.
    Raises ValueError if the network cannot take the points in training mode: one point alone has no variance.
    """
    scratch = frozen_copy(network)
    norms = tracked(scratch)
    own = dict(scratch.named_parameters())
    found: dict[str, list[Tensor]] = {
        f"{name}.{part}".lstrip("."): [] for name in norms for part in ("running_mean", "running_var")
    }
    for k in range(len(next(iter(states.values())))):
        for name, values in states.items():
            own[name].copy_(values[k])
        for norm in norms.values():
            norm.reset_running_stats()
            norm.momentum = None  # the average of all batches
            norm.train()
        try:
            for rows in torch.arange(points.count).tensor_split(-(-points.count // BATCH)):
                positional, named = points[int(rows[0]) : int(rows[-1]) + 1].arguments()
                scratch(*positional, **named)
        except Exception as error:
            raise ValueError(
                f"the statistics of batch normalisation cannot be computed from {points.count} points: {error}"
            ) from error
        for name, kept in found.items():
            kept.append(scratch.get_buffer(name).clone())
    return {name: torch.stack(kept) for name, kept in found.items()}
