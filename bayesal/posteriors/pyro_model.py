"""Any Pyro model as a posterior: its latents are drawn once, and each draw is a function of the inputs."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from pyro import poutine
from pyro.infer import MCMC
from torch import Generator, Tensor, nn

from bayesal.likelihoods import Likelihood
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.network import NetworkHypotheses
from bayesal.posteriors.points import Points
from bayesal.posteriors.pyro_models.drawn import DrawnModel, buffer_names, is_draw
from bayesal.posteriors.pyro_models.reading import read
from bayesal.posteriors.pyro_models.scope import in_evaluation, private, stored
from bayesal.types import Inputs


@runtime_checkable
class HasPlain(Protocol):
    """A Pyro model that knows its functions as a network without Pyro, whose tensors are the latents: faster."""

    def plain(self) -> tuple[nn.Module, Likelihood, dict[str, str]]: ...


class PyroPosterior:
    """p(θ | data) of a Pyro model, as a guide trained by SVI or as samples of MCMC (Bingham et al., 2019).

    ``model(x, y=None)`` has one site for the labels, with ``obs=y``. ``guide``: any guide of it, an autoguide or a
    function. ``samples``: tensors by the name of the latent, with a leading S (what ``MCMC.get_samples()`` or
    ``Predictive`` give, padded or not), or an ``MCMC`` that has run. ``inputs``: the points it was learned on, or a few
    like them; the model is run on some of them to see its sites. ``label_site``: the site of the label, needed only
    if the model samples several sites that the guide or the samples do not give.

    ``draw(K)`` draws θ_1 ... θ_K once: K runs of the guide, or K different samples, each of S once if K >= S. A
    hypothesis is x ↦ p(y | x, θ_k), the distribution that the model gives to its label's site, never a sampled label:
    ``Categorical`` (also for a ``Bernoulli`` label), ``Independent(Bernoulli, 1)``, ``Normal`` or ``Independent(Normal,
    1)``. The model runs under ``torch.func.vmap`` over the draws, whether it broadcasts or not; models vmap cannot take
    run draw by draw. Networks inside are evaluated in evaluation mode. Model, guide and parameters are copied, except
    what a plain function reaches by its closure: do not train that further. Pyro's parameter store and the global
    generators are as before after every call.

    Not seen: a plate of the size of a minibatch, without its scaling by N/B, whose posterior is too wide.
    Raises ValueError for models that are conditioned on data, latents of single points, discrete latents nobody draws,
    and labels of other families.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        *,
        inputs: Inputs,
        guide: Callable[..., Any] | None = None,
        samples: Mapping[str, Tensor] | MCMC | None = None,
        label_site: str | None = None,
    ) -> None:
        if (guide is None) == (samples is None):
            raise ValueError("give either a trained guide or samples of the posterior, and not both")
        self.diagnostics: dict[str, float] = {}
        """What the sampler said of its chains; empty for what was not sampled here."""
        self._store = stored(guide, model)
        self.model = frozen_copy(model) if isinstance(model, nn.Module) else model
        self.guide = frozen_copy(guide) if isinstance(guide, nn.Module) else guide
        drawn = samples.get_samples() if isinstance(samples, MCMC) else samples
        self._samples = None if drawn is None else _checked(drawn)
        self._points = Points.prepare(inputs, _Holder(self._samples, self.model, self.guide))
        one = {site: values[0] for site, values in (self._samples or self._run_guide(1, seed=0)).items()}
        reading = read(self.model, self._points, one, label_site, self._store)
        self.label_site = reading.label_site
        self.likelihood = reading.likelihood
        self._shapes = reading.shapes
        if self._samples is not None:
            self._samples = self._unpadded(self._samples)
        if self.guide is not None and self._is_certain():
            raise ValueError("the guide gives the same values at every run, so it is one function and no posterior")
        self._names = dict(zip(self._shapes, buffer_names(self._shapes), strict=True))
        self._network: nn.Module = DrawnModel(
            self.model, self._unpadded(one, several=False), self.label_site, self._store
        )
        if isinstance(self.model, HasPlain):
            self._network, self.likelihood, self._names = self.model.plain()

    def draw(self, num_hypotheses: int, *, generator: Generator) -> NetworkHypotheses:
        """K functions, each the model under one draw of all its latents."""
        if num_hypotheses < 1:
            raise ValueError(f"at least one hypothesis must be drawn, but num_hypotheses is {num_hypotheses}")
        if self._samples is None:
            seed = int(torch.randint(2**63 - 1, (), generator=generator))
            draws = self._unpadded(self._run_guide(num_hypotheses, seed=seed))
        else:
            draws, count = self._samples, len(next(iter(self._samples.values())))
            if num_hypotheses < count:
                chosen = torch.randperm(count, generator=generator)[:num_hypotheses]
                draws = {site: values[chosen.to(values.device)] for site, values in draws.items()}
        states = {self._names[site]: values for site, values in draws.items()}
        return NetworkHypotheses(self._network, states, self.likelihood)

    @property
    def state(self) -> dict[str, Tensor]:
        """For saving: the samples by site, or the parameters of the guide and of the model."""
        if self._samples is not None:
            return dict(self._samples)
        own = self.guide.state_dict() if isinstance(self.guide, nn.Module) else {}
        return {name: value.detach() for name, value in {**self._store["params"], **own}.items()}

    @torch.no_grad()
    def _run_guide(self, count: int, *, seed: int) -> dict[str, Tensor]:
        assert self.guide is not None
        positional, named = self._points.arguments()
        runs: list[dict[str, Tensor]] = []
        with private(self._store, seed=seed), in_evaluation():
            for _ in range(count):
                nodes: Any = poutine.trace(self.guide).get_trace(*positional, **named).nodes
                runs.append({name: node["value"] for name, node in nodes.items() if is_draw(node)})
        return {site: torch.stack([run[site] for run in runs]).detach() for site in runs[0]}

    def _unpadded(self, draws: Mapping[str, Tensor], *, several: bool = True) -> dict[str, Tensor]:
        """Without the axes of length 1 that Pyro puts between the draws and a site's own shape."""
        kept = {}
        for site, shape in self._shapes.items():
            own = draws[site].shape[1:] if several else draws[site].shape
            if own.numel() != shape.numel():
                raise ValueError(f"the draws of {site!r} have shape {tuple(own)}, but the model's are {tuple(shape)}")
            kept[site] = draws[site].reshape((-1, *shape) if several else shape)
        return kept

    def _is_certain(self) -> bool:
        draws = self._unpadded(self._run_guide(2, seed=1))
        return all(bool((values == values[:1]).all()) for values in draws.values())


class _Holder(nn.Module):
    """Whatever knows the number type and the device of the latents."""

    def __init__(self, samples: Mapping[str, Tensor] | None, *parts: Any) -> None:
        super().__init__()
        for i, values in enumerate((samples or {}).values()):
            self.register_buffer(f"latent_{i}", values[:1])
        self.parts = nn.ModuleList(part for part in parts if isinstance(part, nn.Module))


def _checked(samples: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies. Raises ValueError for no samples, unequal numbers of them, and samples that are not finite."""
    counts = {len(values) if values.ndim else 0 for values in samples.values()}
    if len(counts) != 1 or min(counts) < 1:
        raise ValueError(f"every latent needs the same number S >= 1 of samples, but there are {sorted(counts)}")
    for site, values in samples.items():
        if not bool(values.isfinite().all()):
            raise ValueError(f"the samples of {site!r} hold NaN or infinities; the chain diverged, run it again")
    return {site: values.detach().clone() for site, values in samples.items()}
