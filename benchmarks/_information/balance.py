"""BALanCe: one point, a batch, and clusters. Sizes give K, the number of pairs: there are 2K hypotheses."""

from functools import partial
from itertools import product

import torch
from torch import Generator, Tensor

from bayesal.acquisitions import balance
from bayesal.selection import BALanCeClustering, BatchBALanCe, grow
from bayesal.selection.balance_clustering import similarities
from benchmarks._device import Work
from benchmarks._information.inputs import categorical, log_probabilities
from benchmarks._subjects.subject import Case, Setting, Size, Subject, close, same_picks

PUBLISHED = "published form, b K M C"
ELEMENTS = 2**24  # numbers in one tensor of the published form


def _inputs(size: Size, device: torch.device) -> tuple[Tensor, Tensor]:
    """Log-probabilities ``N 2K C``, and edges for half of the pairs."""
    logs = log_probabilities(size["N"], 2 * size["K"], size["C"], device)
    return logs, (torch.arange(size["K"]) % 2 == 0).to(device)


def pointwise(size: Size, device: torch.device) -> Case:
    logs, edges = _inputs(size, device)
    floor = Work(functions=logs.numel(), bytes=4 * logs.numel())
    return Case(
        partial(balance, categorical(logs), edges),
        {"one exp of each number": floor},
        {"formula, whole tensor": lambda: whole_tensor(logs, edges)},
    )


def whole_tensor(logs: Tensor, edges: Tensor) -> Tensor:
    """Δ(x) = (1/K) Σ_c p̄(c) Σ_k e_k (1 - λ_k(c) λ_k+K(c)), as it reads."""
    relative = (logs - logs.amax(2, keepdim=True)).exp()
    first, second = relative.chunk(2, dim=1)
    apart = (edges[:, None] * (1 - first * second)).sum(1)
    return (logs.exp().mean(1) * apart).sum(1) / len(edges)


def batchwise(size: Size, device: torch.device) -> Case:
    logs, edges = _inputs(size, device)
    n, k, c, batch = (size[letter] for letter in "NKCB")
    numbers, with_edge = n * 2 * k * c, int(edges.sum())
    return Case(
        lambda: grow(BatchBALanCe(edges), logs, batch, generator=Generator()),
        {
            "one product a pick": Work(
                flops=batch * 2 * numbers * with_edge, functions=numbers, bytes=4 * numbers * batch
            )
        },
        {PUBLISHED: lambda: published(logs, edges, batch)},
        agree=same_picks,
    )


def published(logs: Tensor, edges: Tensor, batch: int) -> list[int]:
    """Greedy, over all configurations of the labels of the points taken: the terms are ``b K M C``."""
    num_points, num_hypotheses, num_classes = logs.shape
    probabilities = logs.exp()
    first, second = (logs - logs.amax(2, keepdim=True)).exp().chunk(2, dim=1)
    together = first * second  # N K C
    likelihoods, left = logs.new_ones(1, num_hypotheses), logs.new_ones(1, len(edges))  # M 2K and M K
    chosen: list[int] = []
    while True:
        step = max(1, ELEMENTS // (len(left) * len(edges) * num_classes))
        scores = torch.full((num_points,), -torch.inf)
        for some in torch.arange(num_points).split(step):
            evidence = torch.einsum("mj,bjc->bmc", likelihoods, probabilities[some]) / num_hypotheses
            terms = 1 - left.T[None, :, :, None] * together[some][:, :, None, :]  # b K M C
            apart = (terms * edges[None, :, None, None]).sum(1)
            scores[some] = ((evidence * apart).sum((1, 2)) / len(edges)).cpu()
        scores[chosen] = -torch.inf
        chosen.append(int(scores.argmax()))
        if len(chosen) == batch:
            return chosen
        likelihoods = (likelihoods[:, None] * probabilities[chosen[-1]].T).flatten(0, 1)
        left = (left[:, None] * together[chosen[-1]].T).flatten(0, 1)


def clustering(size: Size, device: torch.device) -> Case:
    logs, edges = _inputs(size, device)
    n, k, c = size["N"], size["K"], size["C"]
    numbers, with_edge = n * 2 * k * c, int(edges.sum())
    products = numbers * with_edge + n * (n + 1) // 2 * 2 * k * with_edge

    def agree(theirs: Tensor, _: Tensor) -> None:
        close(theirs, similarities(logs, edges.double()))

    return Case(
        lambda: BALanCeClustering(edges)(logs, size["B"], generator=Generator().manual_seed(0)),
        {"all similarities": Work(flops=2 * products, functions=numbers, bytes=4 * (numbers + n * n))},
        {"similarities, pair after pair": lambda: pair_after_pair(logs, edges)},
        agree=agree,
    )


def pair_after_pair(logs: Tensor, edges: Tensor) -> Tensor:
    """Δ(i) + Δ(j) - Δ({i, j}), each Δ({i, j}) over the C² labels of the pair."""
    probabilities, alone = logs.exp(), whole_tensor(logs, edges)
    first, second = (logs - logs.amax(2, keepdim=True)).exp().chunk(2, dim=1)
    together = first * second
    shared = logs.new_zeros(len(logs), len(logs))
    for i, j in product(range(len(logs)), repeat=2):
        if i <= j:
            evidence = torch.einsum("kc,kd->cd", probabilities[i], probabilities[j]) / logs.shape[1]
            apart = ((1 - together[i][:, :, None] * together[j][:, None, :]) * edges[:, None, None]).sum(0)
            shared[i, j] = shared[j, i] = alone[i] + alone[j] - (evidence * apart).sum() / len(edges)
    return shared


BALANCE = Subject(
    name="balance",
    title="BALanCe",
    build=pointwise,
    small={"N": 200, "K": 10, "C": 5},
    settings=[Setting({"N": 10_000, "K": 100, "C": 10})],
    base={"N": 10_000, "K": 100, "C": 10},
    growth={"N": (2_500, 5_000, 10_000), "K": (25, 50, 100), "C": (5, 10, 20)},
)

BATCH_BALANCE = Subject(
    name="batch-balance",
    title="Batch-BALanCe",
    build=batchwise,
    small={"N": 30, "K": 10, "C": 4, "B": 3},
    settings=[
        Setting({"N": 10_000, "K": 100, "C": 10, "B": 10}, peers=False),
        Setting({"N": 50, "K": 100, "C": 10, "B": 4}),
    ],
    base={"N": 2_500, "K": 100, "C": 10, "B": 5},
    growth={"N": (1_250, 2_500, 5_000), "K": (25, 50, 100), "C": (5, 10, 20), "B": (5, 10, 20)},
)

CLUSTERING = Subject(
    name="balance-clusters",
    title="BALanCe-Clustering",
    build=clustering,
    small={"N": 30, "K": 10, "C": 4, "B": 5},
    settings=[
        Setting({"N": 500, "K": 100, "C": 10, "B": 100}, peers=False),
        Setting({"N": 100, "K": 100, "C": 10, "B": 20}),
    ],
    base={"N": 500, "K": 100, "C": 10, "B": 100},
    growth={"N": (250, 500, 1_000), "K": (25, 50, 100), "C": (5, 10, 20), "B": (25, 50, 100)},
)
