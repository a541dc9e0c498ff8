"""BALanCe-Clustering: a large batch as the middles of clusters of points that tell the same hypotheses apart."""

import warnings
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.numerics.equivalence import contradictions, edge_weights
from bayesal.selection.batch_balance import BatchBALanCe
from bayesal.selection.door import check_batch_size
from bayesal.selection.power import power
from bayesal.selection.rows import check_log_probabilities, log_probabilities

FEATURES = 2**12  # features of every row in one product: 94 MiB of float32 for 6,000 rows
ROWS = 2**10  # rows of similarities in one product


@dataclass(frozen=True, eq=False)
class BALanCeClustering:
    """B medoids under the similarity I(i, i') = Δ(i) + Δ(i') - Δ({i, i'}) (Zhang, Khan, Grossman and Chen, ICLR 2023).

    A rule over log-probabilities ``N 2K C`` of the same 2K hypotheses at every row, in any float dtype: k and k + K are
    the pair k. ``edges``: e_k for each pair, True or 1 where its classifiers differ, or any weights of at least 0. It
    costs N² similarities, so narrow the pool first, to a few thousand rows by :func:`power` on ``balance``.

    The first medoids are drawn by ``power`` on Δ. Every other row joins the medoid it is most similar to, and the
    medoid of a cluster becomes the member with the largest sum of similarities to the others, until nothing changes or
    after ``max_iterations``. Of equals it is the first, but a medoid stays where no member is better: two members
    always tie, and so does a medoid with points that tell nothing. The positions come in the order in which the first
    medoids were drawn.

    If no pair has an edge, Δ is 0 for every batch: a UserWarning, and a draw by ``power`` on the rows' BALD instead.
    Raises ValueError for a batch below 0 or above N, for rows that are not such log-probabilities, for NaN, for an odd
    number of hypotheses, and for edges that are not K weights.
    """

    edges: Shaped[Tensor, "K"]
    max_iterations: int = 100

    def __post_init__(self) -> None:
        if self.max_iterations < 1:
            raise ValueError(f"max_iterations must be at least 1, but it is {self.max_iterations}")

    def __call__(self, rows: Shaped[Tensor, "N ..."], batch_size: int, /, *, generator: Generator) -> Int[Tensor, "B"]:
        """The positions of B different rows."""
        scores = self.scores(rows)
        check_batch_size(batch_size, len(rows))
        medoids = power(scores, batch_size, generator=generator)
        weights = edge_weights(self.edges, rows.shape[1]).to(rows.device)
        if not bool(weights.any()):
            warnings.warn(
                "none of the pairs of hypotheses has an edge, so there is nothing for BALanCeClustering to tell apart; "
                "the batch is drawn by PowerBALD instead",
                UserWarning,
                stacklevel=2,
            )
            return medoids
        if 0 < batch_size < len(rows):
            similar = similarities(rows.detach(), weights)
            for _ in range(self.max_iterations):
                before, medoids = medoids, _updated(medoids, similar)
                if torch.equal(before, medoids):
                    break
        return medoids

    def scores(self, rows: Shaped[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        """Δ of each row alone; its BALD where no pair has an edge."""
        check_log_probabilities(rows, "BALanCeClustering")
        alone = BatchBALanCe(self.edges)
        return alone.gains(alone.init(rows, generator=Generator()))


def similarities(rows: Float[Tensor, "N J C"], weights: Float[Tensor, "K"]) -> Float[Tensor, "N N"]:
    """I(i, i') = Δ(i) + Δ(i') - Δ({i, i'}) of all pairs of rows, also of i = i', for edges of these weights.

    It is an inner product, so that all are one matrix product and nothing cancels:

        I(i, i') = (1/2K²) Σ_jk e_k U_i[j, k] U_i'[j, k],    U_i[j, k] = Σ_c p_ij(c) (1 - Λ_ik(c)),

    with j over the 2K hypotheses and Λ as in :class:`BatchBALanCe`; Δ(i) is the same sum over U_i alone. In the rows'
    precision, at least float32. Memory: the result, half the rows, and the features U of a few hypotheses at a time.
    """
    pairs = weights.nonzero().squeeze(1)
    apart = torch.cat([contradictions(_probabilities(some), pairs) for some in rows.split(ROWS)])
    root = (weights[pairs] / (2 * (rows.shape[1] // 2) ** 2)).sqrt().to(apart.dtype)
    similar = apart.new_zeros(len(rows), len(rows))
    for some in rows.split(max(1, FEATURES // len(pairs)), dim=1):
        features = (log_probabilities(some).exp() @ apart).mul_(root).flatten(1)
        for i in range(0, len(rows), ROWS):  # the upper half, since the lower is the same
            similar[i : i + ROWS, i:].addmm_(features[i : i + ROWS], features[i:].T)
    for i in range(0, len(rows), ROWS):
        similar[i : i + ROWS, :i] = similar[:i, i : i + ROWS].T
        own = similar[i : i + ROWS, i : i + ROWS]
        own.copy_(own.triu() + own.triu(1).T)  # a product is symmetric up to rounding only, and that would break ties
    return similar


def _updated(medoids: Int[Tensor, "B"], similar: Float[Tensor, "N N"]) -> Int[Tensor, "B"]:
    """One round: every row to its medoid, then every cluster to its most typical member."""
    clusters = similar[:, medoids].argmax(dim=1)  # argmax gives the first of equals
    clusters[medoids] = torch.arange(len(medoids), device=medoids.device)
    by_cluster = clusters.argsort(stable=True)
    updated = medoids.clone()
    for cluster, members in enumerate(by_cluster.split(clusters.bincount(minlength=len(medoids)).tolist())):
        totals = similar[members[:, None], members].fill_diagonal_(0).sum(dim=1, dtype=torch.float64)
        if float(totals.max()) > float(totals[members == medoids[cluster]]):
            updated[cluster] = members[totals.argmax()]
    return updated


def _probabilities(rows: Float[Tensor, "n J C"]) -> Float[Tensor, "n C J"]:
    return log_probabilities(rows).transpose(1, 2).exp()
