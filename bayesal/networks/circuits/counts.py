"""How often each term of each sum was at work, and weights that are as likely."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from bayesal.networks.circuits.circuit import Circuit


def expected_counts(
    circuit: Circuit, features: Float[Tensor, "N D"], targets: Int[Tensor, "N"]
) -> list[Float[Tensor, "..."]]:
    """n_sk = Σ_n w_sk ∂ log S_{y_n}(x_n) / ∂w_sk: the rows that term k of sum s is expected to explain.

    In the order and the shapes of ``circuit.weights()``. This is the E-step of EM, by gradients; w ∝ n is its M-step.
    The counts of class c in the mixture of replicas add up to the rows of class c, in each member.
    """
    weights = [weight.detach().requires_grad_() for weight in circuit.weights()]
    with torch.enable_grad():
        densities = circuit.log_densities(features, weights)
        total = densities[torch.arange(len(targets), device=targets.device), :, targets].sum()
        gradients = torch.autograd.grad(total, weights)
    return [(weight * gradient).detach() for weight, gradient in zip(weights, gradients, strict=True)]


def dirichlet_logits(
    counts: Sequence[Float[Tensor, "..."]], *, concentration: float, generator: Generator
) -> list[Float[Tensor, "..."]]:
    """For each sum, log-weights of w ~ Dirichlet(n + ``concentration``), up to a constant.

    Drawn as logarithms of Gammas, log Gamma(a + 1) + log(u) / a, which do not underflow however small a is.
    """
    if not concentration > 0:
        raise ValueError(f"the concentration of a Dirichlet must be above 0, but it is {concentration}")
    drawn = []
    for count in counts:
        a = count.detach().double().cpu() + concentration
        gamma = torch._standard_gamma(a + 1, generator=generator)  # pyright: ignore[reportPrivateImportUsage]
        uniform = 1 - torch.rand(a.shape, dtype=a.dtype, generator=generator)  # never 0
        drawn.append((gamma.log() + uniform.log() / a).to(count.device, count.dtype))
    return drawn
