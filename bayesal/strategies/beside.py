"""Joint choices that depend on what the same hypotheses say elsewhere: at target inputs, or on a Hamming set."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.strategies.contract import check_batch, grown, selected
from bayesal.types import GreedyRule, Posterior, ScoredRule, Selection
from bayesal.views.predictive import Predictions
from bayesal.views.targets import Targets


@dataclass(frozen=True, repr=False)
class Beside:
    """The same K hypotheses look at ``targets`` and at the pool; the rule made from the one chooses from the other.

    ``rule``: log-probabilities ``M K C`` at the targets become a greedy rule, or a scored one, over rows ``N K C``.
    """

    targets: Targets
    rule: Callable[[Float[Tensor, "M K C"]], GreedyRule | ScoredRule]
    num_hypotheses: int = 100

    __repr__ = recipe

    def __call__(self, belief: Posterior, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        ids = pool.unlabelled
        check_batch(batch_size, len(ids))
        look = Predictions(self.num_hypotheses)(belief, pool, generator=generator)
        beside = self.targets(pool, generator=generator)
        rule = self.rule(beside.pool.scan(look, beside.ids, what="looking at the targets"))
        rows = pool.scan(look, ids, what="looking at the pool")
        if isinstance(rule, GreedyRule):
            return grown(rule, rows, ids, batch_size, generator=generator)
        positions = rule(rows, batch_size, generator=generator)
        return selected(rule.scores(rows), positions, ids)
