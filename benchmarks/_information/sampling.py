"""Power-, Softmax- and Softrank-sampling: a batch from the scores of a million points."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import torch
from torch import Generator, Tensor

from bayesal.selection import power, softmax, softrank
from benchmarks._compare import Job
from benchmarks._device import Work
from benchmarks._subjects.subject import Case, Setting, Size, Subject, numpy_peer

DRAWS = "torch.multinomial"


def build(
    rule: Callable[..., Tensor], weights: Callable[[Tensor], Tensor], baal: str, size: Size, device: torch.device
):
    """Draws cannot agree; that they follow the same law is tested elsewhere."""
    scores = torch.rand(size["N"], generator=Generator().manual_seed(0)).to(device)
    batch = size["B"]
    peers: dict[str, Job] = {DRAWS: lambda: torch.multinomial(weights(scores), batch)}
    if heuristics := numpy_peer("baal.active.heuristics.stochastics", device):
        given = SimpleNamespace(get_uncertainties=lambda array: array.copy())
        heuristic = getattr(heuristics, baal)(given, batch)
        array = scores.numpy()
        peers["baal"] = lambda: torch.from_numpy(heuristic.get_ranks(array)[0])
    return Case(
        lambda: rule(scores, batch, generator=Generator().manual_seed(0)),
        {"Gumbel noise on each score": Work(functions=2 * len(scores), bytes=4 * len(scores))},
        peers,
        other=frozenset(peers),
    )


def ranks(scores: Tensor) -> Tensor:
    return 1.0 / (scores.argsort(descending=True).argsort() + 1)


def _subject(name: str, title: str, rule: Callable[..., Tensor], weights: Callable[[Tensor], Tensor], baal: str):
    return Subject(
        name=name,
        title=title,
        build=partial(build, rule, weights, baal),
        small={"N": 10_000, "B": 10},
        settings=[Setting({"N": 1_000_000, "B": 100})],
        base={"N": 1_000_000, "B": 100},
        growth={"N": (250_000, 500_000, 1_000_000), "B": (10, 100, 1_000)},
    )


POWER = _subject("power", "Power sampling", power, lambda scores: scores, "PowerSampling")
SOFTMAX = _subject("softmax", "Softmax sampling", softmax, torch.exp, "GibbsSampling")
SOFTRANK = _subject("softrank", "Softrank sampling", softrank, ranks, "RankBasedSampling")
