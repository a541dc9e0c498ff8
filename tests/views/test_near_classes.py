"""Nearness to classes at several depths, against plain NumPy, and with points that are moved a little."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal.data.pool import Pool
from bayesal.methods.pareto import poal
from bayesal.networks import MLP
from bayesal.posteriors import DeepEnsemble, JudgedNetwork, MCDropout
from bayesal.views.deep_features import uphill
from bayesal.views.near_classes import NearClasses

LABELS = [i % 3 for i in range(30)]
SHARE = 0.2


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def made(build: Callable[[], nn.Module], number: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(number)
        return build().double().eval()


def mlp(number: int = 0) -> nn.Module:
    return made(lambda: nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3)), number)


def cnn() -> nn.Module:
    layers = [nn.Conv2d(2, 3, 2), nn.Tanh(), nn.Conv2d(3, 5, 2), nn.Tanh(), nn.Flatten(), nn.Linear(20, 3)]
    return made(lambda: nn.Sequential(*layers))


def belief_of(network: nn.Module) -> MCDropout:
    with_dropout = nn.Sequential(*network[:-1], nn.Dropout(0.5), network[-1])  # pyright: ignore
    return MCDropout(with_dropout.eval())


def points(*shape: int) -> Tensor:
    units = torch.tensor([1.0, 20.0, 0.1, 3.0], dtype=torch.float64)[: shape[0]].reshape(-1, *[1] * (len(shape) - 1))
    return torch.randn(50, *shape, generator=seed(3), dtype=torch.float64) * units


def pool_of(inputs: Tensor, labelled: int = 30, chunk_size: int = 16) -> Pool:
    labels = {i: LABELS[i] for i in range(labelled)}
    return Pool.of(inputs, labels=labels, chunk_size=chunk_size, progress=False)


def confidence(known: np.ndarray, at: np.ndarray) -> np.ndarray:
    """-½ min_c of the squared distance, one point after the other."""
    labels = np.array(LABELS[: len(known)])
    means = {c: known[labels == c].mean(0) for c in set(labels.tolist())}
    apart = known - np.stack([means[c] for c in labels.tolist()])
    covariance = np.mean([np.outer(row, row) for row in apart], 0)
    width = len(covariance)
    inverse = np.linalg.inv((1 - SHARE) * covariance + SHARE * np.trace(covariance) / width * np.eye(width))
    return np.array([max(-0.5 * (z - mean) @ inverse @ (z - mean) for mean in means.values()) for z in at])


def by_hand(network: nn.Module, at: Tensor) -> list[np.ndarray]:
    """What comes out of the two activations, averaged over places."""
    outputs = []
    with torch.no_grad():
        for layer in network:  # pyright: ignore
            at = layer(at)
            if isinstance(layer, nn.Tanh):
                outputs.append(at.numpy().reshape(*at.shape[:2], -1).mean(2))
    return outputs


def parts(network: nn.Module, inputs: Tensor, at: Tensor) -> list[np.ndarray]:
    """The confidence at each stage."""
    known = by_hand(network, inputs[:30])
    return [confidence(one, other) for one, other in zip(known, by_hand(network, at), strict=True)]


def steps(network: nn.Module, inputs: Tensor, stage: int, n: int) -> np.ndarray:
    """The signs of the slopes of a stage's confidence at point n, by finite differences."""
    flat = inputs[n].flatten()
    moved = flat + 1e-6 * torch.cat([torch.eye(len(flat)), -torch.eye(len(flat))]).double()
    found = parts(network, inputs, moved.view(-1, *inputs.shape[1:]))[stage]
    return np.sign(found[: len(flat)] - found[len(flat) :]).reshape(inputs.shape[1:])


@pytest.mark.parametrize(("network", "shape"), [(mlp(), (4,)), (cnn(), (2, 4, 4))])
def test_confidences_of_two_stages_are_averaged(network: nn.Module, shape: tuple[int, ...]):
    inputs = points(*shape)
    look = NearClasses(SHARE, stages=2)(belief_of(network), pool_of(inputs), generator=seed())
    expected = np.mean(parts(network, inputs, inputs), 0)
    np.testing.assert_allclose(look(inputs).numpy(), expected, rtol=1e-8)
    assert look.notes == ()


@pytest.mark.parametrize(("network", "shape"), [(mlp(), (4,)), (cnn(), (2, 4, 4))])
def test_points_go_uphill_by_a_share_of_the_standard_deviation_of_each_channel(
    network: nn.Module, shape: tuple[int, ...]
):
    inputs, some, size = points(*shape), range(30, 36), 0.05
    look = NearClasses(SHARE, stages=2, perturbation=size)(belief_of(network), pool_of(inputs), generator=seed())
    others = (0, *range(2, inputs.ndim))
    spread = inputs[:30].numpy().std(others, keepdims=True)[0]
    expected = np.zeros(len(some))
    for stage in (0, 1):
        moved = [inputs[n].numpy() + size * spread * steps(network, inputs, stage, n) for n in some]
        expected += parts(network, inputs, torch.from_numpy(np.stack(moved)))[stage] / 2
    np.testing.assert_allclose(look(inputs[30:36]).numpy(), expected, rtol=1e-8)


def test_a_small_step_never_lowers_the_confidence():
    inputs = points(4)
    still = NearClasses(stages=2)(belief_of(mlp()), pool_of(inputs), generator=seed())(inputs)
    moved = NearClasses(stages=2, perturbation=1e-4)(belief_of(mlp()), pool_of(inputs), generator=seed())(inputs)
    assert bool((moved >= still).all())
    assert float((moved - still).max()) > 0


def test_worked_numbers_of_features_that_are_the_points():
    class Shown:
        def embed(self, inputs: Tensor, /) -> Tensor:
            return inputs

    known = torch.tensor([[0, 0], [1, 0.5], [-0.5, 1], [4, 4], [5, 4.5], [4.5, 5.5]], dtype=torch.float64)
    pool = Pool.of(known, labels=dict(enumerate([0, 0, 0, 1, 1, 1])), progress=False)
    look = NearClasses(shrinkage=0)(Shown(), pool, generator=seed())
    found = look(torch.tensor([[1, 1], [2.5, 2.5], [6, 3]], dtype=torch.float64))
    torch.testing.assert_close(found, torch.tensor([-1.7, -15.65, -9.05], dtype=torch.float64))


@pytest.mark.parametrize("network", [mlp(), cnn()])
def test_one_stage_is_what_the_last_layer_is_shown(network: nn.Module):
    inputs = points(4) if network[0].weight.ndim == 2 else points(2, 4, 4)  # pyright: ignore
    pool, belief = pool_of(inputs), belief_of(network)
    still, moved = (NearClasses(perturbation=p)(belief, pool, generator=seed())(inputs) for p in (0, 1e-12))
    torch.testing.assert_close(still, moved, rtol=1e-6, atol=1e-6)


def test_stages_of_several_networks_are_side_by_side():
    inputs, networks = points(4), [mlp(1), mlp(2)]
    look = NearClasses(SHARE, stages=2)(DeepEnsemble(networks), pool_of(inputs), generator=seed())
    rows = [np.concatenate(pair, 1) / 2**0.5 for pair in zip(*(by_hand(n, inputs) for n in networks), strict=True)]
    expected = np.mean([confidence(z[:30], z) for z in rows], 0)
    np.testing.assert_allclose(look(inputs).numpy(), expected, rtol=1e-8)
    moved = NearClasses(SHARE, stages=2, perturbation=1e-4)(DeepEnsemble(networks), pool_of(inputs), generator=seed())
    assert bool((moved(inputs) >= look(inputs)).all())


def test_more_stages_than_there_are_are_all_of_them():
    inputs, pool = points(4), pool_of(points(4))
    two, many = (NearClasses(stages=s)(belief_of(mlp()), pool, generator=seed())(inputs) for s in (2, 9))
    torch.testing.assert_close(two, many, rtol=0, atol=0)


@pytest.mark.parametrize("settings", [{"stages": 2}, {"perturbation": 0.01}, {"stages": 2, "perturbation": 0.01}])
def test_neither_the_chunks_nor_the_network_matter_or_change(settings: dict):
    inputs = points(4).float()
    network = MLP(4, 3, hidden=(8, 8), dropout=0.5).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    belief = JudgedNetwork(MCDropout(network), nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)))
    look = NearClasses(**settings)(belief, pool_of(inputs), generator=seed())
    alone = torch.cat([look(row) for row in inputs.split(1)])
    torch.testing.assert_close(look(inputs), alone, rtol=1e-3, atol=1e-3)
    assert look(inputs[:0]).shape == (0,)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not look(inputs).requires_grad


def test_whole_numbers_can_be_moved():
    inputs = torch.randint(0, 256, (50, 2, 4, 4), generator=seed(), dtype=torch.uint8)
    look = NearClasses(stages=2, perturbation=0.01)(belief_of(cnn()), pool_of(inputs), generator=seed())
    assert bool(look(inputs).isfinite().all())


def test_uphill_is_the_sign_of_the_slope():
    found = uphill(lambda at: (at * torch.tensor([2.0, -3.0, 0.0])).sum(1), torch.ones(2, 3))
    assert found.tolist() == [[1, -1, 0]] * 2
    assert uphill(lambda at: torch.ones(len(at)), torch.ones(2, 3)).tolist() == [[0, 0, 0]] * 2


def test_poal_takes_depths():
    selected = poal(num_hypotheses=5, stages=3, perturbation=0.01)(
        belief_of(mlp()), pool_of(points(4)), 6, generator=seed()
    )
    assert len(set(selected.ids)) == 6
    assert "stages=3, perturbation=0.01" in repr(poal(stages=3, perturbation=0.01))


def test_what_cannot_be_looked_into_gets_a_sentence():
    class Shown:
        def embed(self, inputs: Tensor, /) -> Tensor:
            return inputs

    class Formula:
        state = {"w": torch.ones(4, 3).double()}  # noqa: RUF012

        def forward(self, state: dict, inputs: Tensor, /) -> Tensor:
            return inputs @ state["w"]

    pool = pool_of(points(4))
    for view in (NearClasses(stages=2), NearClasses(perturbation=0.1)):
        with pytest.raises(ValueError, match=r"Shown has no network .* take stages=1 without a perturbation"):
            view(Shown(), pool, generator=seed())
        with pytest.raises(ValueError, match=r"forward of a Formula is no call of one nn\.Module"):
            view(Formula(), pool, generator=seed())
    words = made(lambda: nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Dropout(0.5), nn.Linear(8, 3)))
    tokens = pool_of(torch.randint(0, 9, (50, 2), generator=seed()))
    with pytest.raises(ValueError, match="looks up in a table"):
        NearClasses(perturbation=0.1)(MCDropout(words), tokens, generator=seed())
    with pytest.raises(ValueError, match="nothing is labelled yet"):
        NearClasses(stages=2)(belief_of(mlp()), pool_of(points(4), 0), generator=seed())
    with pytest.raises(ValueError, match="stages must be at least 1"):
        NearClasses(stages=0)
    with pytest.raises(ValueError, match="perturbation must be a number of at least 0"):
        NearClasses(perturbation=-0.1)
