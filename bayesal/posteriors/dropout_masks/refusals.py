"""Randomness that masks cannot reach, found before it is silently left out."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.overrides import TorchFunctionMode

from bayesal.posteriors.dropout_masks.masks import DROPOUTS, Site, read
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.points import Points
from bayesal.posteriors.trial import random_state, same_state, set_random_state


def check_structure(network: nn.Module, deterministic: Collection[str]) -> None:
    """Raise ValueError if the modules themselves tell that MC dropout cannot be had of this network."""
    modules = dict(network.named_modules())
    unknown = [name for name in deterministic if name not in modules]
    if unknown:
        raise ValueError(f"deterministic names {unknown}, but the network has no such modules")
    _refuse((name for name, module in modules.items() if _beyond_reach(module)), network, deterministic)
    only_torch = all(type(module).__module__.startswith("torch.nn.modules.") for module in modules.values())
    if only_torch and not any(isinstance(module, _DropoutNd) and module.p > 0 for module in modules.values()):
        raise ValueError(single_function(network))


def check_training(network: nn.Module, points: Points, sites: Sequence[Site], deterministic: Collection[str]) -> None:
    """Raise ValueError if the network is random in training mode by anything but dropout calls at these sites.

    A copy of the network is shown the points in training mode, with dropout made the identity. What is still random
    (dropout inside fused attention, stochastic depth, hand-written masks), and dropout that is called with p = 0 in
    evaluation mode, would be left out unnoticed.
    """
    copy = frozen_copy(network).train()
    for module in copy.modules():
        if isinstance(module, _NormBase):
            module.eval()  # a point or two are too few for batch statistics
    rehearsal, before = _Rehearsal(copy, points.count), random_state()
    try:
        with rehearsal:
            positional, named = points.arguments()
            copy(*positional, **named)
    except Exception:  # some networks want targets in training mode; what was found so far has to do
        pass
    finally:
        set_random_state(before)
    remaining = list(sites)
    for name, site in rehearsal.dropped:
        if remaining and remaining[0] == site:
            remaining.pop(0)
        else:
            rehearsal.random.append(name)
    _refuse(rehearsal.random, network, deterministic)


def single_function(network: nn.Module) -> str:
    """The sentence for a network without dropout."""
    return (
        f"MC dropout over this {type(network).__name__} is a single function: it has no dropout with p > 0; "
        "add dropout and train with it, or use another posterior"
    )


def _beyond_reach(module: nn.Module) -> bool:
    if isinstance(module, torch.jit.ScriptModule):
        return True
    if hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None:  # torch.compile
        return True
    if isinstance(module, nn.RNNBase):
        return module.dropout > 0 and module.num_layers > 1
    return isinstance(module, nn.MultiheadAttention) and module.dropout > 0


def _refuse(names: Iterable[str], network: nn.Module, deterministic: Collection[str]) -> None:
    within = tuple(f"{name}." if name else "" for name in deterministic)
    refused = [name for name in dict.fromkeys(names) if not f"{name}.".startswith(within)]
    if refused:
        listed = ", ".join(f"{name or 'the network itself'} ({_kind(network, name)})" for name in refused)
        raise ValueError(
            "there is randomness in training that masks cannot reach (attention with dropout of its own, recurrent "
            f"dropout, compiled code, other noise) in: {listed}; write it with nn.Dropout, or accept it as switched "
            f"off: MCDropout(network, deterministic={tuple(refused)!r})"
        )


def _kind(network: nn.Module, name: str) -> str:
    return type(network.get_submodule(name)).__name__


class _Rehearsal(TorchFunctionMode):
    """Notes in which modules dropout is called, and in which random numbers are drawn otherwise."""

    def __init__(self, network: nn.Module, num_points: int) -> None:
        super().__init__()
        self.dropped: list[tuple[str, Site]] = []
        self.random: list[str] = []
        self._num_points = num_points
        self._within: list[str] = [""]
        for name, module in network.named_modules():
            module.register_forward_pre_hook(lambda _, __, name=name: self._within.append(name))
            module.register_forward_hook(lambda *_: self._leave(), always_call=True)

    def _leave(self) -> None:
        self._within.pop()

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in DROPOUTS:
            values, p, _ = read(func, *args, **kwargs)
            if p > 0:
                self.dropped.append((self._within[-1], Site.of(func, values, p, self._num_points)))
            return values
        before = random_state()
        result = func(*args, **kwargs)
        if not same_state(before, random_state()):
            self.random.append(self._within[-1])
        return result
