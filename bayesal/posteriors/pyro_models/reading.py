"""What a Pyro model says about itself when it runs on two points and on three: its latents and the label's site."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from pyro import poutine
from torch import Tensor

from bayesal.likelihoods import Likelihood
from bayesal.posteriors.points import Points
from bayesal.posteriors.pyro_models.drawn import Substituted, is_draw, likelihood_of
from bayesal.posteriors.pyro_models.scope import Store, in_evaluation, private


@dataclass(frozen=True)
class Reading:
    """The site of the label, how its rows of parameters are a distribution, and the latents' shapes without padding."""

    label_site: str
    likelihood: Likelihood
    shapes: dict[str, torch.Size]


def read(
    model: Callable[..., Any], points: Points, values: Mapping[str, Tensor], label_site: str | None, store: Store
) -> Reading:
    """Run the model without labels. ``values``: one draw of the latents, by name; what the model does not know is left.

    Raises ValueError for a model that cannot run on inputs alone, that is conditioned on data, whose label's site
    cannot be told, with latents that nobody draws, or that are one a point, and for labels no score can read.
    """
    few, more = (_sites(model, points.map(lambda part, n=n: _first(part, n), n), values, store) for n in (2, 3))
    open_sites = [name for name, site in few.items() if not site["is_observed"] and name not in values]
    if label_site is None and len(open_sites) == 1:
        label_site = open_sites[0]
    fixed = [name for name, site in few.items() if site["is_observed"]]
    if label_site in fixed or (fixed and not open_sites):
        raise ValueError(
            f"the site {label_site or fixed[0]!r} has a value although the model was run without labels, so it would "
            "be predicted as what it was observed to be; give the model itself, model(x, y=None) with obs=y, not what "
            "pyro.condition made of it"
        )
    if label_site is None or label_site not in open_sites:
        raise ValueError(
            f"the site of the label cannot be told: without labels the model samples {open_sites or 'nothing'} beyond "
            f"the latents that are drawn ({sorted(set(few) & set(values))}); name it in label_site"
        )
    local = {name for name in few if name in more and _shape(few[name]) != _shape(more[name])} - {label_site}
    for name in open_sites:
        if name != label_site:
            raise ValueError(_nobody_draws(name, few[name]["fn"], name in local))
    tied = sorted(local & set(values))
    if tied:
        raise ValueError(
            f"the latent {tied[0]!r} has one value for each point, so its draws are tied to the points they were "
            "learned on and say nothing of others; integrate it out of the model, or make it a function of the inputs"
        )
    shapes = {name: _shape(site) for name, site in few.items() if name in values and not site["is_observed"]}
    if not shapes:
        raise ValueError(
            f"none of the drawn latents ({sorted(values)}) is a site of the model ({sorted(few)}); the samples or the "
            "guide are those of another model"
        )
    return Reading(label_site, likelihood_of(few[label_site]["fn"], 2, label_site), shapes)


def _sites(
    model: Callable[..., Any], points: Points, values: Mapping[str, Tensor], store: Store
) -> dict[str, dict[str, Any]]:
    positional, named = points.arguments()
    try:
        with private(store, seed=0), in_evaluation(), torch.no_grad(), Substituted(values, store):
            trace = poutine.trace(model).get_trace(*positional, **named)
    except Exception as error:
        raise ValueError(
            f"the model fails on {points.count} points of shape {points.shape()} without labels: {error}; it must run "
            "as model(x) on any number of points, with obs=None for the labels"
        ) from error
    nodes: Any = trace.nodes
    return {name: site for name, site in nodes.items() if is_draw(site)}


def _nobody_draws(name: str, prior: Any, local: bool) -> str:
    if getattr(prior, "has_enumerate_support", False) or getattr(prior.support, "is_discrete", False):
        return (
            f"the discrete latent {name!r} was summed over or left out when the posterior was learned, so it has no "
            "draws; sum over it inside the model (logsumexp, a mixture distribution), or draw it by infer_discrete "
            "and give its samples with the others"
        )
    if local:
        return (
            f"the latent {name!r} has one value for each point and would be drawn anew at each call, so a draw would "
            "not be one function; integrate it out of the model (it widens the label's distribution)"
        )
    return (
        f"neither the guide nor the samples give the latent {name!r}; hide nothing from the guide that the "
        "label depends on"
    )


def _first(part: Tensor, count: int) -> Tensor:
    rows = torch.arange(count, device=part.device) % max(1, len(part))
    return part[rows] if len(part) else part.new_zeros((count, *part.shape[1:]))


def _shape(site: dict[str, Any]) -> torch.Size:
    return site["fn"].batch_shape + site["fn"].event_shape
