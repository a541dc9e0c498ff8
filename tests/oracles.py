"""Oracles: plain scalar enumerations that share no code with the library.

Predictions are nested lists of probabilities: ``points[n][k][c]``. Everything is in nats.
"""

from collections.abc import Sequence
from itertools import permutations, product
from math import exp, fsum, log, prod, sqrt

Point = Sequence[Sequence[float]]
"""One point: K hypotheses, each C class probabilities."""

FIXTURE: dict[str, list[list[float]]] = {
    "x0": [[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7]],
    "x1": [[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7]],
    "x2": [[0.4, 0.3, 0.3], [0.3, 0.4, 0.3], [0.3, 0.3, 0.4]],
    "x3": [[0.9, 0.05, 0.05], [0.6, 0.3, 0.1], [0.5, 0.1, 0.4]],
    "x4": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    "t0": [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]],
    "t1": [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25]],
}
"""Five pool points and two targets with K = C = 3. x0 and x1 are the same point; x4 has exact zeros."""

POOL = [FIXTURE[name] for name in ("x0", "x1", "x2", "x3", "x4")]
"""The fixture's pool as ``N K C`` nested lists."""

BUG_REPORT: list[list[list[float]]] = [
    [[0.1, 0.2, 0.3, 0.4], [0.15, 0.15, 0.3, 0.4]],
    [[0.1, 0.2, 0.3, 0.4], [0.15, 0.15, 0.3, 0.4]],
    [[0.4, 0.3, 0.2, 0.1], [0.4, 0.3, 0.16, 0.14]],
]
"""Points from a public report where BatchBALD rightly chooses two identical inputs: K = 2, C = 4."""


def shannon(probabilities: Sequence[float]) -> float:
    """-Σ p ln p with 0 ln 0 = 0."""
    return -fsum(p * log(p) for p in probabilities if p > 0)


def mixture(point: Point) -> list[float]:
    """The mean over hypotheses, class by class."""
    return [fsum(column) / len(point) for column in zip(*point, strict=True)]


def predictive_entropy(point: Point) -> float:
    return shannon(mixture(point))


def expected_entropy(point: Point) -> float:
    return fsum(shannon(row) for row in point) / len(point)


def bald(point: Point) -> float:
    """As mean_k KL(p_k ‖ p̄): not the difference of entropies the library computes."""
    mean = mixture(point)
    terms = [p * log(p / m) for row in point for p, m in zip(row, mean, strict=True) if p > 0]
    return fsum(terms) / len(point)


def least_confidence(point: Point) -> float:
    return 1 - max(mixture(point))


def margin(point: Point) -> float:
    """1 - (largest - second largest); with a single class the second is 0 and so the score is 0."""
    first, second = (*sorted(mixture(point), reverse=True), 0.0)[:2]
    return 1 - (first - second)


def vote_variation_ratio(point: Point) -> float:
    votes = [row.index(max(row)) for row in map(list, point)]
    return 1 - max(votes.count(c) for c in set(votes)) / len(votes)


def mean_std(point: Point, correction: int = 0) -> float:
    mean = mixture(point)
    deviations = [
        sqrt(fsum((p - m) ** 2 for p in column) / (len(column) - correction))
        for column, m in zip(zip(*point, strict=True), mean, strict=True)
    ]
    return fsum(deviations) / len(deviations)


def joint_probabilities(points: Sequence[Point], positions: Sequence[int]) -> list[float]:
    """p(y_S) for each of the C^|S| label configurations of the points at ``positions``, in lexicographic order."""
    hypotheses = range(len(points[0]))
    classes = range(len(points[0][0]))
    return [
        fsum(prod(points[i][k][c] for i, c in zip(positions, labels, strict=True)) for k in hypotheses)
        / len(hypotheses)
        for labels in product(classes, repeat=len(positions))
    ]


def joint_entropy(points: Sequence[Point], positions: Sequence[int]) -> float:
    """H(y_S) by enumerating C^|S| configurations."""
    return shannon(joint_probabilities(points, positions))


def joint_information(points: Sequence[Point], positions: Sequence[int]) -> float:
    """a(S) = I(y_S; w) = H(y_S) - Σ_{i∈S} mean_k H(y_i | w_k), by enumerating C^|S| configurations.

    A position may appear more than once: the same point labelled twice.
    """
    return joint_entropy(points, positions) - fsum(expected_entropy(points[i]) for i in positions)


def greedy_information(points: Sequence[Point], batch_size: int) -> tuple[list[int], list[float]]:
    """The greedy maximiser of :func:`joint_information` (ties: lowest position) and its running values."""
    chosen: list[int] = []
    running: list[float] = []
    for _ in range(batch_size):
        rest = [i for i in range(len(points)) if i not in chosen]
        values = [joint_information(points, [*chosen, i]) for i in rest]
        best = max(values)
        chosen.append(rest[next(j for j, value in enumerate(values) if value >= best - 1e-12)])
        running.append(best)
    return chosen, running


def inclusion_probabilities(weights: Sequence[float], size: int) -> list[float]:
    """P(i is among the first ``size`` drawn without replacement, each draw ∝ weight), over all ordered draws."""
    inclusion = [0.0] * len(weights)
    for draw in permutations(range(len(weights)), size):
        left, probability = fsum(weights), 1.0
        for i in draw:
            probability *= weights[i] / left
            left -= weights[i]
        for i in draw:
            inclusion[i] += probability
    return inclusion


def power_weights(scores: Sequence[float], coldness: float) -> list[float]:
    return [score**coldness for score in scores]


def softmax_weights(scores: Sequence[float], coldness: float) -> list[float]:
    return [exp(coldness * score) for score in scores]


def softrank_weights(scores: Sequence[float], coldness: float) -> list[float]:
    """Rank 1 is the highest score; scores must be distinct."""
    return [(1 + sum(other > score for other in scores)) ** -coldness for score in scores]


# ---- BALanCe: pairs of hypotheses that differ ------------------------------------------------------------------------

PAIRS: list[list[list[float]]] = [FIXTURE[x] + FIXTURE[x][1:] + FIXTURE[x][:1] for x in ("x0", "x2", "x3")]
"""x0, x2 and x3 as 2K = 6 hypotheses: hypothesis k of the fixture is paired with k + 1 (mod 3)."""


def edges_cut(points: Sequence[Point], positions: Sequence[int], edges: Sequence[float]) -> float:
    """Δ(S) = (1/K) Σ_y p̃(y) Σ_k e_k (1 - Π_i λ_ik(y_i) λ_i(k+K)(y_i)), by enumerating C^|S| configurations."""
    configurations = product(range(len(points[0][0])), repeat=len(positions))
    return fsum(
        probability * edges_cut_by(points, positions, labels, edges)
        for probability, labels in zip(joint_probabilities(points, positions), configurations, strict=True)
    )


def edges_cut_by(
    points: Sequence[Point], positions: Sequence[int], labels: Sequence[int], edges: Sequence[float]
) -> float:
    """(1/K) Σ_k e_k (1 - Π_i λ_ik(y_i) λ_i(k+K)(y_i)) for given labels y."""

    def relative(k: int) -> float:
        return prod(points[i][k][c] / max(points[i][k]) for i, c in zip(positions, labels, strict=True))

    pairs = len(edges)
    return fsum(edges[k] * (1 - relative(k) * relative(k + pairs)) for k in range(pairs)) / pairs
