"""Near neighbours by angular hashes: what falls into one bucket is compared, and nothing else (Andoni et al., 2015)."""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.numerics.linalg import blocks
from bayesal.numerics.neighbours import (
    PAIRS,
    Screened,
    check_neighbours,
    decided,
    lower_bounds,
    mean_squared_distances,
)
from bayesal.numerics.smallest import smallest


def hashed_mean_squared_distances(
    rows: Shaped[Tensor, "N ..."],
    neighbours: int,
    *,
    buckets: int = 100,
    chunk: int = 256,
    rounds: int = 4,
    generator: Generator,
) -> Float[Tensor, "N"]:
    """(1/k) Σ ‖x_n - x_j‖² in float64 over the k = ``neighbours`` nearest other rows found; never below the exact one.

    One round: rows are sorted by the bucket argmax[xR; -xR] of their direction (and, in a bucket, by that of another
    R), R (D, ``buckets`` / 2) normal; the order is cut into chunks of ``chunk`` rows, and neighbours are looked for in
    a row's chunk, the one before and the one after. ``rounds`` of them, each with hashes of its own, are brought
    together; no neighbour counts twice. About 3 N · chunk · rounds · D operations: linear in N. With all rows in one
    bucket or chunk it is :func:`~bayesal.numerics.neighbours.mean_squared_distances`. Which are nearest is screened in
    float32; their distances are differences in float64.

    The hash of Reformer (Kitaev, Kaiser and Levskaya, 2020) for the densities of Kim and Shin (KDD 2022). With fewer
    other rows than ``neighbours``, over all of them. Raises ValueError for fewer than 1 neighbour, round or row in a
    chunk, for buckets that are not 1 or an even number, for rows that are no features ``N D``, NaN and infinities.
    """
    check_neighbours(neighbours)
    check_hash(buckets, chunk, rounds)
    if buckets == 1 or chunk >= len(rows):
        return mean_squared_distances(rows, neighbours)
    ready = Screened.of(rows)
    n, k = len(ready), min(neighbours, len(ready) - 1)
    chunk = max(chunk, -(-(k + 1) // 2))  # so that there are always k others in reach
    distances = ready.own.new_full((n, k), torch.inf)
    nearest = torch.full((n, k), -1, device=ready.own.device)
    for _ in range(rounds):
        order = _order(ready.screen, buckets, generator)
        _compare(ready.screen[order], ready.own[order], order, chunk, distances, nearest)
    return decided(ready.rows, ready.rows, nearest).mean(1)


def check_hash(buckets: int, chunk: int, rounds: int) -> None:
    """What hashes are made of, else ValueError."""
    if chunk < 1 or rounds < 1:
        raise ValueError(f"hashing needs at least 1 round and 1 row in a chunk, but there are {rounds} and {chunk}")
    if buckets < 1 or (buckets > 1 and buckets % 2):
        raise ValueError(f"an angular hash has 1 bucket or an even number of them, but {buckets} were asked for")


def angular_hash(rows: Float[Tensor, "N D"], buckets: int, generator: Generator) -> Int[Tensor, "N"]:
    """argmax[xR; -xR] with R (D, ``buckets`` / 2) normal: rows of similar direction often share a bucket."""
    half = buckets // 2
    found = torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
    if half == 0:
        return found
    directions = torch.randn(rows.shape[1], half, generator=generator, dtype=torch.float64).to(rows)
    for some in blocks(len(rows), half):
        along = rows[some] @ directions
        largest = along.abs().argmax(1, keepdim=True)
        found[some] = (largest + half * (along.gather(1, largest) < 0)).squeeze(1)
    return found


def _order(rows: Float[Tensor, "N D"], buckets: int, generator: Generator) -> Int[Tensor, "N"]:
    first, second = (angular_hash(rows, buckets, generator) for _ in range(2))
    return (first * buckets + second).sort(stable=True).indices


def _compare(
    screen: Float[Tensor, "N D"],
    own: Float[Tensor, "N"],
    order: Int[Tensor, "N"],
    chunk: int,
    distances: Float[Tensor, "N k"],
    nearest: Int[Tensor, "N k"],
) -> None:
    """Look for neighbours among rows in this order, and write what is found closer than what was known."""
    n, k = distances.shape
    for start in range(0, n, chunk):
        window = slice(max(0, min(start - chunk, n - 2 * chunk)), min(n, start + 2 * chunk))
        for part in blocks(min(chunk, n - start), window.stop - window.start, PAIRS):
            some = slice(start + part.start, min(start + part.stop, start + chunk, n))
            found, which = smallest(lower_bounds(screen, own, some, window), k)
            rows, which = order[some], order[window][which]
            known = nearest[rows]
            found = found.masked_fill((which[:, :, None] == known[:, None]).any(2), torch.inf)
            distances[rows], best = torch.cat([distances[rows], found], 1).topk(k, largest=False)
            nearest[rows] = torch.cat([known, which], 1).gather(1, best)
