"""From a Pyro model and labelled points to its posterior, with nothing of Pyro's global state touched."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Shaped
from pyro.infer.autoguide import AutoNormal
from torch import Generator, Tensor, nn

from bayesal.posteriors.pyro_model import PyroPosterior
from bayesal.posteriors.pyro_models.nuts import agreement, chains, warn_of
from bayesal.posteriors.pyro_models.scope import floats, in_evaluation, private
from bayesal.posteriors.pyro_models.svi import variational

CHECKED = 200  # points on which chains are compared


def fit_svi(
    model: Callable[..., Any],
    inputs: Shaped[Tensor, "L ..."],
    labels: Shaped[Tensor, "..."],
    *,
    generator: Generator,
    scale: nn.Module | None = None,
    guide: Callable[..., Any] = AutoNormal,
    num_steps: int = 2_000,
    learning_rate: float = 0.02,
    batch_size: int | None = None,
    num_particles: int = 1,
    init_scale: float | None = None,
    annealing: float = 0.0,
    kl_weight: float = 1.0,
    initial: Mapping[str, Tensor] | None = None,
    dtype: torch.dtype | None = None,
    label_site: str | None = None,
) -> PyroPosterior:
    """q(θ) nearest to p(θ | labels): maximises E_q ln p(y | θ) - KL(q || p(θ)) over a guide (Hoffman et al., 2013).

    ``functools.partial(fit_svi, model)`` is what the learner ``Fitted`` takes. ``guide``: a class of
    ``pyro.infer.autoguide`` (``AutoNormal``, ``AutoLowRankMultivariateNormal``, ``AutoMultivariateNormal`` for up to
    1,000 latents, ``AutoLaplaceApproximation``, which ends with the Gaussian at its mode), or a guide of your own.
    ``batch_size``: points a step, for models that scale their likelihood by N/B themselves (``pyro.plate(size=N)``);
    None takes all. ``init_scale``: the guide's first standard deviations. ``initial``: values of latents to start at.
    ``annealing``: the share of the steps over which the weight of the KL term rises to ``kl_weight``, which is 1 for
    the posterior; less gives a colder one, q nearer to the best weights (Wenzel et al., 2020). ``scale``: a fixed layer
    that inputs go through first. ``dtype``: the number type of model and inputs; None is torch's default.

    The independent normals of ``AutoNormal`` get means right and widths of single latents somewhat too small, and they
    miss all covariance between latents: for joint scores of small models take ``AutoMultivariateNormal`` or NUTS.
    Raises ValueError if the ELBO diverges, and as ``PyroPosterior`` does.
    """
    with _private(model, inputs, labels, scale, generator, dtype) as (whole, points, targets):
        trained = variational(
            whole,
            points,
            targets,
            guide=guide,
            generator=generator,
            num_steps=num_steps,
            learning_rate=learning_rate,
            batch_size=batch_size,
            num_particles=num_particles,
            init_scale=init_scale,
            annealing=annealing,
            kl_weight=kl_weight,
            initial=initial,
        )
        return PyroPosterior(whole, guide=trained, inputs=inputs, label_site=label_site)


def fit_nuts(
    model: Callable[..., Any],
    inputs: Shaped[Tensor, "L ..."],
    labels: Shaped[Tensor, "..."],
    *,
    generator: Generator,
    scale: nn.Module | None = None,
    num_samples: int = 100,
    warmup: int = 200,
    num_chains: int = 2,
    max_tree_depth: int = 6,
    initial: Mapping[str, Tensor] | None = None,
    dtype: torch.dtype | None = None,
    label_site: str | None = None,
) -> PyroPosterior:
    """Samples of p(θ | labels) by the No-U-Turn Sampler (Hoffman and Gelman, 2014): ``num_samples`` from each chain.

    For up to some 1,000 latents and points. Chains run one after the other from different starts (the first at
    ``initial``, if given). ``diagnostics`` of the posterior has the largest split R̂ of the predictions at the labelled
    points and the number of divergent transitions; a RuntimeWarning says so if R̂ > 1.1 or if more than 1 % diverged,
    for chains of at least 50 samples. The other settings are those of :func:`fit_svi`.
    """
    with _private(model, inputs, labels, scale, generator, dtype) as (whole, points, targets):
        samples, divergences = chains(
            whole,
            points,
            targets,
            num_samples=num_samples,
            warmup=warmup,
            num_chains=num_chains,
            max_tree_depth=max_tree_depth,
            initial=initial,
        )
        posterior = PyroPosterior(whole, samples=samples, inputs=inputs, label_site=label_site)
    everything = posterior.draw(num_chains * num_samples, generator=generator)  # all samples in order: nothing is drawn
    r_hat = agreement(everything(inputs[:CHECKED]), num_chains)
    posterior.diagnostics = {"r_hat": r_hat, "divergences": divergences}
    warn_of(r_hat, divergences, num_chains, num_samples)
    return posterior


class Scaled(nn.Module):
    """A Pyro model of inputs on another scale and in another number type."""

    def __init__(self, model: Callable[..., Any], scale: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.model = model
        self.scale = scale
        self.dtype = dtype

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Any:
        return self.model(self.scale(inputs).to(self.dtype), labels)


@contextmanager
def _private(
    model: Callable[..., Any],
    inputs: Tensor,
    labels: Tensor,
    scale: nn.Module | None,
    generator: Generator,
    dtype: torch.dtype | None,
) -> Iterator[tuple[Callable[..., Any], Tensor, Tensor]]:
    """The model of the inputs as they are, the inputs, and the labels in the model's number type."""
    dtype = dtype or torch.get_default_dtype()
    if len(inputs) == 0 or len(inputs) != len(labels):
        raise ValueError(f"every point needs a label, but there are {len(inputs)} points and {len(labels)} labels")
    if not bool(inputs.isfinite().all()) or not bool(labels.isfinite().all()):
        raise ValueError("inputs and labels must be finite numbers; clean or drop the points with NaN or infinities")
    whole = model if scale is None or isinstance(scale, nn.Identity) else Scaled(model, scale, dtype)
    points = inputs.to(dtype) if whole is model and inputs.is_floating_point() else inputs
    targets = labels.to(dtype) if labels.is_floating_point() else labels
    seed = int(torch.randint(2**63 - 1, (), generator=generator))
    with private(seed=seed), floats(dtype), in_evaluation():
        yield whole, points, targets
