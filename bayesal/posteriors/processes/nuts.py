"""Hyper-parameters of Gaussian process regression by the No-U-Turn Sampler of Pyro."""

import math
from typing import NamedTuple

import pyro
import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.distributions import Normal

from bayesal.posteriors.processes.conditioned import Conditioned, Level
from bayesal.posteriors.processes.kernels import Stationary
from bayesal.posteriors.processes.priors import Hyperparameters, Prior
from bayesal.posteriors.pyro_models.nuts import agreement, chains, warn_of
from bayesal.posteriors.pyro_models.scope import floats, private

CHECKED = 50  # points on whose predictions chains are compared


class Sampled(NamedTuple):
    """Samples of all chains, the largest split R̂ of predictions at labelled points, and divergent transitions."""

    samples: list[Hyperparameters]
    r_hat: float
    divergences: int


def process_of(
    found: Hyperparameters, inputs: Float[Tensor, "L D"], targets: Float[Tensor, "L"], smoothness: float
) -> Conditioned:
    """The process with these hyper-parameters, given the targets."""
    kernel = Stationary(found.lengths[None], found.amplitude[None], smoothness)
    return Conditioned(kernel, Level(found.level[None]), inputs, targets[None], found.noise[None, None])


def sampled(
    inputs: Float[Tensor, "L D"],
    targets: Float[Tensor, "L"],
    *,
    prior: Prior,
    smoothness: float,
    num_samples: int,
    warmup: int,
    num_chains: int,
    max_tree_depth: int,
    generator: Generator,
) -> Sampled:
    """Samples of p(hyper-parameters | targets); a warning says so if chains long enough to tell disagree."""
    num_columns = inputs.shape[1]

    def model(points: Tensor, labels: Tensor) -> None:
        pyro.factor("labels", log_likelihood(prior(num_columns), points, labels, smoothness))

    seed = int(torch.randint(2**63 - 1, (), generator=generator))
    with private(seed=seed), floats(torch.float64):
        values, divergences = chains(
            model,
            inputs,
            targets,
            num_samples=num_samples,
            warmup=warmup,
            num_chains=num_chains,
            max_tree_depth=max_tree_depth,
            initial=None,
        )
        each = [{site: value[s] for site, value in values.items()} for s in range(num_chains * num_samples)]
        samples = [pyro.condition(prior, data=one)(num_columns) for one in each]
    means = [process_of(found, inputs, targets, smoothness).mean(inputs[:CHECKED])[0] for found in samples]
    r_hat = agreement(Normal(torch.stack(means, 1), 1.0, validate_args=False), num_chains)
    warn_of(r_hat, divergences, num_chains, num_samples)
    return Sampled(samples, r_hat, divergences)


def log_likelihood(
    found: Hyperparameters, inputs: Float[Tensor, "L D"], targets: Float[Tensor, "L"], smoothness: float
) -> Float[Tensor, ""]:
    """ln N(targets; level, k(X, X) + noise); -∞ where rounding makes the covariance singular, which NUTS rejects."""
    covariance = Stationary(found.lengths[None], found.amplitude[None], smoothness)(inputs, inputs)[0]
    factor, failed = torch.linalg.cholesky_ex(covariance + found.noise * torch.eye(len(inputs)).to(inputs))
    if failed:
        return found.noise.new_tensor(-math.inf)
    residuals = torch.linalg.solve_triangular(factor, (targets - found.level)[:, None], upper=False)
    constant = len(inputs) * math.log(2 * math.pi) / 2
    return -residuals.square().sum() / 2 - factor.diagonal().log().sum() - constant
