"""Batches that cover sparse regions as well as dense ones: density-aware core-sets."""

from typing import Any

from bayesal import acquisitions, selection
from bayesal.methods.kernels import BASES, Base
from bayesal.representations import principal, unit
from bayesal.strategies import Pick, Represent, Shortlisted, Strategy
from bayesal.views import CosineHead, Predictive

ORDERS = (None, "dacs_first", "uncertainty_first")


def dacs(
    features: Base = "features",
    density: str = "lsh",
    groups: int = 4,
    temperature: float | int = 0.25,
    combine: str | None = None,
    beta: float | int = 3,
    components: int | None = 32,
    neighbours: int = 20,
    num_hypotheses: int = 100,
    head: bool = False,
) -> Strategy[Any]:
    """Farthest first in groups of points of like density, with more points where they lie thinly.

    ``features`` are a base kernel of features or a view of rows, brought to length 1 and to their first ``components``
    principal components (None: all). ``head``: the paper's auxiliary head, trained on what is labelled, makes 16
    numbers of length 1 of the features in place of both (``views.CosineHead``; off by default, it was no better on
    digits). ``density`` over the k ``neighbours`` is "exact" or by angular hashes, "lsh". ``groups`` H and
    ``temperature`` τ of their shares are those of ``selection.DensityKCenter``. ``combine`` with uncertainty:
    "dacs_first" keeps the most uncertain of ``beta`` times the batch, "uncertainty_first" chooses among the ``beta``
    times the batch that are most uncertain, by the entropy of ``num_hypotheses``; which one the paper means is not
    known.

    Tasks: classification, multilabel, regression. Needs: Embeds. Paper: Kim and Shin 2022.
    """
    if combine not in ORDERS:
        raise ValueError(f"combine is None, dacs_first or uncertainty_first, but it is {combine!r}")
    if isinstance(features, str) and features not in BASES:
        raise ValueError(f"there are no features {features!r}; there are {', '.join(BASES)}, or a view of your own")
    view = BASES[features] if isinstance(features, str) else features
    rule = selection.DensityKCenter(density, groups, temperature, neighbours)
    if head:
        alone = Represent(CosineHead(features=view), rule, given=True)
    else:
        reduced = () if components is None else (principal(components),)
        alone = Represent(view, rule, (unit(), *reduced), given=True)
    unsure = Pick(Predictive(acquisitions.entropy, num_hypotheses), selection.top)
    if combine == "dacs_first":
        return Shortlisted(alone, beta, unsure)
    return Shortlisted(unsure, beta, alone) if combine else alone
