"""How a batch is shared among groups of rows: small groups get more than their part of the rows."""

import math
from collections.abc import Sequence


def group_shares(sizes: Sequence[int], batch_size: int, temperature: float | int) -> list[int]:
    """b_h of B rows for each group: r_h B, with r = softmax_h((1 - |G_h| / n) / τ), n the sum of the sizes.

    Shares are rounded down, and what is left goes to the largest fractions (ties: the first group). While a share is
    more than its group, that group is given all it has, and what is left of the batch is shared among the others in the
    same way. Small τ (``temperature``) gives all to the smallest group, large τ the same to every group. Kim and Shin
    (KDD 2022).

    Raises ValueError for a batch above all rows, and for a temperature that is not above 0.
    """
    check_temperature(temperature)
    if batch_size > sum(sizes):
        raise ValueError(f"a batch of {batch_size} cannot be shared among groups of {sum(sizes)} rows in all")
    logits = [(1 - size / max(1, sum(sizes))) / temperature for size in sizes]
    shares = [0] * len(sizes)
    free = [h for h, size in enumerate(sizes) if size > 0]
    while free:
        left = batch_size - sum(shares[h] for h in range(len(sizes)) if h not in free)
        some = _rounded(_softmax([logits[h] for h in free]), left)
        too_many = [h for h, share in zip(free, some, strict=True) if share > sizes[h]]
        for h, share in zip(free, some, strict=True):
            shares[h] = min(share, sizes[h])
        if not too_many:
            break
        free = [h for h in free if h not in too_many]
    return shares


def check_temperature(temperature: float | int) -> None:
    """A number above 0, or infinity; else ValueError."""
    if not temperature > 0:
        raise ValueError(f"the temperature of the groups' shares is a number above 0, but it is {temperature}")


def _softmax(logits: Sequence[float]) -> list[float]:
    largest = max(logits)
    weights = [math.exp(logit - largest) for logit in logits]
    return [weight / sum(weights) for weight in weights]


def _rounded(parts: Sequence[float], total: int) -> list[int]:
    exact = [part * total for part in parts]
    whole = [int(each) for each in exact]
    order = sorted(range(len(exact)), key=lambda h: whole[h] - exact[h])
    for h in order[: total - sum(whole)]:
        whole[h] += 1
    return whole
