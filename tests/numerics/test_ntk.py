"""Empirical tangent kernels against Gram matrices of Jacobians by autograd."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from bayesal.numerics import gradient_block, ntk
from bayesal.numerics.gradients import PointGradients
from bayesal.numerics.ntk import empirical_ntk


def chain() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3, bias=False))


class Shared(nn.Module):
    """One layer used twice, a parameter no layer owns, and a normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm = nn.Linear(4, 4), nn.LayerNorm(4)
        self.scale = nn.Parameter(torch.ones(3))
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.layer(self.layer(x).tanh()))) * self.scale


def convolution() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 4, 2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3)
    )


def made(build: Callable[[], nn.Module], dtype: torch.dtype = torch.float64) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build().to(dtype)


def point_gradients(network: nn.Module) -> PointGradients:
    state = {name: value.detach().requires_grad_() for name, value in network.named_parameters()}
    return PointGradients(lambda state, inputs: functional_call(network, state, (inputs,)), state)


def points(count: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(count, 4, generator=Generator().manual_seed(1), dtype=torch.float64).to(dtype)


def one(outputs: Tensor, number: int) -> Tensor:
    return outputs[:, number]


def mixed(outputs: Tensor) -> Tensor:
    return outputs.sum(1) / 3**0.5


def jacobian(network: nn.Module, inputs: Tensor, objectives: list) -> np.ndarray:
    """``N·Q P``, by one backward pass for every point and objective."""
    rows = []
    for point in inputs:
        for objective in objectives:
            network.zero_grad()
            objective(network(point[None])).sum().backward()
            rows.append(
                torch.cat(
                    [
                        torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten()
                        for p in network.parameters()
                    ]
                )
            )
    return torch.stack(rows).double().numpy()


OBJECTIVES = [[mixed], [partial(one, number=0)], [partial(one, number=c) for c in range(3)]]


@pytest.mark.parametrize("build", [chain, Shared, convolution])
@pytest.mark.parametrize("objectives", OBJECTIVES, ids=["sum", "first", "exact"])
def test_the_kernel_is_the_gram_matrix_of_jacobians(build: Callable[[], nn.Module], objectives: list):
    network, inputs = made(build), points(7)
    expected = jacobian(network, inputs, objectives)
    kernel = empirical_ntk(point_gradients(network), inputs, objectives)
    assert kernel.dtype == torch.float64
    np.testing.assert_allclose(kernel, expected @ expected.T, rtol=1e-9, atol=1e-10)
    cross = empirical_ntk(point_gradients(network), inputs[:3], objectives, inputs[3:])
    size = 3 * len(objectives)
    np.testing.assert_allclose(cross, expected[:size] @ expected[size:].T, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("build", [chain, Shared, convolution])
@pytest.mark.parametrize(("chunk", "numbers"), [(2, 1), (2, 400), (3, 10_000)])
def test_blocks_of_any_size_give_the_same(build, chunk: int, numbers: int, monkeypatch: pytest.MonkeyPatch):
    network, inputs = made(build), points(5)
    whole = {len(o): empirical_ntk(point_gradients(network), inputs, o) for o in OBJECTIVES[1:]}
    cross = empirical_ntk(point_gradients(network), inputs[:2], OBJECTIVES[0], inputs)
    monkeypatch.setattr(ntk, "CHUNK", chunk)
    monkeypatch.setattr(ntk, "NUMBERS", numbers)
    monkeypatch.setattr(gradient_block, "COLUMNS", 5)
    monkeypatch.setattr(gradient_block, "STRIPE", 2)
    for objectives in OBJECTIVES[1:]:
        torch.testing.assert_close(empirical_ntk(point_gradients(network), inputs, objectives), whole[len(objectives)])
    torch.testing.assert_close(empirical_ntk(point_gradients(network), inputs[:2], OBJECTIVES[0], inputs), cross)


def test_a_float32_kernel_is_positive_semi_definite_to_the_last_digit():
    """Gradients are float32, their products are not: many alike points do not make it indefinite."""
    network = made(chain, torch.float32)
    kernel = empirical_ntk(point_gradients(network), points(3, torch.float32).repeat(20, 1), OBJECTIVES[0])
    least = float(torch.linalg.eigvalsh(kernel)[0])
    assert least > -1e-12 * float(kernel.trace())


def test_no_points_have_no_kernel():
    gradients = point_gradients(made(chain))
    assert empirical_ntk(gradients, points(0), OBJECTIVES[0]).shape == (0, 0)
    assert empirical_ntk(gradients, points(0), OBJECTIVES[2], points(2)).shape == (0, 6)
    assert empirical_ntk(gradients, points(2), OBJECTIVES[0], points(0)).shape == (2, 0)
