"""How much of everything the protocol has."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """Labels at the start, batches, points held out, and the network.

    ``pool``: the most points that may be asked about, or None for all. ``examples``: points in a step of the optimiser.
    """

    initial: int = 256
    steps: int = 8
    batch: int = 64
    validation: int = 1024
    test_fraction: float = 0.2
    pool: int | None = None
    width: int = 256
    epochs: int = 256
    learning_rate: float = 0.375
    examples: int = 256


SMOKE = Setting(initial=32, steps=2, batch=8, validation=64, pool=200, width=16, epochs=8, examples=32)
