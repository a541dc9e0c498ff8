"""What is compared: a job at some sizes, the same job by peers, and the work that nobody can avoid."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import torch

from bayesal.types import Selection
from benchmarks._compare import Job, peer
from benchmarks._device import Work

Size = Mapping[str, int]


def close(theirs: Any, ours: Any, *, within: float = 1e-5) -> None:
    """The same numbers."""
    torch.testing.assert_close(_numbers(theirs), _numbers(ours), rtol=1e-4, atol=within)


def same_picks(theirs: Any, ours: Any) -> None:
    """The same batch in the same order."""
    assert picks(theirs) == picks(ours), f"{picks(theirs)} is not {picks(ours)}"


def picks(result: Any) -> list[int]:
    return result.positions.tolist() if isinstance(result, Selection) else [int(position) for position in result]


def _numbers(result: Any) -> torch.Tensor:
    return torch.as_tensor(result).detach().cpu().double()


@dataclass(frozen=True)
class Case:
    """A job at one size with its inputs ready, ours and by each peer.

    ``floors``: by the words that say what is counted; the first is the one every job is compared to. ``agree`` raises
    where a peer's result is another than ours; ``other`` are peers that compute something else by design. ``tells``
    says about a result what its time is worth.
    """

    ours: Job
    floors: Mapping[str, Work]
    peers: Mapping[str, Job] = field(default_factory=dict)
    other: frozenset[str] = frozenset()
    agree: Callable[[Any, Any], None] = close
    tells: Callable[[Any], str] | None = None


@dataclass(frozen=True)
class Setting:
    """A size to compare at, and with whom. ``goals``: by peer, how many times faster to be; ``most_mib`` and
    ``most_processor_seconds``: what to stay below; ``patience``: seconds in all after which no job is run again."""

    size: Size
    peers: bool = True
    without: frozenset[str] = frozenset()
    goals: Mapping[str, float] = field(default_factory=dict)
    most_mib: float | None = None
    most_processor_seconds: float | None = None
    patience: float = 30.0


@dataclass(frozen=True)
class Subject:
    """One job. ``small`` is its size in a smoke run, and the one at which ours and the peers' results are compared.

    ``growth``: the sizes of each letter at which ours is timed, the other letters being as in ``base``.
    """

    name: str
    title: str
    build: Callable[[Size, torch.device], Case]
    small: Size
    settings: Sequence[Setting]
    base: Size
    growth: Mapping[str, Sequence[int]]

    def check(self, device: torch.device) -> frozenset[str]:
        """Ours is computed on the device, and peers that compute the same thing agree with it.

        Returns the peers that cannot do the job here at all, after a line that says why.
        """
        case = self.build(self.small, device)
        ours = case.ours()
        seen = ours.positions.device if isinstance(ours, Selection) else ours.device
        assert seen.type == device.type, f"{self.name} was to be computed on {device}, but its result is on {seen}"
        failing: set[str] = set()
        for name, job in case.peers.items():
            try:
                theirs = job()
            except Exception as error:  # whatever a peer raises is its own affair
                failing.add(name)
                print(f"{name}: left out, it raises {type(error).__name__}: {error}", flush=True)
                continue
            if name not in case.other:
                case.agree(theirs, ours)
        return frozenset(failing)


def numpy_peer(module: str, device: torch.device) -> ModuleType | None:
    """A peer that computes on the CPU only, or None where it is not installed or the device is another."""
    if device.type == "cpu":
        return peer(module)
    _say_once(f"{module}: left out, it computes on the CPU only")
    return None


_said: set[str] = set()


def _say_once(sentence: str) -> None:
    if sentence not in _said:
        _said.add(sentence)
        print(sentence, flush=True)
