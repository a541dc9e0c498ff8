"""Every network posterior: one network, K states of the part that varies, one vmap."""

import warnings
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.func import functional_call, vmap
from torch.nn.modules.conv import _ConvNd

from bayesal.likelihoods import Likelihood
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.points import Points
from bayesal.posteriors.trial import Gauge, trial
from bayesal.types import Inputs

ACTIVATION_BYTES = 2**28  # no activation of the hypotheses evaluated together is larger
CACHE_BYTES = 2**23  # a thread: activations of convolutions that differ are faster one after the other beyond it


class NetworkHypotheses:
    """K functions x ↦ likelihood(network(x; state_k)), as they were when drawn.

    ``states`` maps names of the network's parameters or buffers to tensors with a leading K; whatever is not named
    there is shared by all K, and what depends on it alone is computed once. Both are copied (``detach().clone()``):
    training the network afterwards changes nothing here, and nothing here ever touches the network given. The copy is
    in evaluation mode, so that a point's output does not depend on its batch-mates.

    A call maps ``N ...`` inputs (a tensor, or a mapping of tensors that become keyword arguments) to a distribution of
    batch shape ``(N, K)`` on the inputs' device, with a gradient graph only if the inputs require one. It is one
    ``torch.func.vmap`` over the states, in blocks of points, or of hypotheses where no weights are shared, that bound
    the memory. One hypothesis after the other, with the
    same result, are evaluated networks vmap cannot take (data-dependent branches, ``.item()``, in-place changes of what
    is shared), and on a CPU those in which every convolution differs, for so many points that K activations leave the
    cache: K kernels at once make a grouped convolution, which CPUs do slowly.

    Raises ValueError for K < 1, states that do not fit the network, inputs the network refuses, networks that draw
    random numbers in evaluation mode, and inputs or outputs that are not finite.
    """

    def __init__(self, network: nn.Module, states: Mapping[str, Tensor], likelihood: Likelihood) -> None:
        self.network = frozen_copy(network, without=states)
        self.num_hypotheses = _check(states, self.network)
        self.likelihood = likelihood
        self.states = {name: state.detach().clone() for name, state in states.items()}
        self._vectorises = True
        self._convolves = _every_convolution_varies(self.network, self.states)
        self._shares = not self._convolves and any(name not in states for name, _ in self.network.named_parameters())
        self._largest: dict[str, int] = {}  # bytes of one such point's largest activation, under one hypothesis

    def __call__(self, inputs: Inputs, /) -> Distribution:
        points = Points.prepare(inputs, self.network)
        return self.likelihood(finite(self.outputs(points)).to(points.device))

    def outputs(self, points: Points) -> Float[Tensor, "N K ..."]:
        """What the network says of prepared points, on its own device."""
        if points.count == 0:
            return self.outputs(points.some())[:0]
        if points.shape() not in self._largest:
            state = {name: values[0] for name, values in self.states.items()}
            with torch.no_grad(), Gauge() as gauge:
                trial(lambda one: self._one(state, one), points[:1])
            self._largest[points.shape()] = gauge.num_bytes
        rows = max(1, ACTIVATION_BYTES // (self.num_hypotheses * self._largest[points.shape()]))
        if self._shares and rows < points.count:  # blocks of points, so that what is shared is computed once a point
            blocks = [self.outputs(points[start : start + rows]) for start in range(0, points.count, rows)]
            return torch.cat(blocks)
        activation = points.count * self._largest[points.shape()]  # bytes, under one hypothesis
        if self._vectorises and not self._leaves_the_cache(activation, points):
            chunk = max(1, ACTIVATION_BYTES // activation)
            try:
                return together(lambda state: self._one(state, points), self.states, chunk)
            except Exception:  # vmap cannot take this network; if the network itself is at fault, the loop says so
                looped = one_by_one(lambda state: self._one(state, points), self.states)
                self._vectorises = False
                return looped
        return one_by_one(lambda state: self._one(state, points), self.states)

    def _leaves_the_cache(self, activation: int, points: Points) -> bool:
        slow_together = self._convolves and points.where.type == "cpu"
        return slow_together and self.num_hypotheses * activation > CACHE_BYTES * torch.get_num_threads()

    def _one(self, state: dict[str, Tensor], points: Points) -> Any:
        return functional_call(self.network, state, *points.arguments())


def together(
    call: Callable[[dict[str, Tensor]], Tensor], states: dict[str, Tensor], chunk_size: int | None = None
) -> Float[Tensor, "N K ..."]:
    """``call`` under each of the K states at once: what the states do not touch is computed once a chunk of them."""
    with warnings.catch_warnings():  # an operation vmap has no rule for is looped on its own: no slower than our loop
        warnings.filterwarnings("ignore", message="There is a performance drop")
        return vmap(call, out_dims=1, chunk_size=chunk_size)(states)


def one_by_one(call: Callable[[dict[str, Tensor]], Tensor], states: dict[str, Tensor]) -> Float[Tensor, "N K ..."]:
    """``call`` under each of the K states in turn: for what vmap cannot take."""
    count = len(next(iter(states.values())))
    return torch.stack([call({name: values[k] for name, values in states.items()}) for k in range(count)], dim=1)


def finite(outputs: Float[Tensor, "N K ..."]) -> Float[Tensor, "N K ..."]:
    """The outputs, if all are finite; else ValueError with the number of points that have others."""
    broken = int((~outputs.isfinite().flatten(1).all(dim=1)).sum())
    if broken:
        raise ValueError(
            f"the network's outputs are NaN or infinite for {broken} of {len(outputs)} points; "
            "look at its weights and at the scale of these inputs"
        )
    return outputs


def _every_convolution_varies(network: nn.Module, states: Mapping[str, Tensor]) -> bool:
    """Whether there are convolutions and none is shared: where one is, ``vmap`` computes it once, a loop K times."""
    kernels = [f"{name}.weight".lstrip(".") for name, module in network.named_modules() if isinstance(module, _ConvNd)]
    return bool(kernels) and all(kernel in states for kernel in kernels)


def _check(states: Mapping[str, Tensor], network: nn.Module) -> int:
    """K, after checking that every state is K times a parameter or buffer of the network."""
    if not states:
        raise ValueError("there are no states that vary: name at least one parameter or buffer, with a leading K")
    own = dict(chain(network.named_parameters(remove_duplicate=False), network.named_buffers(remove_duplicate=False)))
    for name, state in states.items():
        if name not in own:
            raise ValueError(f"the network has no parameter or buffer named {name!r}")
        if state.shape[1:] != own[name].shape or state.ndim == 0:
            raise ValueError(
                f"the states of {name!r} must have shape (K, {', '.join(map(str, own[name].shape))}), "
                f"but have {tuple(state.shape)}"
            )
    counts = {len(state) for state in states.values()}
    if len(counts) != 1 or min(counts) < 1:
        raise ValueError(f"every state needs the same K >= 1 hypotheses, but there are {sorted(counts)}")
    return counts.pop()
