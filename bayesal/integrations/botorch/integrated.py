"""The variance that is left over a region once a batch is observed, for any belief (qNIPV)."""

from typing import Any

import torch
from botorch.acquisition import AcquisitionFunction
from jaxtyping import Float
from torch import Tensor

from bayesal.integrations.botorch.functions import FunctionsModel
from bayesal.integrations.botorch.moments import MomentsModel


class NegIntegratedVariance(AcquisitionFunction):
    """-(1/N) Σ_n Var[f(x_n) | y at the q points], for points x_n ``N d`` spread over the region of interest.

    = -(1/N) Σ_n (C_nn - C_nq (C_qq + s²I)⁻¹ C_qn), with C the belief's covariance, exact for a ``MomentsModel``, and of
    its K functions (with K - 1) for a ``FunctionsModel``; s² is the noise variance. For a Gaussian process this is
    BoTorch's ``qNegIntegratedPosteriorVariance`` (Seo et al., 2000; Chen and Zhou, 2014), which needs a model that can
    be conditioned; this needs only a joint belief.
    """

    def __init__(
        self, model: MomentsModel | FunctionsModel, mc_points: Float[Tensor, "N d"], *, noise: float | None = None
    ) -> None:
        super().__init__(model=model)
        self.noise: float = model.known_noise() if noise is None else noise
        if not self.noise > 0:
            raise ValueError(f"the noise variance must be positive, but it is {self.noise}")
        self.mc_points = mc_points
        with torch.no_grad():
            if isinstance(model, FunctionsModel):
                self._region = _centred(model, mc_points)
                self._total = self._region.square().sum(0).mean()
            else:
                variances = [model.belief.covariance(p, p) for p in model.points(mc_points).split(1)]
                self._total = torch.cat(variances).flatten().to(mc_points).mean()

    def forward(self, X: Float[Tensor, "*b q d"]) -> Float[Tensor, "*b"]:
        """One number a batch of q points."""
        batches = X.reshape(-1, *X.shape[-2:])
        own, beside = self._covariances(batches)
        left = own + self.noise * torch.eye(X.shape[-2]).to(X)
        explained = (beside * torch.linalg.solve(left, beside)).sum(-2).mean(-1)
        return (explained - self._total).reshape(X.shape[:-2] or (1,))

    def _covariances(self, X: Float[Tensor, "b q d"]) -> tuple[Float[Tensor, "b q q"], Float[Tensor, "b q N"]]:
        model: Any = self.model
        if isinstance(model, FunctionsModel):
            functions = torch.stack([_centred(model, x) for x in X])
            return functions.mT @ functions, functions.mT @ self._region
        region, own = model.points(self.mc_points), [model.points(x) for x in X]
        covariance = model.belief.covariance
        beside = torch.stack([covariance(x, region) for x in own])
        return torch.stack([covariance(x, x) for x in own]).to(X), beside.to(X)


def _centred(model: FunctionsModel, points: Float[Tensor, "n d"]) -> Float[Tensor, "K n"]:
    """Deviations from the functions' mean, scaled so that their products are covariances."""
    values = model.outcomes(points)
    if values.shape[-1] != 1 or len(values) < 2:
        raise ValueError(f"a variance needs one output and at least two functions, but they are K n m = {values.shape}")
    values = values.squeeze(-1)
    return (values - values.mean(0)) / (len(values) - 1) ** 0.5
