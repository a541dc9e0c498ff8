"""Batches by gradients and Fisher information in a classifier's last layer: BADGE and BAIT."""

from functools import partial
from typing import Any

from bayesal import selection
from bayesal.methods.kernels import NOISE, bait_kernel, kmeanspp
from bayesal.representations import badge_embedding, binary_fisher_factors, fisher_factors, posterior, scale, spanned
from bayesal.strategies import Represent, Strategy
from bayesal.strategies.either import ByTask
from bayesal.views import Embedded, LastLayer


def badge(
    num_hypotheses: int = 100, first: str = "max_norm", part: str = "weight", farthest: bool = False
) -> Strategy[Any]:
    """Drawn apart by k-means++ from gradients that each point's likeliest label would give the last layer: (p - e) ⊗ h.

    ``first``: the longest gradient, or "uniform" as textbooks have it. ``part`` of the layer: "weight", "bias" or
    "both". ``farthest``: the farthest point in place of a draw. For amounts: k-means++ on what is left to know in the
    last layer. ``num_hypotheses`` are drawn of beliefs that have no network to ask for logits.

    Tasks: classification, regression. Needs: Embeds. Paper: Ash et al. 2020; Holzmüller et al. 2023.
    """
    rule = selection.KCenter() if farthest else selection.KMeansPlusPlus(first=first)
    embedding = partial(badge_embedding, part=part)
    amounts = kmeanspp("last_layer", (scale(), posterior(NOISE)), given=False)
    return ByTask(Represent(Embedded(embedding, LastLayer(num_hypotheses)), rule), amounts)


def bait(
    num_hypotheses: int = 100,
    regularisation: float = 1.0,
    weighting: str = "reference",
    over_selection: float | int = 2,
    surrogate: bool = False,
) -> Strategy[Any]:
    """The labels leave least of the pool's Fisher information in the last layer unlearned: tr(M⁻¹ F).

    ``regularisation`` λ and ``weighting`` are those of ``selection.FisherBait``; twice the batch is picked, then those
    missed least are dropped (``over_selection``). ``surrogate``: one class against all others, for many classes: C·D is
    bounded otherwise. For amounts the Fisher information is that of the last layer's features, and λ is not used.

    Tasks: classification, regression. Needs: Embeds. Paper: Ash et al. 2021; Huseljic et al. 2024.
    """
    embedding = binary_fisher_factors if surrogate else fisher_factors
    rule = selection.FisherBait(regularisation, weighting, over_selection)
    classes = Represent(Embedded(embedding, LastLayer(num_hypotheses)), rule, (spanned(),), given=True)
    return ByTask(classes, bait_kernel("last_layer", over_selection=over_selection))
