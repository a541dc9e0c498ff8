"""Batches by clusters of features: for the first labels, before there is a model, and among unsure points."""

from typing import Any, TypeAlias

from bayesal import acquisitions, selection
from bayesal.strategies import Believing, Clustered, Pick, Represent, Shortlisted, Strategy
from bayesal.views import Features, Inputs, Normalised, Predictive, Principal, SelfSupervised, View

Rows: TypeAlias = str | View[Any]


def typiclust(
    features: Rows = "pca",
    max_clusters: int = 500,
    min_size: int = 5,
    neighbours: int = 20,
    squared: bool = True,
) -> Strategy[Any]:
    """The most typical point of each cluster without labels, the largest first: for the first few labels.

    ``features``, scaled to length 1: "pca" of the inputs, "self_supervised" (an encoder trained on the pool without
    labels, half a minute or so once), "inputs", "belief", or any view of rows. Only those of a belief need one. The
    other settings are those of ``selection.TypiClust``.

    Tasks: any. Needs: nothing. Paper: Hacohen, Dekel and Weinshall 2022.
    """
    rule = selection.TypiClust(max_clusters, min_size, neighbours, squared)
    return Clustered(Normalised(_view(features)), rule)


def probcover(
    features: Rows = "pca",
    radius: float | int | None = None,
    purity: float = 0.5,
    num_clusters: int = 10,
) -> Strategy[Any]:
    """The point whose ball covers most of what no label covers yet: for the first few labels.

    ``radius`` of the balls; by default the largest at which ``purity`` of them hold points of one k-means cluster only,
    of ``num_clusters``: give the number of classes if you know it. The paper's purity is 0.95, for features whose
    clusters are classes; of principal components and small encoders balls that pure lie in one or two dense classes.
    ``features`` are those of ``typiclust``.

    Tasks: any. Needs: nothing. Paper: Yehuda, Dekel, Hacohen and Weinshall 2022.
    """
    return Represent(Normalised(_view(features)), selection.ProbCover(radius, purity, num_clusters), given=True)


def kmeans(features: Rows = "belief", restarts: int = 10) -> Strategy[Any]:
    """The point nearest to each of as many centres as the batch has points: k-means of the model's features.

    ``features``: "belief", and where nothing is believed yet "pca", which is noted; or what ``typiclust`` takes.

    Tasks: classification, multilabel, regression. Needs: Embeds. Paper: Zhdanov 2019; Zhan et al. 2022.
    """
    rule = selection.KMeans(restarts)
    chosen = Clustered(_view(features), rule)
    return Believing(chosen, Clustered(Principal(), rule)) if features == "belief" else chosen


def cluster_margin(
    num_hypotheses: int = 100,
    times: float | int = 10,
    num_clusters: int | None = None,
    threshold: float | int | None = None,
    features: Rows = "belief",
) -> Strategy[Any]:
    """Of ``times`` the batch with the smallest margins, one of each cluster in turn, small clusters first.

    Clusters are those of average linkage, of the points with small margins; the settings are those of
    ``selection.ClusterMargin``. The paper clusters the whole pool once. ``features`` are those of ``typiclust``.

    Tasks: classification, multilabel. Needs: Embeds. Paper: Citovsky et al. 2021.
    """
    unsure = Pick(Predictive(acquisitions.margin, num_hypotheses), selection.top)
    rule = selection.ClusterMargin(num_clusters, threshold)
    return Shortlisted(unsure, times, Clustered(_view(features), rule))


def _view(features: Rows) -> View[Any]:
    named: dict[str, View[Any]] = {
        "belief": Features(),
        "inputs": Inputs(),
        "pca": Principal(),
        "self_supervised": SelfSupervised(),
    }
    if isinstance(features, str) and features not in named:
        raise ValueError(f"there are no features {features!r}; there are {', '.join(named)}, or a view of your own")
    return named[features] if isinstance(features, str) else features
