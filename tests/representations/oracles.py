"""What kernels and their posteriors are, by plain NumPy and SciPy."""

import math
from itertools import pairwise

import numpy as np
from scipy.integrate import quad


def conditioned(joint: np.ndarray, known: list[int], noise: float) -> np.ndarray:
    """The covariance of all, given labels with noise (a standard deviation) at the known."""
    beside = joint[:, known]
    labels = joint[np.ix_(known, known)] + noise**2 * np.eye(len(known))
    return joint - beside @ np.linalg.solve(labels, beside.T)


def network_kernels(x: np.ndarray, y: np.ndarray, depth: int, weights: float, biases: float) -> tuple[float, float]:
    """The nngp and ntk of two inputs, with the Gaussian integrals done by quadrature over the angle."""

    def first(u: np.ndarray, v: np.ndarray) -> float:
        return weights * float(u @ v) / len(u) + biases

    matrix = np.array([[first(x, x), first(x, y)], [first(y, x), first(y, y)]])
    tangent = matrix[0, 1]
    for _ in range(depth - 1):
        moments = np.array([[_relu_moment(matrix, i, j) for j in (0, 1)] for i in (0, 1)])
        slope = _both_active(matrix)
        matrix = weights * moments + biases
        tangent = matrix[0, 1] + weights * slope * tangent
    return float(matrix[0, 1]), float(tangent)


def finite_network_kernels(
    x: np.ndarray, y: np.ndarray, weights: float, biases: float, width: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Of one random network of three layers: the inner products of its last features and of its gradients."""
    hidden, top = rng.normal(size=(width, width)), rng.normal(size=width)
    low, bias, middle = rng.normal(size=(width, len(x))), rng.normal(size=width), rng.normal(size=width)
    seen = []
    for some in (x, y):
        z1 = math.sqrt(weights / len(x)) * low @ some + math.sqrt(biases) * bias
        a1 = np.maximum(z1, 0)
        z2 = math.sqrt(weights / width) * hidden @ a1 + math.sqrt(biases) * middle
        a2 = np.maximum(z2, 0)
        g2 = math.sqrt(weights / width) * top * (z2 > 0)
        g1 = math.sqrt(weights / width) * (hidden.T @ g2) * (z1 > 0)
        seen.append((some, a1, a2, g1, g2))
    (x0, a1, a2, g1, g2), (y0, b1, b2, h1, h2) = seen
    last = weights / width * float(a2 @ b2) + biases
    middle_part = float(g2 @ h2) * (weights / width * float(a1 @ b1) + biases)
    first_part = float(g1 @ h1) * (weights / len(x) * float(x0 @ y0) + biases)
    return last, last + middle_part + first_part


def _relu_moment(matrix: np.ndarray, i: int, j: int) -> float:
    """E relu(u_i) relu(u_j), u Gaussian: r² has the mean 2, and the angle is uniform."""
    root = _root(matrix)
    return 2 * _mean_over_angles(root, lambda u: max(0.0, u[i]) * max(0.0, u[j]))


def _both_active(matrix: np.ndarray) -> float:
    return _mean_over_angles(_root(matrix), lambda u: float(u[0] > 0 and u[1] > 0))


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.maximum(values, 0))


def _mean_over_angles(root: np.ndarray, function) -> float:
    kinks = [math.atan2(*other) % math.pi for other in np.c_[-root[:, 0], root[:, 1]]]
    edges = sorted({0.0, 2 * math.pi, *kinks, *(kink + math.pi for kink in kinks)})
    return (
        sum(
            quad(lambda t: function(root @ np.array([math.cos(t), math.sin(t)])), low, high, epsabs=1e-13)[0]
            for low, high in pairwise(edges)
        )
        / 2
        / math.pi
    )
