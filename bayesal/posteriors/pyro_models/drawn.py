"""A Pyro model under one draw of its latent variables, as a network: points in, the label's distribution out."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from pyro.distributions import MaskedDistribution
from pyro.poutine.messenger import Messenger
from torch import Tensor, nn
from torch.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Independent,
    Normal,
    OneHotCategorical,
    transform_to,
)
from torch.nn.functional import logsigmoid

from bayesal.likelihoods import Likelihood, bernoulli, categorical
from bayesal.posteriors.pyro_models.scope import Store, in_evaluation, private


class Substituted(Messenger):
    """Latent sites take the values given, wherever those fit; the site of the label is read and not sampled.

    Parameters are those stored, or what the model would start with; nothing is written to Pyro's own store.
    """

    def __init__(self, values: Mapping[str, Tensor], store: Store, label_site: str | None = None) -> None:
        super().__init__()
        self.values = values
        self.store = store
        self.label_site = label_site
        self.seen: Distribution | None = None

    def _pyro_sample(self, msg: Any) -> None:
        if msg["name"] == self.label_site:
            self.seen = msg["fn"]
            shape = msg["fn"].batch_shape + msg["fn"].event_shape
            msg["value"] = torch.zeros(shape)  # stands for a label; nothing may depend on it
        elif not msg["is_observed"] and msg["name"] in self.values:
            value, shape = self.values[msg["name"]], msg["fn"].batch_shape + msg["fn"].event_shape
            if value.numel() == shape.numel():
                msg["value"] = value.reshape(shape)

    def _pyro_param(self, msg: Any) -> None:
        name, start = msg["name"], msg["args"][1] if len(msg["args"]) > 1 else None
        if name in self.store["params"]:
            msg["value"] = transform_to(self.store["constraints"][name])(self.store["params"][name])
        elif start is not None:
            msg["value"] = start() if callable(start) and not isinstance(start, Tensor) else start


class DrawnModel(nn.Module):
    """x ↦ the parameters of the label's distribution, ``N P``, as the model has them under one draw of its latents.

    The latents are buffers (``latent_0``, ...), so K draws are K states of this one network and ``NetworkHypotheses``
    evaluates them together: the model itself is what ``vmap`` runs over.
    """

    def __init__(self, model: Callable[..., Any], latents: Mapping[str, Tensor], label_site: str, store: Store) -> None:
        super().__init__()
        self.sites = dict(zip(latents, buffer_names(latents), strict=True))
        for site, buffer in self.sites.items():
            self.register_buffer(buffer, latents[site])
        self.model = model
        self.label_site = label_site
        self.store = store

    def forward(self, *arguments: Tensor, **named: Tensor) -> Tensor:
        rows = len(next(iter([*arguments, *named.values()])))
        if rows == 1:  # models that squeeze a single point away are common: show it twice
            arguments = tuple(torch.cat([part, part]) for part in arguments)
            named = {key: torch.cat([part, part]) for key, part in named.items()}
        seen = Substituted(
            {site: getattr(self, buffer) for site, buffer in self.sites.items()}, self.store, self.label_site
        )
        wanted = any(part.requires_grad for part in [*arguments, *named.values()])
        with private(self.store), in_evaluation(), torch.set_grad_enabled(wanted), seen:
            self.model(*arguments, **named)
        if seen.seen is None:
            raise ValueError(f"the model did not come to its site {self.label_site!r} this time")
        return parameters(seen.seen, max(rows, 2), self.label_site)[:rows]


def is_draw(site: Any) -> bool:
    """Whether a trace's site is a random variable: plates, ``deterministic``, ``factor`` and what autoguides draw
    their values from are written as sample statements too."""
    bookkeeping = type(site.get("fn")).__name__ in ("_Subsample", "Unit")
    settings = site.get("infer") or {}
    hidden = settings.get("_deterministic", False) or settings.get("is_auxiliary", False)
    return site["type"] == "sample" and not bookkeeping and not hidden


def buffer_names(latents: Collection[str]) -> list[str]:
    """What the latents are called in ``DrawnModel``: a site's own name may hold dots."""
    return [f"latent_{i}" for i in range(len(latents))]


def parameters(label: Distribution, rows: int, site: str) -> Tensor:
    """One row of numbers a point, for the function of :func:`likelihood_of` to read."""
    base = _base(label)
    if isinstance(base, Normal):
        loc, scale = (_points_first(part, rows, site) for part in torch.broadcast_tensors(base.loc, base.scale))
        return torch.stack([loc, scale], 1) if loc.ndim == 1 else torch.cat([loc, scale], 1)
    logits = _points_first(base.logits, rows, site)  # pyright: ignore
    if isinstance(base, Bernoulli) and logits.ndim == 1:
        return torch.stack([logsigmoid(-logits), logsigmoid(logits)], 1)
    return logits


def likelihood_of(label: Distribution, rows: int, site: str) -> Likelihood:
    """How the rows of :func:`parameters` are a distribution. Raises ValueError for families no score can read."""
    base = _base(label)
    shape = label.batch_shape + label.event_shape
    if isinstance(base, Categorical | OneHotCategorical):
        return categorical
    if not isinstance(base, Normal | Bernoulli):
        raise ValueError(
            f"the site {site!r} is a {type(label).__name__}, which no score of this library reads; the label must be "
            "Categorical, Bernoulli or Normal, alone or several of them with to_event(1)"
        )
    several = len(_without_padding(shape, rows)) > 1
    if isinstance(base, Normal):
        return several_normals if several else one_normal
    return bernoulli if several else categorical


def one_normal(outputs: Tensor) -> Normal:
    """Mean and standard deviation ``N K 2`` to ``Normal(N K)``."""
    return Normal(outputs[..., 0], outputs[..., 1], validate_args=False)


def several_normals(outputs: Tensor) -> Independent:
    """C means and C standard deviations ``N K 2C`` to ``Independent(Normal(N K C), 1)``."""
    return Independent(Normal(*outputs.chunk(2, dim=-1), validate_args=False), 1, validate_args=False)


def _base(label: Distribution) -> Distribution:
    while isinstance(label, Independent | MaskedDistribution):
        label = label.base_dist
    return label


def _points_first(values: Tensor, rows: int, site: str) -> Tensor:
    shape = _without_padding(values.shape, rows)
    if not 1 <= len(shape) <= 2 or shape[0] != rows:
        raise ValueError(
            f"the site {site!r} has shape {tuple(values.shape)} for {rows} points; it must have the points along its "
            "first axis, and at most one more"
        )
    return values.reshape(shape)


def _without_padding(shape: torch.Size, rows: int) -> torch.Size:
    """Without the axes of length 1 that plates put before the points."""
    while len(shape) > 1 and shape[0] == 1 and rows != 1:
        shape = shape[1:]
    return shape
