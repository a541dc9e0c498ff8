"""Variances left by labels, by plain NumPy and by trying everything: shares no code with the library."""

import numpy as np

TRAIN = [[1.0, 0.0], [0.0, -1.0]]
POOL = [[2.0, 0.3], [0.2, 1.1], [-0.4, 2.1], [1.6, 1.5], [-1.2, 0.5], [0.1, -2.3]]
"""The card's example A, at σ² = 0.25."""


def left(kernel: np.ndarray, taken: list[int], noise: float) -> np.ndarray:
    """The covariances of everything, given labels of what is taken; ``noise`` is σ²."""
    if not taken:
        return kernel
    known = kernel[np.ix_(taken, taken)] + noise * np.eye(len(taken))
    return kernel - kernel[:, taken] @ np.linalg.solve(known, kernel[taken])


def total(kernel: np.ndarray, taken: list[int], noise: float) -> float:
    """Σ_u k(u, u) over everything."""
    return float(left(kernel, taken, noise).trace())


def fewest(costs: dict[int, float]) -> int:
    """The key of the smallest value; of equals (but for rounding) the lowest."""
    least = min(costs.values())
    return min(key for key, value in costs.items() if value <= least + 1e-9 * max(1.0, abs(least)))


def forward_backward(value, choices: list[int], batch_size: int, over_selection: int = 1) -> list[int]:
    """The choices whose ``value`` (of a list of them) is lowest, one by one; too many, then fewer again."""
    taken: list[int] = []
    for _ in range(min(len(choices), over_selection * batch_size)):
        taken.append(fewest({n: value([*taken, n]) for n in choices if n not in taken}))
    while len(taken) > batch_size:
        taken.remove(fewest({n: value([m for m in taken if m != n]) for n in taken}))
    return taken


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def informations(logits: np.ndarray, features: np.ndarray) -> np.ndarray:
    """I(x) = (diag p - p pᵀ) ⊗ h hᵀ of every point."""
    return np.stack(
        [np.kron(np.diag(p) - np.outer(p, p), np.outer(h, h)) for p, h in zip(softmax(logits), features, strict=True)]
    )


def fisher_objective(
    information: np.ndarray, known: list[int], taken: list[int], ridge: float, weighting: str, batch_size: int
) -> float:
    """tr M⁻¹F with F the mean of all; ``known`` and ``taken`` are places among them."""
    together = len(known) + batch_size
    of_known = 1.0 if weighting == "sum" else 1 / together
    of_taken = {"sum": 1.0, "average": 1 / together, "reference": batch_size / together}[weighting]
    precision = ridge * np.eye(information.shape[1])
    precision += of_known * information[known].sum(0) + of_taken * information[taken].sum(0)
    return float(np.trace(np.linalg.solve(precision, information.mean(0))))
