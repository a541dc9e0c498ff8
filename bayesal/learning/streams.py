"""The random streams of one training."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Generator


@dataclass(frozen=True)
class Streams:
    """Three seeds: what a training draws for one purpose never shifts what it draws for another."""

    initialisation: int
    order: int
    noise: int

    @classmethod
    def of(cls, generator: Generator) -> "Streams":
        """The generator's next three seeds; so member m of an ensemble is the same in an ensemble of any size."""
        return cls(*(int(torch.randint(2**63 - 1, (), generator=generator)) for _ in range(3)))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside, the global generators start from ``seed``; afterwards they are as if nothing had happened.

    For code that knows no other randomness: the initialisation of modules, the noise of a training pass.
    """
    gpus = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(gpus):
        torch.default_generator.manual_seed(seed)
        if gpus:
            torch.cuda.manual_seed_all(seed)
        yield
