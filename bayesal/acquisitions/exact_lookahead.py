"""Looking ahead with the whole kernel between outputs, for small problems."""

import torch
from jaxtyping import Float
from torch import Tensor

from bayesal.acquisitions.lookahead import KNOWN, LookAhead


def exact_look_ahead(
    labelled_kernel: Float[Tensor, "L C L C"],
    cross_kernel: Float[Tensor, "L C U C"],
    kernel: Float[Tensor, "U C U C"],
    labelled_outputs: Float[Tensor, "L C"],
    labels: Float[Tensor, "L C"],
    outputs: Float[Tensor, "U C"],
    *,
    regularisation: float | int = 0.0,
    own: float | int | None = None,
) -> Float[Tensor, "U"]:
    """MLMOC where outputs share weights: Θ_cc'(x, x') = ⟨∇f_c(x), ∇f_c'(x')⟩ in place of Θ(x, x') times the identity.

    f⁺_j(x) = f_lin(x) + K(x, j)(K(j, j) + λI)⁻¹ (y'_j - f_lin(j)) with C x C blocks K, y'_j the likely label; in
    directions that what is labelled determines nothing is learned. The other arguments are those of ``LookAhead.of``,
    and so are the errors. O((L + U)³ C³) time, O(U² C²) memory.
    """
    count, classes = outputs.shape
    known = len(labels)
    state = LookAhead.of(
        labelled_kernel.reshape(known * classes, known * classes),
        cross_kernel.reshape(known * classes, count * classes),
        kernel.reshape(count * classes, count * classes),
        labelled_outputs.reshape(-1, 1),
        labels.reshape(-1, 1),
        outputs.reshape(-1, 1),
        regularisation=regularisation,
        own=own,
    )
    covariance = state.covariance.reshape(count, classes, count, classes)
    retrained, current = (some.reshape(count, classes) for some in (state.retrained, state.current))
    guesses = torch.zeros_like(current).scatter_(1, current.argmax(1, keepdim=True), 1.0)
    blocks = covariance.diagonal(dim1=0, dim2=2).permute(2, 0, 1)
    values, vectors = torch.linalg.eigh(blocks)
    prior = state.prior.reshape(count, classes).amax(1, keepdim=True)
    inverse = (values + state.own).reciprocal().masked_fill(values <= KNOWN * prior, 0)
    news = torch.einsum("jcd,jd,jed,je->jc", vectors, inverse, vectors, guesses - retrained)
    change = torch.einsum("xcjd,jd->xjc", covariance, news)
    return (
        torch.linalg.vector_norm(change + (retrained - current)[:, None], dim=2)
        .sum(0)
        .masked_fill((inverse == 0).all(1), 0)
    )
