"""Training Gaussian processes with inducing points by their evidence lower bound."""

import math
from collections.abc import Callable, Iterable

import torch
from gpytorch.likelihoods import GaussianLikelihood, Likelihood, SoftmaxLikelihood
from gpytorch.mlls import VariationalELBO
from gpytorch.priors import LogNormalPrior
from jaxtyping import Float, Shaped
from torch import Generator, Tensor, nn
from tqdm import trange

from bayesal.learning.streams import seeded
from bayesal.posteriors.cholesky import cholesky
from bayesal.posteriors.distances import typical_distance
from bayesal.posteriors.gpytorch_models import inducing_of
from bayesal.posteriors.inducing_gp import InducingGP, centres

SHOW_PROGRESS_AFTER = 2.0  # seconds
CLASS_OUTPUTSCALE = 4.0  # where the variance of a logit starts: one class is then all but certain at some points
NOISE = 0.1  # where the noise of a standardised label starts


def train_inducing_gp(
    inputs: Shaped[Tensor, "L ..."],
    targets: Shaped[Tensor, "L"],
    *,
    features: Callable[[Tensor], Tensor],
    num_classes: int | None,
    num_inducing: int,
    num_steps: int,
    batch_size: int,
    learning_rate: float,
    generator: Generator,
    average: Callable[[Tensor], Tensor] = torch.median,
    ard: bool = False,
    per_class: bool = False,
    beside: Iterable[nn.Parameter] = (),
    beside_rate: float = 0.0,
) -> tuple[InducingGP, Likelihood]:
    """A process of ``features(inputs)``, ``L D`` in double precision, and its likelihood, in evaluation mode.

    For classes (``num_classes`` is not None): softmax of a function each. Else for standardised amounts: one function
    and Gaussian noise. ``beside``: other parameters that move with the process, at the rate ``beside_rate``.
    Raises ValueError for settings that are not positive, and if the bound does not stay finite.
    """
    for name, count in (("num_inducing", num_inducing), ("num_steps", num_steps), ("batch_size", batch_size)):
        if count < 1:
            raise ValueError(f"{name} must be at least 1, but it is {count}")
    with torch.no_grad():
        points = features(inputs)
    places = centres(points, num_inducing, generator=generator)
    model = InducingGP(
        places,
        lengthscale=typical_distance(points, average),
        outputscale=1.0 if num_classes is None else CLASS_OUTPUTSCALE,
        num_outputs=num_classes,
        per_output=per_class,
        ard=ard,
        move=len(places) < len(points),
    )
    likelihood = _likelihood(num_classes).to(points)
    own = [*model.parameters(), *likelihood.parameters()]
    optimiser = torch.optim.Adam([{"params": own, "lr": learning_rate}, {"params": list(beside), "lr": beside_rate}])
    with seeded(int(torch.randint(2**63 - 1, (), generator=generator))):
        maximise_elbo(
            model,
            likelihood,
            inputs,
            targets,
            features=features,
            optimiser=optimiser,
            num_steps=num_steps,
            batch_size=batch_size,
            generator=generator,
        )
    if isinstance(likelihood, GaussianLikelihood):
        with torch.no_grad():
            settle(model, features(inputs), targets, likelihood.noise.item())
    return model, likelihood


def maximise_elbo(
    model: InducingGP,
    likelihood: Likelihood,
    inputs: Shaped[Tensor, "L ..."],
    targets: Shaped[Tensor, "L"],
    *,
    features: Callable[[Tensor], Tensor],
    optimiser: torch.optim.Optimizer,
    num_steps: int,
    batch_size: int,
    generator: Generator,
) -> None:
    """Steps up (1/L) [(L/B) Σ_batch E_q[log p(y | f)] - KL(q(u) ‖ p(u)) + log prior of the hyper-parameters].

    The learning rate falls to zero as half a cosine, so that what the noise of batches and samples moved can settle.
    Draws from the global generators: call it inside ``seeded``.
    """
    bound = VariationalELBO(likelihood, model, num_data=len(inputs))
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, num_steps)
    model.train()
    likelihood.train()
    for _ in trange(num_steps, desc="training", unit="step", leave=False, delay=SHOW_PROGRESS_AFTER, disable=None):
        some = slice(None)
        if len(inputs) > batch_size:
            some = torch.randperm(len(inputs), generator=generator)[:batch_size].to(inputs.device)
        optimiser.zero_grad()
        value = bound(model(features(inputs[some])), targets[some])
        assert isinstance(value, Tensor)
        if not value.isfinite():
            raise ValueError("the evidence bound of the process is no longer finite: lower the learning_rate")
        (-value).backward()
        optimiser.step()
        rate.step()
    model.eval()
    likelihood.eval()


def settle(model: InducingGP, points: Float[Tensor, "L D"], targets: Float[Tensor, "L"], noise: float) -> None:
    """Put q where the bound of labels with Gaussian noise is largest, given everything else (Titsias, 2009)."""
    q = model.variational_strategy._variational_distribution
    best = inducing_of(model)[0].given(points, targets, noise)
    q.variational_mean.data.copy_(best.mean[0])
    q.chol_variational_covar.data.copy_(cholesky(best.root @ best.root.mT)[0])
    model.variational_strategy._clear_cache()


def _likelihood(num_classes: int | None) -> Likelihood:
    if num_classes is not None:
        return SoftmaxLikelihood(num_classes=num_classes, mixing_weights=False)
    likelihood = GaussianLikelihood(noise_prior=LogNormalPrior(math.log(NOISE), 1.0))
    likelihood.initialize(noise=NOISE)
    return likelihood
