"""Distances between networks as functions: the points they are compared at, the cache, and what is left alone."""

import copy

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal.objectives.function_norm import FunctionNorm, noise_points


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def network(number: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(number)
        net = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 4))
        net(torch.randn(32, 3))  # running statistics of its own
    return net


def probabilities(outputs: Tensor) -> Tensor:
    return outputs.softmax(-1)


def norm_of(count: int, cache_bytes: int = 2**20) -> FunctionNorm:
    norm = FunctionNorm(torch.randn(300, 3, generator=seed()), probabilities, cache_bytes=cache_bytes)
    for number in range(count):
        norm.add(network(number))
    return norm


def test_the_noise_has_the_features_mean_and_five_times_their_spread() -> None:
    inputs = torch.randn(4000, 2, 3, generator=seed()) * torch.tensor([1.0, 0.1, 0.0]) + torch.tensor([5.0, 0.0, 7.0])
    noise = noise_points(inputs, generator=seed(1))
    assert noise.shape == inputs.shape
    assert noise.dtype == inputs.dtype
    torch.testing.assert_close(noise.mean(0), inputs.mean(0), atol=0.4, rtol=0)
    torch.testing.assert_close(noise.std(0), 5 * inputs.std(0), atol=0, rtol=0.06)
    assert not torch.equal(noise, noise_points(inputs, generator=seed(2)))


def test_a_single_point_still_gives_noise() -> None:
    noise = noise_points(torch.full((1, 1000), 2.0), spread=3.0, generator=seed())
    assert noise.std() == pytest.approx(3, rel=0.1)


def test_words_have_no_noise() -> None:
    with pytest.raises(ValueError, match=r"the points are torch\.int64; this needs points that are real numbers"):
        noise_points(torch.zeros(3, 4, dtype=torch.int64), generator=seed())


def test_distances_are_what_a_loop_over_the_points_finds() -> None:
    norm, new = norm_of(3), network(9)
    positions = torch.tensor([4, 0, 299])
    said = [
        [member.eval()(norm.points[n : n + 1]).detach()[0].softmax(-1) for n in positions.tolist()]
        for member in [*norm.networks, new]
    ]
    expected = [
        sum(float(((a - b) ** 2).sum()) for a, b in zip(said[-1], other, strict=True)) / 3 for other in said[:3]
    ]
    assert norm.distances(new, positions).tolist() == pytest.approx(expected, rel=1e-5)


def test_all_pairs_are_the_mean_over_all_points() -> None:
    norm = norm_of(3)
    pairs = norm.pairwise()
    assert pairs.dtype == torch.float64
    torch.testing.assert_close(pairs, pairs.mT)
    assert not pairs.diagonal().any()
    everywhere = norm.distances(norm.networks[1], torch.arange(300))
    torch.testing.assert_close(pairs[1], everywhere.double(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("members_kept", [0, 1])
def test_what_does_not_fit_into_the_cache_is_computed_again(members_kept: int) -> None:
    small, new, positions = norm_of(3, 300 * 4 * 4 * members_kept), network(9), torch.arange(0, 300, 7)
    assert len(small._cache) == members_kept
    torch.testing.assert_close(small.distances(new, positions), norm_of(3).distances(new, positions))
    torch.testing.assert_close(small.pairwise(), norm_of(3).pairwise())


def test_normalisation_and_dropout_are_in_evaluation_mode_and_put_back() -> None:
    norm, new = norm_of(2), network(9)
    new[3].eval()  # pyright: ignore  # a pattern of the user's
    before = copy.deepcopy(new.state_dict())
    torch.manual_seed(0)
    state = torch.get_rng_state()
    some = norm.distances(new, torch.arange(5))
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in new] == [True, True, True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in new.state_dict().items())
    with torch.no_grad():
        alone = torch.stack([norm.distances(new, torch.tensor([n])) for n in range(5)]).mean(0)
    torch.testing.assert_close(some.detach(), alone)  # no point depends on its batch-mates
    some.sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in new.parameters())
    assert all(parameter.grad is None for member in norm.networks for parameter in member.parameters())


def test_modes_are_put_back_after_a_failure() -> None:
    norm, new = norm_of(1), network(9)
    with pytest.raises(RuntimeError):
        FunctionNorm(torch.zeros(3, 5), probabilities).distances(new, torch.arange(2))
    assert all(module.training for module in new.modules())
    assert len(norm.networks) == 1
