"""Batches by kernels: a base kernel, transformations of it, and a rule that chooses; for amounts and any features."""

from typing import Any, TypeAlias

from bayesal import selection
from bayesal.representations import Transform, acs_rf_hyper, laplace, nngp, ntk, posterior, principal, scale
from bayesal.strategies import Represent, Strategy
from bayesal.types import GreedyRule
from bayesal.views import Features, Gradients, Inputs, LastLayerGradients, View

Base: TypeAlias = str | View[Any]
Transforms: TypeAlias = tuple[Transform, ...] | None

NOISE = 1e-3  # σ of the paper's posteriors, in units of a scaled kernel
BASES: dict[str, View[Any]] = {
    "gradients": Gradients(),
    "last_layer": LastLayerGradients(),
    "features": Features(),
    "inputs": Inputs(),
    "laplace": Inputs(laplace()),
    "nngp": Inputs(nngp()),
    "ntk": Inputs(ntk()),
}
"""Base kernels by name: sketched gradients of the whole network, gradients of its last layer, its features, the inputs
themselves, and three kernels of inputs."""


def lcmd(
    base: Base = "gradients", transforms: Transforms = None, given: bool = True, weight: str = "squared"
) -> Strategy[Any]:
    """The farthest point of the largest cluster, one after the other: representative and diverse.

    The default for amounts. ``base``: a base kernel, "gradients" (of the whole network, sketched to 512 numbers),
    "last_layer", "features", "inputs", "laplace", "nngp", "ntk", or any view of rows. ``transforms``: values of
    ``bayesal.representations``, applied in turn, by default none. ``given``: what is labelled are the first centres.
    ``weight``: clusters are weighed by their members' squared distances, "distance", or their "count".

    Tasks: any. Needs: Differentiable. Paper: Holzmüller et al. 2023.
    """
    return _batch(base, selection.LCMD(weight), transforms, given)


def maxdet(
    base: Base = "gradients", transforms: Transforms = None, given: bool = False, noise: float = NOISE
) -> Strategy[Any]:
    """The labels of the batch together tell most about a Gaussian function with this kernel: log det(K + σ²I).

    ``noise``: the standard deviation of labels in units of the scaled kernel. The other settings are those of ``lcmd``;
    ``transforms`` are by default ``(scale(), posterior(noise))``, or ``(scale(),)`` where what is labelled is given.

    Tasks: any. Needs: Differentiable. Paper: Holzmüller et al. 2023; Kirsch et al. 2019.
    """
    return _batch(base, selection.MaxDet(noise), _conditioned(transforms, given, noise), given)


def max_diag(base: Base = "last_layer", transforms: Transforms = None, noise: float = NOISE) -> Strategy[Any]:
    """The variances of a Gaussian function with this kernel are largest, one by one.

    The settings are those of ``maxdet``. Of the last layer it is BALD as the paper has it: worse than random there.

    Tasks: classification, multilabel, regression. Needs: Differentiable. Paper: Holzmüller et al. 2023.
    """
    return _batch(base, selection.MaxDiag(), _conditioned(transforms, False, noise), False)


def bait_kernel(
    base: Base = "gradients",
    transforms: Transforms = None,
    given: bool = False,
    noise: float = NOISE,
    over_selection: float | int = 2,
) -> Strategy[Any]:
    """The labels lower the variance of a Gaussian function with this kernel most, over all points.

    ``over_selection``: so many times the batch is picked first, then those missed least are dropped; 1 drops none. The
    other settings are those of ``maxdet``.

    Tasks: any. Needs: Differentiable. Paper: Ash et al. 2021; Holzmüller et al. 2023.
    """
    rule = selection.Bait(noise, over_selection=over_selection)
    return _batch(base, rule, _conditioned(transforms, given, noise), given)


def frank_wolfe(base: Base = "gradients", transforms: Transforms = None, given: bool = False) -> Strategy[Any]:
    """A few points whose weighted features add up to those of the whole pool.

    ``transforms`` are by default ``(acs_rf_hyper(512),)``, which need labels that are amounts. The other settings are
    those of ``lcmd``.

    Tasks: regression. Needs: Differentiable. Paper: Pinsler et al. 2019; Holzmüller et al. 2023.
    """
    transforms = (acs_rf_hyper(512),) if transforms is None else transforms
    return _batch(base, selection.FrankWolfe(), transforms, given)


def kmeanspp(base: Base = "gradients", transforms: Transforms = None, given: bool = True) -> Strategy[Any]:
    """Drawn one after the other in proportion to the squared distance to the nearest that is drawn or labelled.

    The settings are those of ``lcmd``.

    Tasks: any. Needs: Differentiable. Paper: Arthur and Vassilvitskii 2007; Holzmüller et al. 2023.
    """
    return _batch(base, selection.KMeansPlusPlus(first="uniform"), transforms, given)


def coreset(
    base: Base = "features",
    transforms: Transforms = None,
    given: bool = True,
    components: int | None = None,
    outliers: int | float = 0,
) -> Strategy[Any]:
    """The point farthest from all labelled and chosen ones, one after the other: greedy k-center.

    Where nothing is given it starts with the point nearest the mean. ``components``: distances are those of so many
    principal components, after the ``transforms`` (50: DeepAL+'s KCenterPCA). ``outliers``: so many of the farthest
    points, or that share of them if below 1, are passed over. The other settings are those of ``lcmd``.

    Tasks: classification, multilabel, regression. Needs: Embeds. Paper: Sener and Savarese 2018.
    """
    reduced = () if components is None else (principal(components),)
    rule = selection.KCenter(first="central", outliers=outliers)
    return _batch(base, rule, (*(transforms or ()), *reduced), given)


def coreset_pca(components: int = 50, given: bool = True) -> Strategy[Any]:
    """Core-set on the first principal components of the features: the points of the pool and what is labelled together.

    ``components``: at most so many; the other settings are those of ``coreset``.

    Tasks: classification, multilabel, regression. Needs: Embeds. Paper: Sener and Savarese 2018; Zhan et al. 2022.
    """
    return coreset(given=given, components=components)


def _conditioned(transforms: Transforms, given: bool, noise: float) -> tuple[Transform, ...]:
    if transforms is not None:
        return transforms
    return (scale(),) if given else (scale(), posterior(noise))


def _batch(base: Base, rule: GreedyRule[Any], transforms: Transforms, given: bool) -> Strategy[Any]:
    if isinstance(base, str) and base not in BASES:
        raise ValueError(f"there is no base kernel {base!r}; there are {', '.join(BASES)}, or a view of your own")
    view = BASES[base] if isinstance(base, str) else base
    return Represent(view, rule, transforms or (), given)
