"""Circuits as hypotheses: the class posteriors of K sum-product networks on the same features."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical

from bayesal.likelihoods import categorical
from bayesal.networks.circuits import Circuit
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.last_layers.features import StandardFeatures
from bayesal.types import Inputs

NUMBERS = 2**22  # of the products of all circuits evaluated together: more fall out of the processor's cache


class CircuitHypotheses:
    """K functions x ↦ p_k(c | x) ∝ π_c S_kc(features(x)), one a circuit.

    A call gives ``Categorical`` of batch shape ``(N, K)`` on the inputs' device, in the precision of the features.
    """

    def __init__(self, features: StandardFeatures, circuit: Circuit, log_prior: Float[Tensor, "C"]) -> None:
        self.features = frozen_copy(features)
        self.circuit = frozen_copy(circuit)
        self.log_prior = log_prior.detach().clone()

    def __call__(self, inputs: Inputs, /) -> Categorical:
        seen = self.features(inputs)
        return self._posterior(seen.features, seen.device)

    def given(self, features: Float[Tensor, "N D"]) -> Categorical:
        """p_k(c | the features that are not NaN), where ``features`` are standardised."""
        return self._posterior(features.to(self.log_prior), features.device)

    @torch.no_grad()
    def log_densities(self, features: Float[Tensor, "N D"]) -> Float[Tensor, "N K C"]:
        """log S_kc of standardised features."""
        rows = max(1, NUMBERS // self.circuit.numbers_a_point)
        weights = self.circuit.weights()
        return torch.cat([self.circuit.log_densities(some, weights) for some in features.split(rows)])

    def _posterior(self, features: Float[Tensor, "N D"], device: torch.device) -> Categorical:
        joint = self.log_densities(features) + self.log_prior
        posterior = categorical(joint.log_softmax(dim=-1).to(device))
        assert isinstance(posterior, Categorical)
        return posterior
