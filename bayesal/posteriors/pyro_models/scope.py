"""Pyro's global state kept private: its parameter store, the random generators, validation, the networks' modes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import pyro
import torch
from pyro.nn import PyroModule
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from bayesal.learning.streams import seeded

Store = Mapping[str, Mapping[str, Any]]
"""Pyro's parameters and their constraints, as ``pyro.get_param_store().get_state()`` has them."""


@contextmanager
def private(store: Store | None = None, *, seed: int | None = None, validate: bool = False) -> Iterator[None]:
    """Inside, Pyro's parameter store holds ``store`` alone; afterwards, also after an error, it is as it was before.

    With a seed, the global generators start from it and are put back too.
    """
    inside = {key: dict(values) for key, values in (store or {"params": {}, "constraints": {}}).items()}
    with pyro.get_param_store().scope(cast(Any, inside)), pyro.validation_enabled(validate):
        if seed is None:
            yield
        else:
            with seeded(seed):
                yield


@contextmanager
def floats(dtype: torch.dtype) -> Iterator[None]:
    """Inside, torch makes Python's numbers into this number type, and so do the priors of a Pyro model."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def in_evaluation() -> Iterator[None]:
    """Every network that is called inside is in evaluation mode, wherever a model keeps it; flags are put back."""
    changed: list[nn.Module] = []

    def switch(module: nn.Module, inputs: Any) -> None:
        if module.training:
            changed.append(module)
            module.training = False

    handle = register_module_forward_pre_hook(switch)
    try:
        yield
    finally:
        handle.remove()
        for module in changed:
            module.training = True


def stored(*parts: Any) -> Store:
    """A copy of what Pyro's parameter store holds now, except what the modules among the parts hold themselves.

    Guides of one class share their parameters' names, so that the store may have those of another guide.
    """
    owned = {name for part in parts if isinstance(part, PyroModule) for name in _own_names(part)}
    state = pyro.get_param_store().get_state()
    params = {name: _frozen(value) for name, value in state["params"].items() if name not in owned}
    return {"params": params, "constraints": {name: state["constraints"][name] for name in params}}


def _own_names(module: PyroModule) -> Iterator[str]:
    prefix = f"{module._pyro_name}." if module._pyro_name else ""
    for name, _ in module.named_parameters():
        yield prefix + name.removesuffix("_unconstrained")


def _frozen(value: Tensor) -> Tensor:
    with torch.no_grad():
        return value.detach().clone()
