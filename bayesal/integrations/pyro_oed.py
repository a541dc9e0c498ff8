"""Pyro's estimators of expected information, for designs that are chosen freely and not from a pool."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from jaxtyping import Float
from pyro.contrib.oed.eig import marginal_eig, nmc_eig
from pyro.optim import ClippedAdam
from torch import Generator, Tensor
from torch.distributions import Categorical, Independent, Normal
from torch.distributions import constraints as support

from bayesal.posteriors.pyro_models.scope import private
from bayesal.types import Hypotheses

OBSERVATION = "y"
LATENT = "hypothesis"


def nested_monte_carlo(outer: int = 4_000, inner: int = 63) -> Callable[..., Any]:
    """(1/N) Σ_n [ln p(y_n | θ_n) - ln (1/M) Σ_m p(y_n | θ_m)]: no training, and biased upwards by O(1/M).

    For any model whose observation has a density. A good M is the root of N (Rainforth et al., 2018). Pyro leaves out
    the terms that are not numbers: a model that makes some is not noticed.
    """
    return partial(nmc_eig, N=outer, M=inner)


def variational_marginal(
    num_designs: int, *, classes: int | None = None, steps: int = 600, samples: int = 100, final_samples: int = 10_000
) -> Callable[..., Any]:
    """E ln p(y | θ) - E ln q(y), q the best Gaussian (or categorical, with ``classes``) marginal of each design.

    An upper bound, exact if the marginal is of q's family (Foster et al., 2019); trained anew at each call, one q for
    each of ``num_designs`` designs. An amount must be sampled with ``to_event(1)``, a class without. Not for models
    with latents beside those the information is about.
    """

    def guess(design: Tensor, observations: Sequence[str], targets: Sequence[str]) -> None:
        if classes is None:
            loc = pyro.param("loc", torch.zeros(num_designs, 1))
            scale = pyro.param("scale", torch.ones(num_designs, 1), constraint=support.positive)
            pyro.sample(observations[0], dist.Normal(loc, scale).to_event(1))
        else:
            logits = pyro.param("logits", torch.zeros(num_designs, classes))
            pyro.sample(observations[0], dist.Categorical(logits=logits))

    return partial(
        marginal_eig,
        num_samples=samples,
        num_steps=steps,
        guide=guess,
        optim=ClippedAdam({"lr": 0.05, "lrd": 0.1 ** (1 / steps)}),
        final_num_samples=final_samples,
    )


def expected_information(
    model: Callable[[Tensor], Any],
    designs: Float[Tensor, "N ..."],
    *,
    estimator: Callable[..., Any],
    latents: str | Sequence[str],
    observation: str | Sequence[str] = OBSERVATION,
    generator: Generator,
) -> Float[Tensor, "N"]:
    """I[θ; y | design] in nats for each design, by an estimator of ``pyro.contrib.oed.eig``.

    ``model(design)``: a Pyro model that gets designs as Pyro's estimators give them, ``... N 1 D`` (one observation a
    design; any number of axes before), samples its ``latents`` within ``pyro.plate_stack("plate", design.shape[:-2])``,
    and samples ``observation``. ``estimator``: :func:`nested_monte_carlo`, :func:`variational_marginal`, or any other
    of Pyro's with its settings, ``functools.partial(posterior_eig, num_samples=10, num_steps=500, guide=...,
    optim=...)``.

    The information is about θ as the *model* has it: its prior, or what :func:`of_hypotheses` makes of a posterior. For
    the points of a pool under K drawn hypotheses ``acquisitions.bald`` is exact and much cheaper. Pyro's parameter
    store and the global generators are left as they were.
    Raises ValueError for designs that are not finite, and for estimates that are not.
    """
    if designs.ndim != 2 or not bool(designs.isfinite().all()):
        raise ValueError(
            f"designs must be finite numbers of shape N D, a row a design, but their shape is {tuple(designs.shape)}"
        )
    if len(designs) == 0:
        return designs.new_zeros(0)
    seed = int(torch.randint(2**63 - 1, (), generator=generator))
    with private(seed=seed):
        estimate = estimator(model, designs.unsqueeze(-2), observation, latents)
        estimate = estimate[-1] if isinstance(estimate, tuple) else estimate
    values = estimate.detach().reshape(-1)
    if values.shape != (len(designs),) or not bool(values.isfinite().all()):
        raise ValueError(
            f"the estimator gave {tuple(estimate.shape)} for {len(designs)} designs, "
            f"{int((~values.isfinite()).sum())} of them not finite; look at the model's shapes and at the scale of y"
        )
    return values


def of_hypotheses(hypotheses: Hypotheses) -> Callable[[Tensor], Tensor]:
    """The design model of a posterior: which of K functions is the truth (``latents="hypothesis"``), and its label.

    Any belief of this library will do; a label must be ``Categorical`` or ``Normal``. Its expected information about
    the K functions is BALD, whose exact value the estimators approach.
    """

    def model(design: Tensor) -> Tensor:
        points = design[(0,) * (design.ndim - 3)].squeeze(-2)  # the axes before the designs are copies
        predictions = hypotheses(points)
        with pyro.plate_stack("plate", design.shape[:-2]):
            chosen = pyro.sample(LATENT, dist.Categorical(torch.ones(predictions.batch_shape[1])))
            rows = torch.arange(len(points)).expand(chosen.shape)
            return pyro.sample(OBSERVATION, _of_one(predictions, rows, chosen))

    return model


def _of_one(predictions: Any, rows: Tensor, chosen: Tensor) -> Any:
    if isinstance(predictions, Categorical):
        return dist.Categorical(logits=predictions.logits[rows, chosen])
    if isinstance(predictions, Normal):
        loc, scale = (part[rows, chosen].unsqueeze(-1) for part in (predictions.loc, predictions.scale))
        return dist.Normal(loc, scale).to_event(1)
    kind = type(predictions.base_dist if isinstance(predictions, Independent) else predictions).__name__
    raise ValueError(f"a design's label must be Categorical or Normal, but the hypotheses give {kind}")
