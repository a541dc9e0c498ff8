"""An exact Gaussian process in plain NumPy, and information by determinants: shares no code with the library."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Generator, Tensor
from torch.distributions import Normal


def squared_exponential(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * ((points[:, None] - others[None]) ** 2).sum(2))


@dataclass
class ExactGP:
    """f | labels, with (co)variances of the function. Has ``Moments`` and ``noise``, and counts what it is asked."""

    inputs: np.ndarray
    labels: np.ndarray
    noise: float = 0.1
    columns: list[tuple[int, int]] = field(default_factory=list)

    def mean(self, inputs: Tensor, /) -> Tensor:
        beside = squared_exponential(inputs.numpy(), self.inputs)
        return torch.from_numpy(beside @ np.linalg.solve(self._labels_covariance(), self.labels))

    def covariance(self, inputs: Tensor, others: Tensor, /) -> Tensor:
        self.columns.append((len(inputs), len(others)))
        return torch.from_numpy(self.posterior(inputs.numpy(), others.numpy()))

    def posterior(self, points: np.ndarray, others: np.ndarray) -> np.ndarray:
        known = np.linalg.solve(self._labels_covariance(), squared_exponential(self.inputs, others))
        return squared_exponential(points, others) - squared_exponential(points, self.inputs) @ known

    def also_at(self, points: np.ndarray, labels: np.ndarray) -> "ExactGP":
        """Refitted with more labels."""
        return ExactGP(np.concatenate([self.inputs, points]), np.concatenate([self.labels, labels]), self.noise)

    def _labels_covariance(self) -> np.ndarray:
        return squared_exponential(self.inputs, self.inputs) + self.noise * np.eye(len(self.inputs))


@dataclass
class DrawingGP:
    """The same belief, which can only draw: K functions at the points of a table, from a root of their covariance."""

    process: ExactGP
    table: np.ndarray
    noise_sd: np.ndarray | float

    def draw(self, num_hypotheses: int, *, generator: Generator):
        values, vectors = np.linalg.eigh(self.process.posterior(self.table, self.table))
        root = vectors * np.sqrt(np.clip(values, 0, None))
        white = torch.randn(len(self.table), num_hypotheses, generator=generator, dtype=torch.float64).numpy()
        functions = root @ white
        noise = np.broadcast_to(self.noise_sd, len(self.table))

        def hypotheses(inputs: Tensor) -> Normal:
            where = [int(np.abs(self.table - point).sum(1).argmin()) for point in inputs.numpy()]
            sd = torch.from_numpy(noise[where].copy())[:, None].expand(-1, num_hypotheses)
            return Normal(torch.from_numpy(functions[where]), sd, validate_args=False)

        return hypotheses


def toy_process(seed: int, labelled: int = 3, noise: float = 0.1) -> ExactGP:
    rng = np.random.default_rng(seed)
    return ExactGP(rng.normal(size=(labelled, 2)), rng.normal(size=labelled), noise)


def covariances(seed: int, size: int) -> np.ndarray:
    """A random covariance matrix of full rank."""
    root = np.random.default_rng(seed).normal(size=(size, size + 1))
    return root @ root.T / (size + 1)


def information_between(joint: np.ndarray, some: list[int], others: list[int]) -> float:
    """I between two groups of jointly Gaussian variables: ½ (ln det A + ln det B - ln det of both)."""
    return 0.5 * sum(
        sign * np.linalg.slogdet(joint[np.ix_(group, group)])[1]
        for sign, group in ((1, some), (1, others), (-1, some + others))
    )


def joint_information(covariance: np.ndarray, some: list[int], noise: float) -> float:
    """I(y_S; f) = ½ ln det(I + S / σ²)."""
    return 0.5 * float(np.linalg.slogdet(np.eye(len(some)) + covariance[np.ix_(some, some)] / noise)[1])
