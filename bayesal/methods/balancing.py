"""BALanCe and its batches: labels that tell apart hypotheses that decide differently."""

from functools import partial
from typing import Any

from torch import Tensor

from bayesal import selection
from bayesal.strategies import Beside, Narrow, Pick, Strategy
from bayesal.strategies.paired import Paired
from bayesal.types import Rule
from bayesal.views import FromPool, Given, Targets
from bayesal.views.annealing import AnnealedRule, Annealing, Balanced


def balance(
    num_hypotheses: int = 100,
    ratio: float = 4.0,
    threshold: float | None = None,
    hamming_size: int = 1_000,
    validation: tuple[Tensor, Tensor] | None = None,
) -> Strategy[Any]:
    """The label tells most hypotheses apart that decide differently.

    ``num_hypotheses`` pairs are drawn, so twice as many hypotheses. A pair counts if it disagrees on at least
    ``threshold`` of the Hamming set, by default on the share of the points that the model has wrong over ``ratio``: of
    the ``validation`` points, which are then the Hamming set, or else what it expects itself on ``hamming_size``
    points of the pool.

    Tasks: classification. Needs: Posterior. Paper: Zhang et al. 2023.
    """
    return _balanced(selection.top, num_hypotheses, ratio, threshold, hamming_size, validation)


def power_balance(
    num_hypotheses: int = 100,
    coldness: float = 1.0,
    ratio: float = 4.0,
    threshold: float | None = None,
    hamming_size: int = 1_000,
    validation: tuple[Tensor, Tensor] | None = None,
) -> Strategy[Any]:
    """Drawn with probability in proportion to BALanCe^coldness.

    The other settings are those of ``balance``.

    Tasks: classification. Needs: Posterior. Paper: Zhang et al. 2023.
    """
    rule = partial(selection.power, coldness=coldness)
    return _balanced(rule, num_hypotheses, ratio, threshold, hamming_size, validation)


def batch_balance(
    num_hypotheses: int = 100,
    ratio: float = 4.0,
    threshold: float | None = None,
    hamming_size: int = 1_000,
    validation: tuple[Tensor, Tensor] | None = None,
) -> Strategy[Any]:
    """The labels of the batch together tell most hypotheses apart that decide differently.

    Exact for every batch. The settings are those of ``balance``.

    Tasks: classification. Needs: Posterior. Paper: Zhang et al. 2023.
    """
    hamming, annealing = _hamming(ratio, threshold, hamming_size, validation)
    return Paired(Beside(hamming, AnnealedRule(selection.BatchBALanCe, annealing), 2 * num_hypotheses))


def balance_clustering(
    num_hypotheses: int = 100,
    num_candidates: int = 500,
    ratio: float = 4.0,
    threshold: float | None = None,
    hamming_size: int = 1_000,
    validation: tuple[Tensor, Tensor] | None = None,
) -> Strategy[Any]:
    """The medoids of what the labels of a few hundred candidates tell in common: for batches of hundreds.

    ``num_candidates`` points are drawn as by ``power_balance``; the batch is chosen among them. The other settings are
    those of ``balance``.

    Tasks: classification. Needs: Posterior. Paper: Zhang et al. 2023.
    """
    first = power_balance(num_hypotheses, 1.0, ratio, threshold, hamming_size, validation)
    hamming, annealing = _hamming(ratio, threshold, hamming_size, validation)
    rule = AnnealedRule(selection.BALanCeClustering, annealing)
    return Narrow(first, num_candidates, Paired(Beside(hamming, rule, 2 * num_hypotheses)))


def _balanced(
    rule: Rule,
    num_hypotheses: int,
    ratio: float,
    threshold: float | None,
    hamming_size: int,
    validation: tuple[Tensor, Tensor] | None,
) -> Strategy[Any]:
    hamming, annealing = _hamming(ratio, threshold, hamming_size, validation)
    return Paired(Pick(Balanced(hamming, annealing, 2 * num_hypotheses), rule))


def _hamming(
    ratio: float, threshold: float | None, size: int, validation: tuple[Tensor, Tensor] | None
) -> tuple[Targets, Annealing]:
    if validation is None:
        return FromPool(size), Annealing(ratio, threshold)
    return Given(validation[0], number=None), Annealing(ratio, threshold, validation[1])
