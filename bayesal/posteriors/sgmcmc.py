"""Stochastic-gradient MCMC: samples of a chain over the weights as hypotheses."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from bayesal.learning import Examples, Loss
from bayesal.likelihoods import Likelihood, categorical
from bayesal.numerics.chains import effective_sample_size
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.network import NetworkHypotheses
from bayesal.posteriors.points import Points
from bayesal.posteriors.snapshots import Snapshots
from bayesal.posteriors.weight_walks.langevin import Langevin
from bayesal.types import Inputs

WATCHED = 64  # labelled points whose predictions say how well the chain mixes


class SGMCMC(Snapshots):
    """S samples of the posterior of the weights, equally likely (Welling and Teh, 2011; Zhang et al., 2020).

    ``draw(K)`` gives each sample once for K >= S, else a random K of them. ``effective_samples``: what the S samples of
    one chain are worth in independent ones, as far as the chain can tell; None where nobody measured it. A chain that
    never left one mode does not know of the others.
    """

    def __init__(
        self,
        network: nn.Module,
        states: Sequence[Mapping[str, Tensor]],
        likelihood: Likelihood = categorical,
        *,
        effective_samples: float | None = None,
    ) -> None:
        super().__init__(network, states, likelihood)
        self.effective_samples = effective_samples

    @classmethod
    def fit(
        cls,
        network: nn.Module,
        inputs: Inputs,
        targets: Tensor,
        *,
        loss: Loss,
        generator: Generator,
        chain: Langevin | None = None,
        prior_scale: float = 1.0,
        batch_size: int = 128,
    ) -> "SGMCMC":
        """Samples of p(θ | labels) ∝ Π_j N(θ_j; 0, s_j²) Π_i exp(-loss_i) by one chain from a trained network.

        θ: the network's parameters that need gradients. s_j = ``prior_scale`` · √(2 / fan-in) for weights, so that
        activations keep their size from layer to layer (He et al., 2015), and ``prior_scale`` for biases; the chain
        moves θ_j / s_j. A step sees ``batch_size`` of the N points, drawn without replacement (all, where there are no
        more: then its gradient is exact); log p is divided by N and the temperature is 1/N. The network is in
        evaluation mode: dropout off, normalisation fixed. ``effective_samples`` is the smaller of the effective sample
        sizes of log p and, in the median, of the outputs at 64 labelled points.
        Raises ImportError without the library ``posteriors``, and ValueError if the chain diverges.
        A learner: ``Staged(network, SGMCMC.fit)``.
        """
        if not prior_scale > 0:
            raise ValueError(f"prior_scale must be positive, but it is {prior_scale}")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, but it is {batch_size}")
        chain = chain or Langevin()
        still = frozen_copy(network)
        points = Points.prepare(inputs, still)
        if not isinstance(points.inputs, Tensor):
            raise ValueError("SGMCMC.fit takes points that are one tensor; sample in a loop of your own")
        examples = Examples(points.inputs, targets.to(points.where))
        count = len(examples)
        trained = {name: p.detach() for name, p in network.named_parameters() if p.requires_grad}
        if not trained:
            raise ValueError(f"the network ({type(network).__name__}) has no parameters that need gradients")
        sizes = [value.numel() for value in trained.values()]
        scales = {name: prior_scale * _relative(value) for name, value in trained.items()}

        def named(theta: Tensor) -> dict[str, Tensor]:
            pieces = zip(trained, theta.split(sizes, dim=-1), strict=True)
            return {n: scales[n] * piece.reshape(*theta.shape[:-1], *trained[n].shape) for n, piece in pieces}

        def log_density(theta: Tensor, some: Examples) -> Tensor:
            outputs = functional_call(still, named(theta), (some.inputs,))
            return -loss(outputs, some.targets).mean() - theta.square().sum() / (2 * count)

        order = Generator().manual_seed(int(torch.randint(2**63 - 1, (), generator=generator)))

        def batch() -> Examples:
            if batch_size >= count:
                return examples
            return examples[torch.randperm(count, generator=order)[:batch_size].to(points.where)]

        samples = chain.run(
            log_density,
            torch.cat([value.flatten() / scales[name] for name, value in trained.items()]),
            temperature=1 / count,
            seed=int(torch.randint(2**63 - 1, (), generator=generator)),
            batch=batch,
        )
        with torch.no_grad():
            heights = torch.stack([log_density(theta, examples) for theta in samples])
        outputs = NetworkHypotheses(still, named(samples), loss.likelihood).outputs(points[:WATCHED])
        mixing = effective_sample_size(outputs.transpose(0, 1)).median()
        effective = float(torch.minimum(effective_sample_size(heights), mixing))
        return cls(still, [named(theta) for theta in samples], loss.likelihood, effective_samples=effective)


def _relative(values: Tensor) -> float:
    return math.sqrt(2 * len(values) / values.numel()) if values.ndim > 1 else 1.0
