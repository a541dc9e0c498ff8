"""The average of weights over time and the consistency of two heads: the card's numbers and gradients."""

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from bayesal.objectives.temporal import MovingAverage, consistency


class One(nn.Module):
    """A single parameter, and a buffer that is no part of the average."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value, dtype=torch.float64))
        self.register_buffer("met", torch.tensor(value))


def averages(cap: float) -> list[float]:
    network = One(10.0)
    average = MovingAverage(network, cap)
    seen = []
    for value in (1.0, 2.0, 3.0, 4.0):
        nn.init.constant_(network.value, value)
        network.met = torch.tensor(value)
        average.step(network)
        seen.append(float(average.network.get_parameter("value")))
    assert float(average.network.get_buffer("met")) == 10.0
    return seen


def test_the_cards_numbers() -> None:
    assert averages(0.999) == pytest.approx([5.5, 4.33333, 4.0, 4.0], abs=1e-5)
    assert averages(0.6) == pytest.approx([5.5, 4.1, 3.66, 3.796])


def test_until_the_cap_it_is_the_mean_of_all_weights_so_far() -> None:
    start, *values = torch.randn(8, generator=Generator().manual_seed(0), dtype=torch.float64).tolist()
    network = One(start)
    average = MovingAverage(network)
    for value in values:
        nn.init.constant_(network.value, value)
        average.step(network)
    assert float(average.network.get_parameter("value")) == pytest.approx(sum([start, *values]) / 8)
    assert not average.network.get_parameter("value").requires_grad


def test_a_cap_is_a_share() -> None:
    with pytest.raises(ValueError, match=r"must lie between 0 and 1, but it is 1\.5"):
        MovingAverage(One(0.0), 1.5)


def drawn(seed: int, *shape: int) -> Tensor:
    generator = Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def test_consistency_is_two_mean_squares_and_its_gradients_are_right() -> None:
    z, c, e = (drawn(seed, 5, 3) for seed in range(3))
    by_hand = sum(
        (z[n, k] - c[n, k]) ** 2 + (c[n, k] - e[n, k]) ** 2 for n in range(5) for k in range(3)
    ) / 15  # fmt: skip
    torch.testing.assert_close(consistency(z, c, e), by_hand)
    assert torch.autograd.gradcheck(lambda z, c: consistency(z, c, e), (z, c))
    consistency(z, c, e).backward()
    assert e.grad is None
    assert z.grad is not None
    assert float(z.grad.abs().sum()) > 0
    maps = [drawn(seed, 2, 3, 4, 4) for seed in range(3)]
    torch.testing.assert_close(consistency(*maps), F.mse_loss(maps[0], maps[1]) + F.mse_loss(maps[1], maps[2]))
