"""Bayesian neural networks in Pyro: any network, a prior over its weights, and the likelihood of its loss."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from jaxtyping import Shaped
from pyro import poutine
from pyro.infer.autoguide import AutoNormal
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

from bayesal.learning.losses import BinaryCrossEntropy, CrossEntropy, GaussianLoss, Loss, Rescaled, SquaredLoss
from bayesal.likelihoods import SMALLEST_VARIANCE, Likelihood
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.pyro_model import PyroPosterior
from bayesal.posteriors.pyro_models.drawn import one_normal
from bayesal.posteriors.pyro_models.fit import fit_nuts, fit_svi
from bayesal.posteriors.pyro_models.weight_prior import Prior

NOISE = "label_noise"
LABEL = "label"
MOST_SAMPLED = 5_000  # weights


class BayesianNetwork(nn.Module):
    """A Pyro model ``model(x, y=None)``: weights ~ ``prior``, label ~ the likelihood that ``loss`` stands for.

    The latents are the weights, by their names in the network, which is copied, runs in evaluation mode, and keeps the
    weights that the prior hides. ``CrossEntropy``: a class. ``BinaryCrossEntropy``: several labels. ``SquaredLoss``: an
    amount, whose noise is one more latent, ln σ ~ N(-1, 1) for labels on the loss's scale. ``GaussianLoss``: an amount
    whose noise is the network's second output. ``num_points``: N; a batch of B labels then counts N/B times.

    ``by_svi`` and ``by_nuts`` learn it from a trained network, and are what the learner ``Staged`` takes as ``fit``.
    """

    def __init__(
        self, network: nn.Module, loss: Loss, *, prior: Prior | None = None, num_points: int | None = None
    ) -> None:
        super().__init__()
        if not isinstance(loss, CrossEntropy | BinaryCrossEntropy | SquaredLoss | GaussianLoss):
            raise ValueError(
                "a Bayesian network has the likelihood of CrossEntropy, BinaryCrossEntropy, SquaredLoss or "
                f"GaussianLoss, but the loss is a {type(loss).__name__}"
            )
        self.network = frozen_copy(network)
        self.loss = loss
        self.num_points = num_points
        self.scales = (prior or Prior()).scales(self.network)

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Tensor:
        own = dict(self.network.named_parameters())
        weights = {
            name: pyro.sample(name, dist.Normal(torch.zeros_like(own[name]), scale).to_event(own[name].ndim))
            for name, scale in self.scales.items()
        }
        noise = pyro.sample(NOISE, dist.LogNormal(*self._noise())) if isinstance(self.loss, SquaredLoss) else None
        outputs = functional_call(self.network, weights, (inputs,))
        times = 1.0 if labels is None or self.num_points is None else self.num_points / len(inputs)
        with poutine.scale(scale=times), pyro.plate("points", len(inputs)):
            return pyro.sample(LABEL, self._label(outputs, noise), obs=labels)

    def _label(self, outputs: Tensor, noise: Tensor | None) -> Any:
        if isinstance(self.loss, CrossEntropy):
            return dist.Categorical(logits=outputs)
        if isinstance(self.loss, BinaryCrossEntropy):
            return dist.Bernoulli(logits=outputs).to_event(1)
        if noise is not None:
            mean = outputs.squeeze(-1)
        else:
            mean, raw = outputs.unbind(-1)
            noise = (softplus(raw) + SMALLEST_VARIANCE).sqrt()
        return dist.Normal(self.loss.shift + self.loss.scale * mean, self.loss.scale * noise)

    def _noise(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of ln σ: between 0.05 and 2.6 of the labels' own spread, mostly."""
        one = next(self.network.parameters()).new_ones(())
        return -one, one

    @classmethod
    def by_svi(
        cls,
        network: nn.Module,
        inputs: Shaped[Tensor, "L ..."],
        targets: Shaped[Tensor, "L ..."],
        *,
        loss: Loss,
        generator: Generator,
        prior: Prior | None = None,
        guide: Callable[..., Any] = AutoNormal,
        num_steps: int = 1_000,
        learning_rate: float = 0.003,
        batch_size: int = 64,
        num_particles: int = 1,
        init_scale: float = 0.02,
        annealing: float = 0.5,
        kl_weight: float = 1.0,
    ) -> PyroPosterior:
        """A Gaussian over the weights by variational inference (Graves, 2011; Blundell et al., 2015), started at the
        trained weights with small widths. Settings as in ``fit_svi``; weights are drawn whole, also while training."""
        model = cls(network, loss, prior=prior, num_points=len(inputs))
        return fit_svi(
            model,
            inputs,
            targets,
            generator=generator,
            guide=guide,
            num_steps=num_steps,
            learning_rate=learning_rate,
            batch_size=batch_size,
            num_particles=num_particles,
            init_scale=init_scale,
            annealing=annealing,
            kl_weight=kl_weight,
            initial=model.trained,
            dtype=model.dtype,
            label_site=LABEL,
        )

    @classmethod
    def by_nuts(
        cls,
        network: nn.Module,
        inputs: Shaped[Tensor, "L ..."],
        targets: Shaped[Tensor, "L ..."],
        *,
        loss: Loss,
        generator: Generator,
        prior: Prior | None = None,
        num_samples: int = 100,
        warmup: int = 150,
        num_chains: int = 2,
        max_tree_depth: int = 6,
    ) -> PyroPosterior:
        """Samples of the weights' posterior by NUTS, for some 1,000 weights at most: the gold standard of small
        networks. The first chain starts at the trained weights. Settings as in ``fit_nuts``. Raises ValueError for more
        than 5,000 weights, with which a single sample takes minutes."""
        model = cls(network, loss, prior=prior)
        count = sum(value.numel() for value in model.trained.values())
        if count > MOST_SAMPLED:
            raise ValueError(
                f"NUTS would sample {count} weights and is for at most {MOST_SAMPLED}; take a smaller network, hide "
                "layers from the prior, or use variational inference"
            )
        return fit_nuts(
            model,
            inputs,
            targets,
            generator=generator,
            num_samples=num_samples,
            warmup=warmup,
            num_chains=num_chains,
            max_tree_depth=max_tree_depth,
            initial=model.trained,
            dtype=model.dtype,
            label_site=LABEL,
        )

    def plain(self) -> tuple[nn.Module, Likelihood, dict[str, str]]:
        """The same functions without Pyro: a network, its likelihood, and by latent the tensor of it that varies."""
        names = {name: f"network.{name}" for name in self.scales}
        if isinstance(self.loss, SquaredLoss):
            return Noisy(self.network), Rescaled(one_normal, self.loss.shift, self.loss.scale), {**names, NOISE: NOISE}
        return nn.Sequential(OrderedDict(network=self.network)), self.loss.likelihood, names

    @property
    def trained(self) -> dict[str, Tensor]:
        """The network's own values of the weights that are uncertain."""
        return {name: value for name, value in self.network.named_parameters() if name in self.scales}

    @property
    def dtype(self) -> torch.dtype:
        return next(self.network.parameters()).dtype


class Noisy(nn.Module):
    """A network of one output, which goes on with the noise of its label."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer(NOISE, next(network.parameters()).new_ones(()))

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = self.network(inputs)
        return torch.cat([outputs, self.get_buffer(NOISE).expand_as(outputs)], 1)
