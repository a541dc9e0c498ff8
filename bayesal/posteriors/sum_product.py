"""Sum-product networks on a network's features: class posteriors, densities, and what is conceivable."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float, Int, Shaped
from torch import Generator, Tensor, nn
from torch.distributions import Categorical

from bayesal.learning.losses import CrossEntropy, Loss
from bayesal.learning.training import Training
from bayesal.networks.circuits import Circuit, dirichlet_logits, expected_counts
from bayesal.posteriors.circuits.circuit import CircuitHypotheses
from bayesal.posteriors.circuits.class_densities import Unseen, class_log_prior, mixture, train_densities, typical_of
from bayesal.posteriors.last_layers.features import StandardFeatures
from bayesal.types import Inputs

ADAM = Training(learning_rate=1e-2, weight_decay=0.0, batch_size=100, epoch_size=None, max_epochs=20, patience=None)


class SumProductNetwork:
    """M random sum-product networks on features: p_m(x, c) = π_c S_mc(features(x)), π_c = (n_c + 1) / (n + C).

    After Khosravani and Zilles (2024), who put a sum-product network on the features of a CNN; structure and training
    are those of random ones (Peharz et al., 2019, 2020), not theirs. p_m(c | x) = softmax_c(log π_c + log S_mc).

    ``draw`` enumerates the structures: for K >= M each once, for K < M a random K of them. With ``counts`` each of K
    hypotheses is a structure (in turn) whose sums weigh their terms by w ~ Dirichlet(counts + ``concentration``),
    drawn once and the same at every point.

    A class is conceivable at a point if its density there, log mean_m S_mc, is at least ``typical``: what it has at
    all but 5 % of its own labelled points. ``fit`` makes all of this of a trained network, or of raw features.
    """

    def __init__(
        self,
        features: StandardFeatures,
        circuit: Circuit,
        log_prior: Float[Tensor, "C"],
        typical: Float[Tensor, "C"],
        *,
        counts: Sequence[Float[Tensor, "..."]] | None = None,
        concentration: float = 0.1,
    ) -> None:
        self._members = CircuitHypotheses(features, circuit, log_prior)
        self.typical = typical
        self.counts = counts
        self.concentration = concentration

    @classmethod
    def fit(
        cls,
        network: nn.Module | None,
        inputs: Shaped[Tensor, "L ..."],
        targets: Shaped[Tensor, "L"],
        *,
        loss: Loss,
        generator: Generator,
        num_members: int = 5,
        posterior: Literal["structures", "dirichlet"] = "structures",
        concentration: float = 0.1,
        discriminative: float = 0.9,
        unseen: Unseen = "warn",
        num_classes: int | None = None,
        circuit: Callable[..., Circuit] = Circuit,
        training: Training = ADAM,
        least_steps: int = 200,
    ) -> "SumProductNetwork":
        """Of the features before a trained network's last linear layer, on the scale of the labelled points.

        ``network``: or one without parameters (None: none), whose outputs are the features; there NaN is a missing
        feature, in training too, and ``num_classes`` counts the classes (default: those up to the largest target).
        ``discriminative``: λ of ``HybridLoss``. At 1 nothing says what points look like, so densities mean little; 0.9
        tells classes apart as well.
        ``unseen``: a class without a label keeps π_c = 1 / (n + C), with a warning or without, or is excluded: then
        its probability is 0. ``circuit``: sizes, as ``functools.partial(Circuit, depth=2)``. ``training`` is made
        longer where it has fewer than ``least_steps`` steps. Raises ValueError for other losses than CrossEntropy.
        """
        if not isinstance(loss, CrossEntropy):
            raise ValueError(
                "a sum-product network has a density for each class, so it is fitted for CrossEntropy, but the loss "
                f"is {type(loss).__name__}; for amounts use a Gaussian process or an ensemble"
            )
        network = nn.Identity() if network is None else network
        features = StandardFeatures.of(network, inputs)
        seen = features(inputs).features
        count = num_classes or _num_outputs(network) or int(targets.max()) + 1
        targets = loss.prepare(targets, count).to(seen.device)
        log_prior = class_log_prior(targets, count, unseen).to(seen)
        model = circuit(seen.shape[1], count, num_members=num_members, generator=generator, dtype=seen.dtype)
        model = model.to(seen.device)
        train_densities(
            model,
            seen,
            targets,
            log_prior,
            discriminative=discriminative,
            training=training,
            least_steps=least_steps,
            generator=generator,
        )
        densities = mixture(CircuitHypotheses(features, model, log_prior).log_densities(seen))
        counts = expected_counts(model, seen, targets) if posterior == "dirichlet" else None
        typical = typical_of(densities, targets)
        return cls(features, model, log_prior, typical, counts=counts, concentration=concentration)

    @classmethod
    def fit_inputs(
        cls,
        inputs: Shaped[Tensor, "L ..."],
        labels: Shaped[Tensor, "L"],
        *,
        scale: nn.Module | None = None,
        generator: Generator,
        **settings: Any,
    ) -> "SumProductNetwork":
        """``fit`` on the numbers of the inputs themselves: ``Fitted(partial(SumProductNetwork.fit_inputs, ...))``."""
        return cls.fit(scale, inputs, labels, loss=CrossEntropy(), generator=generator, **settings)

    @property
    def num_members(self) -> int:
        return self._members.circuit.num_members

    def draw(self, num_hypotheses: int, *, generator: Generator) -> CircuitHypotheses:
        """The M structures if K >= M, else K of them without replacement; with ``counts``, K draws of weights."""
        if num_hypotheses < 1:
            raise ValueError(f"at least one hypothesis must be drawn, but num_hypotheses is {num_hypotheses}")
        own = self._members
        if self.counts is not None:
            members = torch.arange(num_hypotheses) % self.num_members
            counts = [count[members] for count in self.counts]
            weights = dirichlet_logits(counts, concentration=self.concentration, generator=generator)
            circuit = own.circuit.choose(members[: 1 if self.num_members == 1 else None], weights)
        elif num_hypotheses < self.num_members:
            circuit = own.circuit.choose(torch.randperm(self.num_members, generator=generator)[:num_hypotheses])
        else:
            circuit = own.circuit
        return CircuitHypotheses(own.features, circuit, own.log_prior)

    def embed(self, inputs: Inputs, /) -> Float[Tensor, "N D"]:
        """The standardised features."""
        seen = self._members.features(inputs)
        return seen.features.to(seen.device)

    def marginal(self, features: Float[Tensor, "N D"], /) -> Categorical:
        """p_m(c | the features that are not NaN), ``(N, M)``: of features as ``embed`` gives them, some made NaN."""
        return self._members.given(features)

    def log_density(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        """log p(x) = log Σ_c π_c (1/M) Σ_m S_mc of the standardised features: low where points are unusual."""
        densities, device = self._densities(inputs)
        return (densities + self._members.log_prior).logsumexp(dim=1).to(device)

    def conceivable(self, inputs: Inputs, /) -> Int[Tensor, "N"]:
        """How many classes are conceivable at each point, from 0 to C."""
        densities, device = self._densities(inputs)
        return (densities >= self.typical).sum(dim=1).to(device)

    @property
    def state(self) -> dict[str, Tensor]:
        """All tensors by name, for saving."""
        own = self._members
        parts = {"features": own.features.state_dict(), "circuit": own.circuit.state_dict()}
        named = {f"{part}.{name}": value for part, tensors in parts.items() for name, value in tensors.items()}
        counts = {f"counts.{i}": count for i, count in enumerate(self.counts or ())}
        return {**named, **counts, "log_prior": own.log_prior, "typical": self.typical}

    def _densities(self, inputs: Inputs) -> tuple[Float[Tensor, "N C"], torch.device]:
        seen = self._members.features(inputs)
        return mixture(self._members.log_densities(seen.features)), seen.device


def _num_outputs(network: nn.Module) -> int | None:
    heads = [module for module in network.modules() if isinstance(module, nn.Linear)]
    return heads[-1].out_features if heads else None
