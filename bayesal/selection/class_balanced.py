"""The highest scores, as many of each class as of any other."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from bayesal.recipe import recipe
from bayesal.selection.door import check_scores

REMAINDERS = ("candidates", "scores")


@dataclass(frozen=True, repr=False)
class ClassBalanced:
    """Equal quotas for the K guessed classes, filled with the highest scores of each (Krishnan et al., 2021).

    Rows ``N 2`` are (score, guessed class), the class a whole number of at least 0. Each class among the rows gets
    ⌊B / K⌋ places. Those left over go, one each, to the classes with the most ``remainder="candidates"``, or to those
    whose next ``"scores"`` are the highest; ties to the lower class. Places that a class has too few rows for are
    shared out among the others in the same way. The best of every class come first, the highest score before the
    others, then the second best, and so on; of equal scores the lowest position first. Scores may be infinite.

    Nothing is drawn. Raises ValueError for a batch below 0 or above N, for NaN, and for rows of another kind.
    """

    remainder: str = "candidates"

    __repr__ = recipe

    def __post_init__(self) -> None:
        if self.remainder not in REMAINDERS:
            raise ValueError(f"remainder must be {' or '.join(REMAINDERS)}, but it is {self.remainder!r}")

    def __call__(self, rows: Tensor, batch_size: int, /, *, generator: Generator | None = None) -> Int[Tensor, "B"]:
        scores, classes = scores_and_classes(rows)
        check_scores(scores, batch_size)
        best = scores.argsort(descending=True, stable=True)
        kinds, which = classes.unique(return_inverse=True)
        members = [best[which[best] == k] for k in range(len(kinds))]
        ranks = torch.empty_like(best)
        for positions in members:
            ranks[positions] = torch.arange(len(positions), device=rows.device)
        quotas = torch.tensor(self._quotas(batch_size, [scores[positions] for positions in members])).to(rows.device)
        chosen = best[ranks[best] < quotas[which[best]]] if len(best) else best
        return chosen[ranks[chosen].argsort(stable=True)]

    def _quotas(self, batch_size: int, scores: list[Tensor]) -> list[int]:
        """How many of each class, whose scores are sorted."""
        counts = [len(own) for own in scores]
        quotas = [0] * len(scores)
        left = batch_size
        while left:
            with_room = [k for k, count in enumerate(counts) if quotas[k] < count]
            share = left // len(with_room)
            if not share:
                by_count = self.remainder == "candidates"
                urgent = {k: counts[k] if by_count else float(scores[k][quotas[k]]) for k in with_room}
                with_room = sorted(with_room, key=lambda k: -urgent[k])[:left]
            for k in with_room:
                more = min(max(share, 1), counts[k] - quotas[k])
                quotas[k] += more
                left -= more
        return quotas


def scores_and_classes(rows: Tensor) -> tuple[Float[Tensor, "N"], Int[Tensor, "N"]]:
    """The two columns of (score, class). Raises ValueError for anything else."""
    if rows.ndim != 2 or rows.shape[1] != 2 or not rows.is_floating_point():
        raise ValueError(
            f"class-balanced batches are chosen among rows (score, class), (N, 2), but these are {rows.dtype} of "
            f"shape {tuple(rows.shape)}; give each score the class that is guessed for its point"
        )
    classes = rows[:, 1]
    wrong = ~((classes >= 0) & (classes == classes.round()) & classes.isfinite())
    if bool(wrong.any()):
        raise ValueError(
            f"classes must be whole numbers of at least 0, but row {int(wrong.nonzero()[0])} has "
            f"{float(classes[wrong][0])}"
        )
    return rows[:, 0], classes.long()
