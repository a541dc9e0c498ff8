"""A Gaussian process for tables of amounts, to try methods in closed form: ``--posterior benchmarks._kriging:learner``.

A user's own learner, not a part of the library: refitted from nothing in each round, cheap up to some 200 labels. The
belief has closed-form moments and also draws functions, so that every method of regression can be run on it.
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from torch import Generator, Tensor
from torch.distributions import Normal

from bayesal.data.pool import Pool
from bayesal.networks.standardise import Standardise

RESTARTS = 2
FREQUENCIES = 1024  # of the random Fourier features that stand for the prior of drawn functions


def learner(pool: Pool, generator: Generator) -> "Kriging":
    """Exact GP regression: ARD squared-exponential kernel and noise by maximum likelihood, on standardised data."""
    scale_inputs = Standardise.of(pool.gather(pool.ids).flatten(1), torch.float64)
    inputs = scale_inputs(pool.gather(pool.labelled).flatten(1))
    labels = pool.targets().double().flatten()
    mean, scale = labels.mean(), labels.std(correction=0)
    scale = torch.where(scale > 0, scale, 1.0)
    targets = (labels - mean) / scale
    kernel = ConstantKernel(1.0, (0.05, 20.0)) * RBF([1.0] * inputs.shape[1], (0.1, 100.0)) + WhiteKernel(
        0.1, (1e-4, 1.0)
    )
    seed = int(torch.randint(2**31, (1,), generator=generator))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a hyperparameter at its bound: few labels say little
        fit = GaussianProcessRegressor(kernel, n_restarts_optimizer=RESTARTS, random_state=seed).fit(inputs, targets)
    found: Any = fit.kernel_
    return Kriging(
        scale_inputs=scale_inputs,
        inputs=inputs,
        targets=targets,
        lengths=torch.as_tensor(found.k1.k2.length_scale, dtype=torch.float64).expand(inputs.shape[1]),
        amplitude=float(found.k1.k1.constant_value),
        own_noise=float(found.k2.noise_level),
        label_mean=float(mean),
        label_scale=float(scale),
    )


@dataclass(frozen=True, eq=False)
class Kriging:
    """f | labels, in the labels' own unit. Inside, inputs and labels are standardised and everything is float64."""

    scale_inputs: Standardise
    inputs: Float[Tensor, "L D"]
    targets: Float[Tensor, "L"]
    lengths: Float[Tensor, "D"]
    amplitude: float
    own_noise: float
    label_mean: float
    label_scale: float

    @cached_property
    def factor(self) -> Float[Tensor, "L L"]:
        noise = self.own_noise * torch.eye(len(self.inputs), dtype=torch.float64)
        return torch.linalg.cholesky(self.kernel(self.inputs, self.inputs) + noise)

    @property
    def noise(self) -> float:
        """The variance of a label around the function."""
        return self.own_noise * self.label_scale**2

    def mean(self, inputs: Tensor, /) -> Float[Tensor, "N"]:
        points = self.scale_inputs(inputs.flatten(1))
        fitted = self.solved(self.targets[:, None])[:, 0]
        return self.label_mean + self.label_scale * (self.kernel(points, self.inputs) @ fitted)

    def covariance(self, inputs: Tensor, others: Tensor, /) -> Float[Tensor, "N M"]:
        points, beside = self.scale_inputs(inputs.flatten(1)), self.scale_inputs(others.flatten(1))
        explained = self.kernel(points, self.inputs) @ self.solved(self.kernel(self.inputs, beside))
        return self.label_scale**2 * (self.kernel(points, beside) - explained)

    def variance(self, inputs: Tensor, /) -> Float[Tensor, "N"]:
        points = self.scale_inputs(inputs.flatten(1))
        beside = self.kernel(self.inputs, points)
        explained = (beside * self.solved(beside)).sum(0)
        return self.label_scale**2 * (self.amplitude - explained).clamp_min(0)

    def draw(self, num_hypotheses: int, *, generator: Generator) -> "Paths":
        """Prior functions of random Fourier features, each corrected at the labels (Matheron; Wilson et al., 2020)."""
        directions = torch.randn(self.inputs.shape[1], FREQUENCIES, generator=generator, dtype=torch.float64)
        frequencies = directions / self.lengths[:, None]
        weights = torch.randn(2 * FREQUENCIES, num_hypotheses, generator=generator, dtype=torch.float64)
        weights *= (self.amplitude / FREQUENCIES) ** 0.5
        noise = torch.randn(len(self.inputs), num_hypotheses, generator=generator, dtype=torch.float64)
        missed = self.targets[:, None] - _waves(self.inputs, frequencies) @ weights - self.own_noise**0.5 * noise
        return Paths(self, frequencies, weights, self.solved(missed))

    def kernel(self, points: Float[Tensor, "N D"], others: Float[Tensor, "M D"]) -> Float[Tensor, "N M"]:
        distances = torch.cdist(points / self.lengths, others / self.lengths)
        return self.amplitude * torch.exp(-0.5 * distances.square())

    def solved(self, values: Float[Tensor, "L M"]) -> Float[Tensor, "L M"]:
        return torch.cholesky_solve(values, self.factor)


@dataclass(frozen=True, eq=False)
class Paths:
    """K functions of the posterior: a prior function and its correction each."""

    belief: Kriging
    frequencies: Float[Tensor, "D F"]
    weights: Float[Tensor, "F2 K"]
    corrections: Float[Tensor, "L K"]

    def __call__(self, inputs: Tensor, /) -> Normal:
        belief = self.belief
        points = belief.scale_inputs(inputs.flatten(1))
        values = (
            _waves(points, self.frequencies) @ self.weights + belief.kernel(points, belief.inputs) @ self.corrections
        )
        return Normal(belief.label_mean + belief.label_scale * values, belief.noise**0.5, validate_args=False)


def _waves(points: Float[Tensor, "N D"], frequencies: Float[Tensor, "D F"]) -> Float[Tensor, "N F2"]:
    angles = points @ frequencies
    return torch.cat([angles.cos(), angles.sin()], 1)
