"""The literature as a table: each function is one published method, as view × rule.

A method called without arguments has the defaults of its paper. Its docstring's last lines are its row in the table
that ``bayesal methods`` prints. There is no registry: on the command line a method is a name of this module or any
``module:name`` of the user's own.
"""

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple, TypeAlias

from torch import Tensor
from torch.distributions import Distribution

from bayesal import acquisitions, selection
from bayesal.strategies import Beside, Blind, Grow, Narrow, Pick, Strategy
from bayesal.types import Rule
from bayesal.views import FromPool, Given, Predictions, Predictive, Targeted, Targets
from bayesal.views.annealing import AnnealedBalance, AnnealedRule, Annealing

__all__ = [
    "balance",
    "balance_clustering",
    "bald",
    "balentacq",
    "batch_balance",
    "batchbald",
    "entropy",
    "least_confidence",
    "margin",
    "mean_std",
    "power_balance",
    "powerbald",
    "random",
    "softmaxbald",
    "softrankbald",
    "variance",
    "variation_ratio",
]

Score: TypeAlias = Callable[[Distribution], Tensor]


def random() -> Strategy[Any]:
    """Points chosen uniformly, without looking: what every other method must beat.

    Tasks: any. Needs: nothing. Paper: none.
    """
    return Blind(selection.random)


def entropy(num_hypotheses: int = 100) -> Strategy[Any]:
    """The label is most uncertain: H[y | x].

    Tasks: any. Needs: Posterior. Paper: Shannon 1948; Settles 2009.
    """
    return Pick(Predictive(acquisitions.entropy, num_hypotheses), selection.top)


def least_confidence(num_hypotheses: int = 100) -> Strategy[Any]:
    """The best guess is least likely: 1 - max_c p(c | x).

    Tasks: classification, multilabel, dense. Needs: Posterior. Paper: Lewis and Gale 1994; Settles 2009.
    """
    return Pick(Predictive(acquisitions.least_confidence, num_hypotheses), selection.top)


def margin(num_hypotheses: int = 100) -> Strategy[Any]:
    """The two best guesses are closest: 1 - (p1 - p2).

    Tasks: classification, multilabel, dense. Needs: Posterior. Paper: Scheffer et al. 2001; Settles 2009.
    """
    return Pick(Predictive(acquisitions.margin, num_hypotheses), selection.top)


def variation_ratio(num_hypotheses: int = 100) -> Strategy[Any]:
    """The hypotheses vote apart: 1 - (votes for the winner) / K.

    Tasks: classification, multilabel, dense. Needs: Posterior. Paper: Freeman 1965; Gal et al. 2017.
    """
    return Pick(Predictive(acquisitions.variation_ratio, num_hypotheses), selection.top)


def mean_std(num_hypotheses: int = 100) -> Strategy[Any]:
    """The probabilities spread most over hypotheses: mean_c std_k p_kc.

    Tasks: classification, multilabel, dense. Needs: Posterior. Paper: Kampffmeyer et al. 2016; Gal et al. 2017.
    """
    return Pick(Predictive(acquisitions.mean_std, num_hypotheses), selection.top)


def variance(num_hypotheses: int = 100) -> Strategy[Any]:
    """The predicted number varies most over hypotheses (ALM).

    Tasks: regression. Needs: Posterior. Paper: MacKay 1992.
    """
    return Pick(Predictive(acquisitions.variance, num_hypotheses), selection.top)


def bald(num_hypotheses: int = 100) -> Strategy[Any]:
    """The label tells most about the model: I[y; θ | x].

    Tasks: any. Needs: Posterior. Paper: Houlsby et al. 2011; Gal et al. 2017.
    """
    return Pick(Predictive(acquisitions.bald, num_hypotheses), selection.top)


def batchbald(num_hypotheses: int = 100, num_configurations: int = 10_000, narrow: int | None = None) -> Strategy[Any]:
    """The labels of the batch together tell most about the model: I[y_1, …, y_B; θ | x_1, …, x_B].

    ``narrow`` keeps only that many points of the highest BALD before choosing jointly, for pools whose predictions
    (N x K x C numbers) do not fit in memory.

    Tasks: classification. Needs: Posterior. Paper: Kirsch et al. 2019.
    """
    jointly = Grow(Predictions(num_hypotheses), selection.BatchBALD(num_configurations))
    return jointly if narrow is None else Narrow(bald(num_hypotheses), narrow, jointly)


def powerbald(num_hypotheses: int = 100, coldness: float = 1.0, score: Score = acquisitions.bald) -> Strategy[Any]:
    """Drawn with probability in proportion to BALD^coldness.

    ``score``: any other score that is not negative, such as ``acquisitions.margin``.

    Tasks: any. Needs: Posterior. Paper: Kirsch et al. 2023.
    """
    return Pick(Predictive(score, num_hypotheses), partial(selection.power, coldness=coldness))


def softmaxbald(num_hypotheses: int = 100, coldness: float = 8.0, score: Score = acquisitions.bald) -> Strategy[Any]:
    """Drawn with probability in proportion to exp(coldness · BALD).

    ``score``: any other; the coldness must match its scale.

    Tasks: any. Needs: Posterior. Paper: Kirsch et al. 2023.
    """
    return Pick(Predictive(score, num_hypotheses), partial(selection.softmax, coldness=coldness))


def softrankbald(num_hypotheses: int = 100, coldness: float = 1.0, score: Score = acquisitions.bald) -> Strategy[Any]:
    """Drawn with probability in proportion to (rank by BALD)^-coldness.

    ``score``: any other.

    Tasks: any. Needs: Posterior. Paper: Kirsch et al. 2023.
    """
    return Pick(Predictive(score, num_hypotheses), partial(selection.softrank, coldness=coldness))


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
    return Beside(hamming, AnnealedRule(selection.BatchBALanCe, annealing), 2 * num_hypotheses)


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
    return Narrow(first, num_candidates, Beside(hamming, rule, 2 * num_hypotheses))


def balentacq(num_hypotheses: int = 100) -> Strategy[Any]:
    """What the label leaves open about its probabilities balances how unsure it is.

    Tasks: classification, multilabel, dense. Needs: Posterior. Paper: Woo 2023.
    """
    return Pick(Predictive(acquisitions.balentacq, num_hypotheses), selection.top)


class Row(NamedTuple):
    """A method's row in the table."""

    name: str
    summary: str
    tasks: str
    needs: str
    paper: str


def describe() -> list[Row]:
    """The table of methods, read off the docstrings above."""
    return [_row(name, getattr(sys.modules[__name__], name)) for name in __all__]


def named(name: str) -> Callable[..., Strategy[Any]]:
    """The method of this name, or the user's own at ``module:name``. Raises ValueError with what there is."""
    if ":" in name:
        module, _, attribute = name.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"cannot load the method {name!r}: {error}") from error
    if name not in __all__:
        raise ValueError(f"there is no method {name!r}; there are {', '.join(__all__)}, or your own as module:name")
    return getattr(sys.modules[__name__], name)


def _balanced(
    rule: Rule,
    num_hypotheses: int,
    ratio: float,
    threshold: float | None,
    hamming_size: int,
    validation: tuple[Tensor, Tensor] | None,
) -> Strategy[Any]:
    hamming, annealing = _hamming(ratio, threshold, hamming_size, validation)
    return Pick(Targeted(AnnealedBalance(annealing), hamming, 2 * num_hypotheses), rule)


def _hamming(
    ratio: float, threshold: float | None, size: int, validation: tuple[Tensor, Tensor] | None
) -> tuple[Targets, Annealing]:
    if validation is None:
        return FromPool(size), Annealing(ratio, threshold)
    return Given(validation[0], number=None), Annealing(ratio, threshold, validation[1])


def _row(name: str, method: Callable[..., Any]) -> Row:
    text = " ".join((method.__doc__ or "").split())
    body, _, facts = text.rpartition("Tasks: ")
    tasks, _, facts = facts.partition(". Needs: ")
    needs, _, paper = facts.partition(". Paper: ")
    return Row(name, body.split(". ")[0].strip().rstrip("."), tasks, needs, paper.rstrip("."))
