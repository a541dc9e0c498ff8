"""Gaussian processes that learn what they know at a few inducing points, as GPyTorch models."""

import math
from typing import Any

import torch
from gpytorch.constraints import Positive
from gpytorch.distributions import MultivariateNormal
from gpytorch.kernels import RBFKernel, ScaleKernel
from gpytorch.means import ZeroMean
from gpytorch.models import ApproximateGP
from gpytorch.priors import LogNormalPrior
from gpytorch.variational import (
    CholeskyVariationalDistribution,
    IndependentMultitaskVariationalStrategy,
    VariationalStrategy,
)
from jaxtyping import Float
from sklearn.cluster import KMeans
from torch import Generator, Tensor

START = 0.5  # of the length-scale in the middle of the prior


class InducingGP(ApproximateGP):
    """f ~ GP(0, a·exp(-½‖(x - x')/ℓ‖²)) with q(L⁻¹f(Z)) = N(m, S), LLᵀ = K_ZZ: whitened, as in Hensman et al. (2015).

    ``num_outputs``: that many independent functions, each with its own q, under one kernel (``per_output=False``) or
    a kernel each; None is a single function. ``lengthscale``: the middle of ℓ's prior LogNormal(log lengthscale, 1). ℓ
    starts at half of it: from a long start the bound of a few dozen labels has been seen to settle where everything is
    smooth and noisy (two moons told apart by a line). The prior of a is LogNormal(0, 1) around where it starts,
    ``outputscale``. Both priors say little beside a hundred labels, and keep ten labels from saying absurd things.
    ``ard``: one ℓ a column.
    """

    def __init__(
        self,
        inducing: Float[Tensor, "M D"],
        *,
        lengthscale: float,
        outputscale: float = 1.0,
        num_outputs: int | None = None,
        per_output: bool = False,
        ard: bool = False,
        move: bool = True,
    ) -> None:
        each = torch.Size([] if num_outputs is None else [num_outputs])
        kernels = each if per_output else torch.Size([])
        q = CholeskyVariationalDistribution(len(inducing), batch_shape=each, mean_init_std=0.0)
        strategy = VariationalStrategy(self, inducing, q, learn_inducing_locations=move)
        if num_outputs is not None:
            strategy = IndependentMultitaskVariationalStrategy(strategy, num_tasks=num_outputs)
        super().__init__(strategy)
        self.mean_module = ZeroMean()
        self.covar_module = ScaleKernel(
            RBFKernel(
                ard_num_dims=inducing.shape[1] if ard else None,
                batch_shape=kernels,
                lengthscale_prior=LogNormalPrior(math.log(lengthscale), 1.0),
                lengthscale_constraint=_any_scale(),
            ),
            batch_shape=kernels,
            outputscale_prior=LogNormalPrior(math.log(outputscale), 1.0),
            outputscale_constraint=_any_scale(),
        )
        self.to(inducing)
        self.covar_module.initialize(outputscale=outputscale, **{"base_kernel.lengthscale": START * lengthscale})

    def forward(self, x: Tensor) -> Any:
        """The prior at these points, a ``MultivariateNormal``."""
        mean: Any = self.mean_module(x)
        return MultivariateNormal(mean, self.covar_module(x))


def _any_scale() -> Positive:
    """A step moves the logarithm: numbers of any size move alike."""
    exp: Any = torch.exp
    return Positive(transform=exp, inv_transform=torch.log)


def centres(points: Float[Tensor, "L D"], num_centres: int, *, generator: Generator) -> Float[Tensor, "M D"]:
    """The k-means centres of the points, or the different points themselves where there are no more than asked for."""
    different = points.detach().unique(dim=0)
    if len(different) <= num_centres:
        return different
    seed = int(torch.randint(2**31, (), generator=generator))
    found = KMeans(num_centres, n_init="auto", random_state=seed).fit(different.cpu().numpy())
    return torch.as_tensor(found.cluster_centers_).to(points)
