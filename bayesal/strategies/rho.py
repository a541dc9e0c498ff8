"""RHO-LOSS: from a stream of labelled points, those worth training on next."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Generator, Tensor

from bayesal.acquisitions import label_loss, rho_loss
from bayesal.data.labels import as_targets
from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.selection import top
from bayesal.strategies.contract import check_batch, picked
from bayesal.types import Hypotheses, Inputs, Labels, Look, Posterior, Rule, Selection


@dataclass(frozen=True, eq=False, repr=False)
class Holdout:
    """A posterior learnt from points of its own, when it is first asked."""

    learner: Callable[[Pool, Generator], Posterior]
    inputs: Tensor = field(repr=False)
    labels: Tensor = field(repr=False)

    __repr__ = recipe

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Hypotheses:
        """K hypotheses of the belief about these points alone."""
        return self._belief.draw(num_hypotheses, generator=generator)

    @cached_property
    def _belief(self) -> Posterior:
        pool = Pool.of(self.inputs, labels=self.labels, progress=False)
        return self.learner(pool, Generator().manual_seed(0))


@dataclass(frozen=True, repr=False)
class ReducibleLoss:
    """Scores are what the belief loses on each point's known label, less what ``holdout`` loses (Mindermann et al.,
    2022; :func:`bayesal.acquisitions.rho_loss`).

    ``answers``: the label of every point to choose from; they are looked at, but not learnt from until chosen.
    ``holdout``: a belief learnt once, from other data. As in the paper, training on the best tenth of 320 points drawn
    at random: ``Narrow(methods.random(), 320, ReducibleLoss(answers, holdout))`` with batches of 32.

    Raises KeyError for a point to choose from that has no answer, and ValueError for answers that do not suit what the
    beliefs predict. Its text leaves out the answers and the holdout belief.
    """

    answers: Labels = field(repr=False)
    holdout: Posterior = field(repr=False)
    num_hypotheses: int = 100
    rule: Rule = top

    __repr__ = recipe

    def __call__(self, belief: Posterior, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        labels = self._labels(ids.tolist())
        irreducible = pool.scan(self._look(self.holdout, label_loss, labels, generator=generator), ids, what="holdout")
        scores = pool.scan(self._look(belief, rho_loss, labels, irreducible, generator=generator), ids, what="scoring")
        return picked(self.rule, scores, ids, batch_size, generator=generator)

    def _labels(self, ids: list[str | int]) -> Tensor:
        missing = next((i for i in ids if i not in self.answers), None)
        if missing is not None:
            raise KeyError(
                f"there is no answer for {missing!r}; reducible losses need the label of every point to choose from, "
                "so leave the others out with pool.only(answers)"
            )
        return as_targets({i: self.answers[i] for i in ids})

    def _look(self, belief: Posterior, loss: Callable[..., Tensor], *known: Tensor, generator: Generator) -> Look:
        """``known`` is cut along the points as ``Pool.scan`` cuts them: neighbours, in order."""
        hypotheses = belief.draw(self.num_hypotheses, generator=generator)
        start = 0

        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            nonlocal start
            predictions = hypotheses(inputs)
            stop = start + predictions.batch_shape[0]
            losses = loss(predictions, *(values[start:stop] for values in known))
            start = stop
            return losses

        return look
