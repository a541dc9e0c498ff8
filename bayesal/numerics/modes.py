"""Networks asked in evaluation mode, whatever mode they are in."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(network: nn.Module, kind: type[nn.Module] = nn.Module) -> Iterator[None]:
    """Inside, its modules of this kind are in evaluation mode; afterwards each is in its own again."""
    before = [(module, module.training) for module in network.modules() if isinstance(module, kind)]
    for module, _ in before:
        module.training = False
    try:
        yield
    finally:
        for module, flag in before:
            module.training = flag
