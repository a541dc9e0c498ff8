"""Deep ensembles: each member once, the mixture's identities, and what makes no ensemble."""

import math
from functools import partial

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, MixtureSameFamily, Normal

from bayesal.acquisitions import bald, variance
from bayesal.likelihoods import gaussian
from bayesal.networks import MLP, SmallCNN, Standardise
from bayesal.posteriors.ensemble import DeepEnsemble


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def members(count: int = 4, outputs: int = 3) -> list[nn.Module]:
    return [MLP(5, outputs) for _ in range(count)]


def points(n: int = 7) -> Tensor:
    return torch.randn(n, 5, generator=seed())


def logits(ensemble: DeepEnsemble, k: int, x: Tensor, number: int = 0) -> Tensor:
    predictions = ensemble.draw(k, generator=seed(number))(x)
    assert isinstance(predictions, Categorical)
    return predictions.logits


@pytest.mark.parametrize("k", [4, 5, 100])
def test_asked_for_as_many_or_more_it_gives_each_member_once(k: int) -> None:
    networks = members()
    seen = logits(DeepEnsemble(networks), k, points())
    each = torch.stack([network.eval()(points()).log_softmax(-1) for network in networks], dim=1)
    torch.testing.assert_close(seen, each)


def test_asked_for_fewer_it_gives_different_members_and_over_draws_all() -> None:
    ensemble = DeepEnsemble(members(5))
    everyone = logits(ensemble, 5, points())[0]
    pairs = set()
    for number in range(60):
        drawn = logits(ensemble, 2, points(), number)[0]
        found = [int((everyone - row).abs().amax(-1).argmin()) for row in drawn]
        torch.testing.assert_close(everyone[found], drawn)
        assert len(set(found)) == 2
        pairs.add(frozenset(found))
    assert len(pairs) == 10


def test_members_of_other_kinds_are_evaluated_too() -> None:
    networks = [nn.Sequential(Standardise(torch.zeros(1, 1, 1), torch.ones(1, 1, 1)), SmallCNN(3)) for _ in range(3)]
    images = torch.randn(4, 1, 8, 8, generator=seed())
    each = torch.stack([network.eval()(images).log_softmax(-1) for network in networks], dim=1)
    torch.testing.assert_close(logits(DeepEnsemble(networks), 3, images), each)


class Constant(nn.Module):
    """The same Gaussian everywhere: its mean, and the raw scale whose softplus is the variance."""

    def __init__(self, mean: float, spread: float) -> None:
        super().__init__()
        self.register_buffer("values", torch.tensor([mean, math.log(math.expm1(spread - 1e-6))], dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.values.expand(len(x), 2)  # pyright: ignore


def test_the_mixture_of_two_gaussians_has_the_cards_mean_and_variances() -> None:
    ensemble = DeepEnsemble([Constant(1.0, 0.5), Constant(3.0, 1.0)], gaussian)
    predictions = ensemble.draw(2, generator=seed())(torch.zeros(3, 1, dtype=torch.float64))
    assert isinstance(predictions, Normal)
    mixture = MixtureSameFamily(Categorical(torch.ones(3, 2)), predictions)
    expected = torch.ones(3, dtype=torch.float64)
    torch.testing.assert_close(mixture.mean, 2 * expected)
    torch.testing.assert_close(mixture.variance, 1.75 * expected)
    torch.testing.assert_close(predictions.mean.var(dim=1, correction=0), expected)
    torch.testing.assert_close(variance(predictions), expected)


def test_bald_is_at_most_ln_m_and_reaches_it_where_members_contradict_each_other() -> None:
    x = points(50)
    scores = bald(DeepEnsemble(members(3)).draw(3, generator=seed())(x))
    assert (scores >= 0).all()
    assert (scores <= math.log(3)).all()
    sure = members(3)
    for favourite, network in enumerate(sure):
        assert isinstance(network, MLP)
        nn.init.constant_(network.head.bias, -100.0)
        nn.init.constant_(network.head.bias[favourite : favourite + 1], 100.0)
    scores = bald(DeepEnsemble(sure).draw(3, generator=seed())(x))
    torch.testing.assert_close(scores, torch.full((50,), math.log(3)))


def test_training_a_member_further_does_not_change_the_ensemble() -> None:
    networks = members()
    ensemble = DeepEnsemble(networks)
    before = logits(ensemble, 4, points())
    for parameter in networks[0].parameters():
        nn.init.zeros_(parameter)
    assert torch.equal(logits(ensemble, 4, points()), before)
    assert networks[0].training


def test_the_state_holds_what_differs_once_a_member_and_what_is_shared_once() -> None:
    networks = [nn.Sequential(Standardise(torch.ones(5), torch.ones(5)), MLP(5, 3)) for _ in range(4)]
    state = DeepEnsemble(networks).state
    assert set(state) == set(networks[0].state_dict())
    assert state["0.mean"].shape == (5,)
    assert state["1.head.weight"].shape == (4, 3, 128)
    assert torch.equal(state["1.head.bias"][2], networks[2].state_dict()["1.head.bias"])
    assert not any(value.requires_grad for value in state.values())


def test_nothing_global_is_left_changed() -> None:
    ensemble = DeepEnsemble([MLP(5, 3), MLP(5, 3)])
    before = torch.get_rng_state()
    logits(ensemble, 1, points())
    assert torch.equal(torch.get_rng_state(), before)


def test_one_member_is_no_ensemble() -> None:
    with pytest.raises(ValueError, match="at least two members to disagree, but there are 1"):
        DeepEnsemble(members(1))


def test_members_that_are_the_same_are_found() -> None:
    networks = members(4)
    networks[3].load_state_dict(networks[1].state_dict())
    with pytest.raises(ValueError, match="members 1 and 3 have the same weights"):
        DeepEnsemble(networks)
    with pytest.raises(ValueError, match="members 0 and 1 have the same weights"):
        DeepEnsemble([networks[0], networks[0]])


@pytest.mark.parametrize(
    "other", [partial(MLP, 5, 4), partial(MLP, 5, 3, hidden=(128,)), partial(nn.Linear, 5, 3)], ids=str
)
def test_members_of_different_architectures_are_refused(other: partial[nn.Module]) -> None:
    with pytest.raises(ValueError, match="members 0 and 2 differ in their layers or in the shapes"):
        DeepEnsemble([*members(2), other()])


def test_activations_of_another_kind_are_another_architecture() -> None:
    with pytest.raises(ValueError, match="members 0 and 1 differ"):
        DeepEnsemble([nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.Sequential(nn.Linear(2, 2), nn.Tanh())])


def test_no_hypotheses_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="at least one hypothesis"):
        DeepEnsemble(members()).draw(0, generator=seed())
