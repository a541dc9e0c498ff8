"""The literature as a table: each function is one published method, as view × rule.

A method called without arguments has the defaults of its paper. Its docstring's last lines are its row in the table
that ``bayesal methods`` prints. There is no registry: on the command line a method is a name of this module or any
``module:name`` of the user's own.
"""

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

from bayesal import acquisitions, selection
from bayesal.strategies import Blind, Grow, Narrow, Pick, Strategy
from bayesal.views import Predictions, Predictive

__all__ = [
    "bald",
    "batchbald",
    "entropy",
    "least_confidence",
    "margin",
    "mean_std",
    "powerbald",
    "random",
    "softmaxbald",
    "softrankbald",
    "variance",
    "variation_ratio",
]


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


def powerbald(num_hypotheses: int = 100, coldness: float = 1.0) -> Strategy[Any]:
    """Drawn with probability in proportion to BALD^coldness.

    Tasks: any. Needs: Posterior. Paper: Kirsch et al. 2023.
    """
    return Pick(Predictive(acquisitions.bald, num_hypotheses), partial(selection.power, coldness=coldness))


def softmaxbald(num_hypotheses: int = 100, coldness: float = 8.0) -> Strategy[Any]:
    """Drawn with probability in proportion to exp(coldness · BALD).

    Tasks: any. Needs: Posterior. Paper: Kirsch et al. 2023.
    """
    return Pick(Predictive(acquisitions.bald, num_hypotheses), partial(selection.softmax, coldness=coldness))


def softrankbald(num_hypotheses: int = 100, coldness: float = 1.0) -> Strategy[Any]:
    """Drawn with probability in proportion to (rank by BALD)^-coldness.

    Tasks: any. Needs: Posterior. Paper: Kirsch et al. 2023.
    """
    return Pick(Predictive(acquisitions.bald, num_hypotheses), partial(selection.softrank, coldness=coldness))


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


def _row(name: str, method: Callable[..., Any]) -> Row:
    text = " ".join((method.__doc__ or "").split())
    body, _, facts = text.rpartition("Tasks: ")
    tasks, _, facts = facts.partition(". Needs: ")
    needs, _, paper = facts.partition(". Paper: ")
    return Row(name, body.split(". ")[0].strip().rstrip("."), tasks, needs, paper.rstrip("."))
