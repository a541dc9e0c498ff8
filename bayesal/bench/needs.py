"""What methods need of the posterior, and which one is trained for them when none is named."""

import re
from collections.abc import Sequence
from inspect import Parameter, signature

from bayesal.bench.posteriors import POSTERIORS
from bayesal.methods import describe, named
from bayesal.strategies import Believing

USUAL = "mc-dropout"
"""The posterior of a run whose methods are content with any."""
OFFERS = ("Differentiable", "Embeds")
IN_WORDS = {
    "Differentiable": "network that can be differentiated",
    "Embeds": "network that shows its features",
}


def fitting(needs: str) -> tuple[str, ...]:
    """The posteriors of the table that have what a method ``needs``: those it names in brackets, the one it prefers
    first; else those that offer every one of ``Differentiable`` and ``Embeds`` it names, in one of its ``or`` parts."""
    if own := re.findall(r"\(([^)]+)\)", needs):
        return tuple(own)
    asked = [{word for word in OFFERS if re.search(rf"\b{word}\b", part)} for part in needs.split(" or ")]
    return tuple(row.name for row in POSTERIORS if any(words <= set(row.offers) for words in asked))


def works_blind(method: str) -> bool:
    """Whether this method of the table can choose before anything is labelled: it needs ``nothing``, or says what it
    does without a belief."""
    row = next((row for row in describe() if row.name == method), None)
    if row is None or row.needs.startswith("nothing"):
        return row is not None
    made = named(method)
    if any(parameter.default is Parameter.empty for parameter in signature(made).parameters.values()):
        return False
    try:
        return isinstance(made(), Believing)
    except ValueError:  # it lacks what a run would give it
        return False


def posterior_for(methods: Sequence[str]) -> str:
    """The posterior a run of these methods trains when it names none: the first that all those take which name one in
    brackets; :data:`USUAL` where none does. One belief for all, the baseline included: then a difference between two
    methods is a matter of what they asked, not of what they learned with.

    Raises ValueError where two methods have none in common.
    """
    named = {row.name: fitting(row.needs) for row in describe() if row.name in methods and "(" in row.needs}
    if not named:
        return USUAL
    common = [name for name in next(iter(named.values())) if all(name in others for others in named.values())]
    if not common:
        told = ", ".join(f"{method} trains {names[0]}" for method, names in named.items())
        raise ValueError(f"{told}: run them apart, or give a --posterior of your own that serves all")
    return common[0]


def check_needs(methods: Sequence[str], posterior: str) -> None:
    """Raises ValueError for a method that asks more of a belief than this posterior of the table has; of one of the
    user's own nobody knows before it is made."""
    if ":" in posterior:
        return
    for row in describe():
        if row.name in methods and posterior not in (names := fitting(row.needs)):
            taken = " or ".join(names)
            lacks = f"needs a {IN_WORDS.get(row.needs, row.needs)}, and {posterior} is none"
            if "(" in row.needs:  # others may have all it asks, but are not what it is made for
                lacks = f"works with the posterior {taken} only, and not with {posterior}"
            raise ValueError(f"the method {row.name} {lacks}: take --posterior {taken}, or another method")
