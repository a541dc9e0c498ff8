"""Sparse approximation of a log-posterior by its gradients: how alike two labels pull at the weights."""

from dataclasses import dataclass, replace

from torch import Generator

from bayesal.recipe import recipe
from bayesal.representations.beside import side_by_side
from bayesal.representations.combined import Product, Scaled
from bayesal.representations.door import check_noise
from bayesal.representations.posterior import posterior
from bayesal.representations.represented import Represented


@dataclass(frozen=True, repr=False)
class ACSGrad:
    """The kernel times its posterior, over σ⁴; see :func:`acs_grad`."""

    noise: float | int

    __repr__ = recipe

    def __post_init__(self) -> None:
        check_noise(self.noise, zero=False)

    def __call__(self, represented: Represented, /, *, generator: Generator) -> Represented:
        known = posterior(self.noise)(represented, generator=generator)
        joined, parts = side_by_side([represented, known])
        return replace(joined, kernel=Scaled(Product(parts), self.noise**-2))


def acs_grad(noise: float | int) -> ACSGrad:
    """k(x, x') k_post(x, x') / σ⁴ = E[∇L(x)·∇L(x')], L the expected log-likelihood of a label at posterior weights.

    ``noise``: σ, a standard deviation. The features are products of φ and φ_post, D² of them, so this is a kernel that
    reads both side by side; ``sketch(p)`` after it makes p features of it, where the kernel was one of features.
    Pinsler et al. (2019); Holzmüller et al. (2023).

    Raises ValueError for a noise that is not above 0, and what ``posterior`` raises.
    """
    return ACSGrad(noise)
