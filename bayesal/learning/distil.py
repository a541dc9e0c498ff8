"""Self-distillation: a new model is taught what another one predicts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.distributions import Categorical
from torch.nn import functional as F

from bayesal.data.pool import Pool
from bayesal.learning.ensemble import Ensemble
from bayesal.learning.greedy import Greedy
from bayesal.learning.losses import CrossEntropy
from bayesal.learning.recipe import SAMPLE
from bayesal.learning.soft import SoftCrossEntropy
from bayesal.learning.supervised import Supervised
from bayesal.types import Id, Inputs, Label, Look, Posterior


def distilled(
    learner: Any, belief: Posterior, pool: Pool, target_inputs: Inputs, *, num_hypotheses: int, generator: Generator
) -> Any:
    """A belief trained by ``learner``'s recipe on what ``belief`` predicts at the labelled and at the target points.

    The training minimises the mean of KL(q(x) ‖ p(· | x)) over these points, where q(x) = mean_k p(· | x, w_k) over
    ``num_hypotheses`` of the first belief: as if the labels of the targets were known, without anything being said
    that the first belief does not know (Kirsch, Rainforth and Gal, 2021, arXiv:2106.11719). The pool's own labels come
    in only through q. The learner's validation labels count as certain. All seeds are new ones.

    Raises ValueError for a learner that is not a ``Supervised``, an ``Ensemble`` or a ``Greedy`` for classes, for
    targets that are not a tensor of points like the pool's, and where the learner does.
    """
    check_teachable(learner)
    taught = _joined([pool.gather(pool.labelled), target_inputs])
    means = _pool(taught, pool).scan(_predictive_mean(belief, num_hypotheses, generator), what="asking the belief")
    if learner.standardise:  # by the same points as the first belief's inputs, which come along without a label
        taught = _joined([taught, pool.gather(pool.ids[:: -(-len(pool) // SAMPLE)])])
    validation = learner.validation
    if validation is not None:
        classes = CrossEntropy().prepare(validation[1].cpu(), means.shape[1])
        validation = (validation[0], F.one_hot(classes, means.shape[1]).double())
    pupil = replace(learner, loss=SoftCrossEntropy(), validation=validation)
    seed = int(torch.randint(2**63 - 1, (), generator=generator))  # not where the first belief's training started
    return pupil(_pool(taught, pool, means), Generator().manual_seed(seed))


def check_teachable(learner: Any) -> None:
    """Raises ValueError for a learner that ``distilled`` cannot train on what a belief predicts."""
    if isinstance(learner, Supervised | Ensemble | Greedy) and isinstance(learner.loss, CrossEntropy):
        return
    loss = f" with the loss {learner.loss}" if isinstance(learner, Supervised | Ensemble | Greedy) else ""
    raise ValueError(
        "what a belief predicts can be taught to Supervised, Ensemble and Greedy learners of classes "
        f"(loss=CrossEntropy()), but the learner is a {type(learner).__name__}{loss}: take another method or another "
        "posterior, such as mc-dropout or ensemble"
    )


def _predictive_mean(belief: Posterior, num_hypotheses: int, generator: Generator) -> Look:
    hypotheses = belief.draw(num_hypotheses, generator=generator)

    @torch.no_grad()
    def look(inputs: Inputs) -> Float[Tensor, "n C"]:
        predictions = hypotheses(inputs)
        if not isinstance(predictions, Categorical):
            raise ValueError(
                f"only predictions of classes can be taught, but the belief predicts {type(predictions).__name__}"
            )
        return predictions.probs.double().mean(dim=1).cpu()

    return look


def _joined(parts: Sequence[Inputs]) -> Tensor:
    tensors = [part for part in parts if isinstance(part, Tensor)]
    if len(tensors) < len(parts) or len({part.shape[1:] for part in tensors}) != 1:
        seen = [tuple(part.shape[1:]) if isinstance(part, Tensor) else type(part).__name__ for part in parts]
        raise ValueError(f"targets must be one tensor of points like the pool's, {seen[0]}, but they are {seen[1]}")
    return torch.cat(tensors)


def _pool(points: Tensor, like: Pool, labels: Tensor | None = None) -> Pool:
    """A pool of these points, the first of which have labels."""
    known: dict[Id, Label] = {} if labels is None else dict(enumerate(labels.numpy()))
    return Pool.of(points, labels=known, chunk_size=like.chunk_size, progress=like.progress)
