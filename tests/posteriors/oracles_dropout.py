"""MC dropout the slow way: one hypothesis after the other, every dropout function replaced by a written-out product.

Shares with the library only the bits (which units survive); neither the interception, nor vmap, nor the formulas.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ALPHA = -1.7580993408473766
KINDS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")


def naive(network: nn.Module, hypotheses: Any, inputs: Any) -> Tensor:
    """N K ...: the network's raw outputs under each hypothesis' masks."""
    rows = []
    for k in range(hypotheses.num_hypotheses):
        own = copy.deepcopy(network).eval()
        given = {key: value.clone() for key, value in inputs.items()} if isinstance(inputs, dict) else inputs.clone()
        bits = [
            (site.factors(hypotheses.seed, i, range(k, k + 1), torch.device("cpu"))[0] != 0, site.p)
            for i, site in enumerate(hypotheses.sites)
        ]
        with torch.no_grad(), replaced(bits):
            rows.append(own(**given) if isinstance(given, dict) else own(given))
    return torch.stack(rows, dim=1)


@contextmanager
def replaced(bits: list[tuple[Tensor, float]]) -> Iterator[None]:
    """Every function of ``torch.nn.functional`` that drops units multiplies by the next of these masks instead."""
    remaining = list(bits)

    def standing_in(name: str) -> Callable[..., Tensor]:
        def drop(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
            if p == 0:
                return input
            mask, _ = remaining.pop(0)
            b = mask.to(input.dtype)
            q = 1 - p
            if p == 1:
                dropped = torch.zeros_like(input)
            elif "alpha" in name:
                a = (q * (1 + p * ALPHA**2)) ** -0.5
                dropped = a * (input * b + ALPHA * (1 - b)) - a * ALPHA * p
            else:
                dropped = input * b / q
            return input.copy_(dropped) if inplace else dropped

        return drop

    originals = {name: getattr(F, name) for name in KINDS}
    try:
        for name in KINDS:
            setattr(F, name, standing_in(name))
        yield
    finally:
        for name, original in originals.items():
            setattr(F, name, original)
    assert not remaining, "the network called dropout less often than the library says"
