"""The methods that can look at what a label costs, and what becomes of them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from bayesal import acquisitions, selection
from bayesal.strategies.combined import Narrow
from bayesal.strategies.contract import Strategy
from bayesal.strategies.costs import PerCost
from bayesal.strategies.distinct import Distinct
from bayesal.strategies.either import ByTask, Either
from bayesal.strategies.paired import Paired
from bayesal.strategies.pseudo import AfterPseudoLabels
from bayesal.strategies.single import Pick
from bayesal.types import Rule
from bayesal.views import Causal, Judged, Propensity
from bayesal.views.view import View


def per_cost(strategy: Strategy[Any], costs: Mapping[Any, float | int], *, amounts: bool) -> Strategy[Any] | None:
    """The strategy with every score divided by what the label costs (``PerCost``); None where it cannot be.

    It can where points are picked one by one (``Pick``, also inside of others) by scores that are at least 0 and of
    which only the ratios or the order matter to the rule: not ``softmax``, which would choose otherwise in cents than
    in euros. ``amounts``: labels are numbers rather than classes, whose entropy may be below 0. A score that is not
    ours is taken to be at least 0; ``PerCost`` raises ValueError where it is not.
    """
    match strategy:
        case Pick(view=view, rule=rule):
            return PerCost(view, costs, rule) if _at_least_0(view, amounts) and not _is_softmax(rule) else None
        case Narrow(then=then) | Distinct(then=then):
            inner = per_cost(then, costs, amounts=amounts)
            return None if inner is None else replace(strategy, then=inner)
        case Paired(strategy=within) | AfterPseudoLabels(strategy=within):
            inner = per_cost(within, costs, amounts=amounts)
            return None if inner is None else replace(strategy, strategy=inner)
        case ByTask():
            return per_cost(strategy.amounts if amounts else strategy.others, costs, amounts=amounts)
        case Either(closed=closed, sampled=sampled):
            if amounts:  # the closed form is for labels that are Gaussian; of classes only the other is asked
                closed = per_cost(closed, costs, amounts=amounts)
            sampled = per_cost(sampled, costs, amounts=amounts)
            return None if closed is None or sampled is None else replace(strategy, closed=closed, sampled=sampled)
        case _:
            return None


def _at_least_0(view: View[Any], amounts: bool) -> bool:
    if isinstance(view, Judged | Causal | Propensity):  # what a network says, and logarithms
        return False
    score: Any = getattr(view, "score", None)
    return not (score is acquisitions.balentacq or (amounts and score is acquisitions.entropy))


def _is_softmax(rule: Rule) -> bool:
    return (rule.func if isinstance(rule, partial) else rule) is selection.softmax
