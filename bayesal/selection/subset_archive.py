"""The subsets that no other subset seen so far dominates, by two sums over their members."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from bayesal.numerics.linalg import blocks
from bayesal.numerics.pareto import falling, front

KEYS = 2**22  # random numbers in memory at once: 16 MiB
LEAST = 1e-12  # of what a weighted sum is made of: less is rounding


@dataclass(frozen=True, eq=False)
class SubsetArchive:
    """A subsets of B rows, each in ascending order, and the two ``sums`` of each: those with most of the first sum
    first. None dominates another; of subsets with equal sums the first one seen stays."""

    subsets: Int[Tensor, "A B"]
    sums: Float[Tensor, "A 2"]

    @classmethod
    def empty(cls, size: int, values: Float[Tensor, "N 2"]) -> "SubsetArchive":
        """Nothing is seen yet."""
        none = torch.empty(0, size, dtype=torch.int64, device=values.device)
        return cls(none, values.new_empty(0, 2))

    def __len__(self) -> int:
        return len(self.subsets)

    def and_subsets(self, subsets: Int[Tensor, "S B"], values: Float[Tensor, "N 2"]) -> "SubsetArchive":
        """These are seen too: the front of a union is the front of the fronts."""
        sums = sums_of(subsets, values)
        best = front(sums)
        subsets, sums = torch.cat([self.subsets, subsets[best]]), torch.cat([self.sums, sums[best]])
        best = front(sums)
        return SubsetArchive(subsets[best], sums[best])

    def consensus(self) -> Int[Tensor, "B"]:
        """The subset whose rows are, all together, in the most subsets of the archive; of several the first."""
        counts = self.subsets.flatten().bincount()
        return self.subsets[counts[self.subsets].sum(1).argmax()]


def sums_of(subsets: Int[Tensor, "S B"], values: Float[Tensor, "N 2"]) -> Float[Tensor, "S 2"]:
    """Both sums of each subset, added up in the order of its members: of equal subsets equal to the last bit."""
    if subsets.shape[1] == 0:
        return values.new_zeros(len(subsets), 2)
    return torch.stack([values[:, k][subsets].cumsum(1)[:, -1] for k in range(2)], 1)


def random_subsets(count: int, size: int, num_rows: int, *, generator: Generator) -> Int[Tensor, "S B"]:
    """``count`` subsets, each uniform among those of ``size`` rows, on the CPU.

    The ``size`` largest of as many random keys as there are rows; where few rows are drawn from many, rows drawn with
    replacement until none repeats, which is the same distribution.
    """
    if size * size > num_rows:
        keys = [torch.rand(len(range(*some.indices(count))), num_rows, generator=generator)
                for some in blocks(count, num_rows, KEYS)]  # fmt: skip
        return torch.cat([some.topk(size).indices for some in keys]).sort(1).values
    drawn = torch.randint(num_rows, (count, size), generator=generator).sort(1).values
    while bool((again := (drawn[:, 1:] == drawn[:, :-1]).any(1)).any()):
        drawn[again] = torch.randint(num_rows, (int(again.sum()), size), generator=generator).sort(1).values
    return drawn


def supported_subsets(values: Float[Tensor, "N 2"], size: int) -> Int[Tensor, "V B"]:
    """Every subset of ``size`` rows that alone has the largest weighted sum for some weights of both objectives.

    These are the corners of the front. Found by asking, between two that are known, for the largest sum by the weights
    under which the two are equal, until nothing is larger: O(N) for each corner. The extremes are those by one
    objective, then by the other.
    """
    values = values - values.mean(0)  # for rounding: corners stay where they are
    ends = torch.stack([falling(values)[:size], falling(values.flip(1))[:size]]).sort(1).values
    found, sums = [ends], sums_of(ends, values)
    left, right = sums[:1], sums[1:]
    while len(left):
        weights = torch.stack([right[:, 1] - left[:, 1], left[:, 0] - right[:, 0]], 1)
        parts = blocks(len(weights), len(values), KEYS)
        between = torch.cat([(weights[some] @ values.mT).topk(size).indices for some in parts]).sort(1).values
        sums = sums_of(between, values)
        rounding = LEAST * size * (weights @ values.abs().amax(0))
        larger = (weights * (sums - left)).sum(1) > rounding
        found.append(between[larger])
        left, right = (
            torch.cat([left[larger], sums[larger]]),
            torch.cat([sums[larger], right[larger]]),
        )
    return torch.cat(found)
