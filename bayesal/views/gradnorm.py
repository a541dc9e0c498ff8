"""How much a point's label would move a classifier: norms of gradients in all its weights, or in its last layer's."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn.functional import logsigmoid

from bayesal import acquisitions
from bayesal.acquisitions.gradnorm import REDUCTIONS
from bayesal.data.pool import Pool
from bayesal.numerics.gradients import PointGradients
from bayesal.numerics.weight_gradients import Gradients
from bayesal.recipe import recipe
from bayesal.types import Differentiable, Inputs, Look, Members
from bayesal.views.features import embeddings
from bayesal.views.last_layer import class_logits
from bayesal.views.networks import check_classes, head_has_bias, is_empty, networks_of, trained_state

Scores: TypeAlias = Callable[[Inputs], Float[Tensor, "N"]]

SCORES = ("expected", "entropy", "egl", "fisher_trace")
PARAMETERS = ("all", "last")


@dataclass(frozen=True, repr=False)
class GradNorm:
    """Rows are scores: norms of gradients of losses that stand in for the one whose label is not known.

    ``score``: "entropy" ‖∇H[y | x]‖, of which "expected" ‖∇ Σ_c p_c CE_c‖ is another name, for CE_c = -ln p_c (Wang et
    al., 2022); "egl" Σ_c p_c ‖∇CE_c‖ (Settles and Craven, 2008); "fisher_trace" Σ_c p_c ‖∇CE_c‖². On maps the entropy
    is the mean over their places. ``reduction``: "sum_of_norms" adds the norms of the gradients in each tensor of
    weights, "global_norm" is that of all together (always, for the trace).

    ``parameters``: "all" that are trained, weights and biases that need gradients, as far as they have a part in the
    outputs; or those of the "last" layer, in closed form (see ``acquisitions.gradnorm``), which also does for a belief
    that can only embed and draw: ``num_hypotheses`` functions then give its probabilities. Of several networks the
    score is the mean of theirs. Raises ValueError for other beliefs, and for labels that are not classes.
    """

    score: str = "entropy"
    parameters: str = "all"
    reduction: str = "sum_of_norms"
    num_hypotheses: int = 100

    __repr__ = recipe

    def __post_init__(self) -> None:
        for name, seen, known in (
            ("score", self.score, SCORES),
            ("parameters", self.parameters, PARAMETERS),
            ("reduction", self.reduction, REDUCTIONS),
        ):
            if seen not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, but it is {seen!r}")

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> Look:
        everywhere = self.parameters == "all"
        maps = everywhere and self.score in ("expected", "entropy")
        check_classes(belief, pool, "gradient norms of this kind", maps=maps)
        if everywhere:
            networks = networks_of(belief, "take the last layer alone (parameters='last')")
            parts = [self._of_network(network) for network in networks]
        else:
            networks = belief.members if isinstance(belief, Members) else [belief]
            parts = [self._of_last_layer(network, pool, generator) for network in networks]
        return lambda inputs: torch.stack([part(inputs) for part in parts]).mean(0)

    def _of_network(self, network: Differentiable) -> Scores:
        gradients = PointGradients(network.forward, trained_state(network))

        def scores(inputs: Inputs) -> Tensor:
            if is_empty(inputs):
                return torch.empty(0)
            run = gradients(inputs)
            if self.score in ("expected", "entropy"):
                found = self._length(run.gradients(_entropy))
            else:
                p = _log_probabilities(run.outputs.detach()).exp()
                of_label = [self._length(run.gradients(partial(_loss, label=c))) for c in range(p.shape[1])]
                found = (p * torch.stack(of_label, 1).to(p)).sum(1)
            dtype = torch.promote_types(run.outputs.dtype, torch.float32)
            return found.to(run.outputs.device, dtype)

        return scores

    def _length(self, gradients: Gradients) -> Float[Tensor, "N"]:
        squares = torch.stack(list(gradients.squared_norms().values()))
        if self.score == "fisher_trace":
            return squares.sum(0)
        return squares.sqrt().sum(0) if self.reduction == "sum_of_norms" else squares.sum(0).sqrt()

    def _of_last_layer(self, network: Any, pool: Pool, generator: Generator) -> Scores:
        (embed,), logits = embeddings(network), class_logits(network, self.num_hypotheses, generator)
        bias = head_has_bias(network, pool.gather(pool.ids[:1]))

        @torch.no_grad()
        def scores(inputs: Inputs) -> Tensor:
            seen = (logits(inputs), embed(inputs))
            if self.score == "fisher_trace":
                return acquisitions.fisher_trace(*seen, bias=bias)
            score = acquisitions.egl if self.score == "egl" else acquisitions.entropy_gradnorm
            return score(*seen, reduction=self.reduction, bias=bias)

        return scores


def _entropy(outputs: Float[Tensor, "N C ..."]) -> Float[Tensor, "N"]:
    log_p = _log_probabilities(outputs)
    return -(log_p.exp() * log_p).sum(1).flatten(1).mean(1) if outputs.ndim > 2 else -(log_p.exp() * log_p).sum(1)


def _loss(outputs: Float[Tensor, "N C"], label: int) -> Float[Tensor, "N"]:
    return -_log_probabilities(outputs)[:, label]


def _log_probabilities(outputs: Float[Tensor, "N C ..."]) -> Float[Tensor, "N E ..."]:
    """In float64, so that gradients of points that are nearly certain are right; one logit is that of two classes."""
    z = outputs.double()
    return torch.cat([logsigmoid(-z), logsigmoid(z)], 1) if z.shape[1] == 1 else z.log_softmax(1)
