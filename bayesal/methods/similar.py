"""Methods that look for points like known examples."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from bayesal import selection
from bayesal.strategies import LikeQueries, Strategy
from bayesal.types import Label
from bayesal.views import Exemplars, LabelGradients, LastLayer, QueryFeatures, Rare


def similar(
    num_hypotheses: int = 100,
    function: str = "flqmi",
    queries: Any = None,
    query_labels: Sequence[Label] | None = None,
    classes: Sequence[int] | None = None,
    eta: float = 1.0,
    rows: str = "gradients",
) -> Strategy[Any]:
    """The batch shares most with examples of what is looked for, such as a rare class: submodular mutual information.

    ``function``: "flqmi" is like each query in its turn, "flvmi" stands for the part of the pool that is like them (N x
    N similarities), "gcmi" is most like them, "logdetmi" shares most information and is diverse. ``queries``: examples,
    anything a pool can be made of, with their ``query_labels`` if those are known; by default what is labelled of
    ``classes``, by default of the class with the fewest labels. ``eta``: η of the function. ``rows``: "gradients" of
    the last layer, by known labels and else by likely ones, or "features".

    Tasks: classification. Needs: Embeds. Paper: Kothawade et al. 2021.
    """
    functions: dict[str, Any] = {
        "flqmi": partial(selection.FLQMI, eta=eta),
        "flvmi": partial(selection.FLVMI, eta=eta),
        "gcmi": partial(selection.GCMI, weight=eta),
        "logdetmi": partial(selection.LogDetMI, eta=eta),
    }
    kinds = {"gradients": LabelGradients(LastLayer(num_hypotheses)), "features": QueryFeatures()}
    if function not in functions or rows not in kinds:
        raise ValueError(
            f"function must be one of {', '.join(functions)} and rows one of {', '.join(kinds)}, but they are "
            f"{function!r} and {rows!r}"
        )
    if queries is not None and classes is not None:
        raise ValueError("give queries, or the classes whose labelled points are the queries, not both")
    wanted = None if classes is None else tuple(classes)
    examples = Rare(wanted) if queries is None else Exemplars(queries, query_labels)
    return LikeQueries(functions[function], examples, kinds[rows])
