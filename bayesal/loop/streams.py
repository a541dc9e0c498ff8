"""Streams of randomness: which generator a step of a study draws from is a matter of its name, not of its history."""

import hashlib

from torch import Generator


def stream(seed: int, round: int, purpose: str) -> Generator:
    """The CPU generator of one purpose ("learn", "select 0", ...) in one round of the study with this seed.

    Its seed is the first 8 bytes of SHA-256("seed/round/purpose"), so a step that is done again after a crash draws the
    very same numbers, and no step's draws depend on how much another step drew. The method is no part of the name:
    studies of different methods with one seed learn from the same stream, which pairs them.
    """
    digest = hashlib.sha256(f"{seed}/{round}/{purpose}".encode()).digest()
    return Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
