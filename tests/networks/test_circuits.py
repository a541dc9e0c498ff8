"""Circuits are normalised densities with exact marginals: by enumeration, by a slow evaluation, by naive Bayes."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.naive_bayes import GaussianNB
from torch import Generator, Tensor

from bayesal.networks.circuits import Circuit, dirichlet_logits, expected_counts

NAN = math.nan


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def circuit(features: int = 5, classes: int = 2, seed: int = 0, **sizes: int) -> Circuit:
    settings = {"num_members": 2, "num_replicas": 2, "depth": 2, "num_leaves": 3, "num_sums": 2} | sizes
    return Circuit(features, classes, generator=seeded(seed), dtype=torch.float64, **settings)  # pyright: ignore


def states(features: int, values: int) -> Tensor:
    return torch.tensor(list(itertools.product(range(values), repeat=features)), dtype=torch.float64)


def the_cards_circuit() -> Circuit:
    """Two classes of two products each, over two binary features."""
    net = circuit(2, 2, num_members=1, num_replicas=1, depth=0, num_leaves=4, num_values=2)
    means = torch.tensor([[0.9, 0.3, 0.1, 0.5], [0.2, 0.7, 0.6, 0.5]], dtype=torch.float64)  # feature, leaf
    weights = torch.tensor([[0.6, 0.4, 0.0, 0.0], [0.0, 0.0, 0.25, 0.75]], dtype=torch.float64)
    with torch.no_grad():
        leaves = torch.stack([1 - means, means], dim=-2)[net.slots.flatten()].log()
        net.leaves.logits.copy_(leaves.view_as(net.leaves.logits))  # pyright: ignore
        net.sums[0].copy_(weights.log().view_as(net.sums[0]))
    return net


def test_the_cards_numbers() -> None:
    net = the_cards_circuit()
    densities = net(states(2, 2)).exp().squeeze(1).T
    expected = torch.tensor([[0.132, 0.208, 0.468, 0.192], [0.2775, 0.3225, 0.1975, 0.2025]], dtype=torch.float64)
    torch.testing.assert_close(densities, expected)
    at_10 = net(torch.tensor([[1.0, 0.0]], dtype=torch.float64)).softmax(-1)
    assert at_10[0, 0, 0].item() == pytest.approx(0.703231, abs=5e-7)
    one_seen = net(torch.tensor([[1.0, NAN]], dtype=torch.float64))
    assert one_seen.exp().flatten().tolist() == pytest.approx([0.66, 0.40])
    assert one_seen.softmax(-1)[0, 0, 0].item() == pytest.approx(0.622642, abs=5e-7)


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
@pytest.mark.parametrize(("features", "values"), [(1, 2), (5, 2), (10, 2), (5, 3)])
def test_the_probabilities_of_all_states_sum_to_one(features: int, values: int, depth: int) -> None:
    total = circuit(features, depth=depth, num_values=values)(states(features, values)).exp().sum(dim=0)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-10)


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_marginal_is_the_sum_over_all_completions(depth: int) -> None:
    net = circuit(4, depth=depth, num_values=2)
    everything, joint = states(4, 2), net(states(4, 2)).exp()
    for seen in itertools.product([0.0, 1.0, NAN], repeat=4):
        partly = torch.tensor(seen, dtype=torch.float64)
        fits = ((everything == partly) | partly.isnan()).all(dim=1)
        torch.testing.assert_close(net(partly[None]).exp()[0], joint[fits].sum(dim=0), rtol=0, atol=1e-10)
    torch.testing.assert_close(net(torch.full((1, 4), NAN, dtype=torch.float64)), torch.zeros(1, 2, 2).double())


def slowly(net: Circuit, x: list[float], member: int, c: int) -> float:
    """S_c(x) as its definition says it: with numbers, not logarithms, and one node after the other."""
    weights = [weight[member].tolist() for weight in net.weights()]
    mean, std = net.leaves.mean[member].tolist(), (0.1 + torch.log1p(net.leaves.raw.exp()))[member].tolist()  # pyright: ignore
    total = 0.0
    for r, regions in enumerate(net.slots[member].tolist()):
        nodes = []
        for region, slots in enumerate(regions):
            products = [1.0] * len(mean[0][0][0])
            for slot, feature in enumerate(slots):
                for i in range(len(products)):
                    if feature < len(x) and not math.isnan(x[feature]):
                        products[i] *= stats.norm.pdf(x[feature], mean[r][region][slot][i], std[r][region][slot][i])
            nodes.append(products)
        for level in weights[:-1]:
            pairs = (
                [[u * v for u in left for v in right] for left, right in zip(nodes[0::2], nodes[1::2], strict=True)]
                if len(nodes) > 1
                else nodes
            )
            nodes = [
                [sum(w * p for w, p in zip(row, pair, strict=True)) for row in rows]
                for rows, pair in zip(level[r], pairs, strict=True)
            ]
        total += weights[-1][c][r] * nodes[0][c]
    return total


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_circuit_is_what_its_definition_says(depth: int) -> None:
    net, points = circuit(5, depth=depth), torch.randn(3, 5, generator=seeded(1), dtype=torch.float64)
    points[0, 2] = points[1, 0] = NAN
    expected = [[[slowly(net, x, m, c) for c in range(2)] for m in range(2)] for x in points.tolist()]
    torch.testing.assert_close(net(points).exp(), torch.tensor(expected, dtype=torch.float64))


def test_a_gaussian_circuit_integrates_to_one_and_to_its_marginal() -> None:
    net = circuit(2, depth=1)
    line = torch.linspace(-12, 12, 601, dtype=torch.float64)
    step = float(line[1] - line[0])
    grid = torch.cartesian_prod(line, line)
    joint = net(grid).exp().view(601, 601, 2, 2)
    torch.testing.assert_close(joint.sum((0, 1)) * step**2, torch.ones(2, 2).double(), rtol=0, atol=1e-6)
    marginal = net(torch.stack([line, torch.full_like(line, NAN)], dim=1)).exp()
    torch.testing.assert_close(joint.sum(1) * step, marginal, rtol=0, atol=1e-6)


def test_one_leaf_a_class_and_no_depth_is_gaussian_naive_bayes() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    points = rng.normal(labels[:, None] * [1.0, -0.5, 0.3, 2.0], [0.8, 1.5, 1.0, 2.5], (60, 4))
    bayes = GaussianNB(var_smoothing=0).fit(points, labels)
    net = circuit(4, 1, num_members=3, num_replicas=1, depth=0, num_leaves=1)  # a member is a class here
    with torch.no_grad():
        for c, slots in enumerate(net.slots.flatten(1)):
            net.leaves.mean[c] = torch.from_numpy(bayes.theta_[c])[slots].view_as(net.leaves.mean[c])  # pyright: ignore
            std = torch.from_numpy(bayes.var_[c]).sqrt()[slots]
            net.leaves.raw[c] = torch.expm1(std - 0.1).log().view_as(net.leaves.raw[c])  # pyright: ignore
        ours = (net(torch.from_numpy(points)).squeeze(2) + torch.from_numpy(bayes.class_prior_).log()).log_softmax(1)
    np.testing.assert_allclose(ours, bayes.predict_log_proba(points), rtol=1e-9, atol=1e-9)


def test_every_replica_shares_out_all_features_once() -> None:
    net = circuit(13, num_replicas=4, depth=3)
    assert net.slots.shape == (2, 4, 8, 2)
    for replica in net.slots.flatten(0, 1):
        assert sorted(slot for slot in replica.flatten().tolist() if slot < 13) == list(range(13))
        assert set((replica < 13).sum(dim=1).tolist()) == {1, 2}
    assert len({tuple(replica.flatten().tolist()) for replica in net.slots.flatten(0, 1)}) == 8


@pytest.mark.parametrize(("features", "regions"), [(1, 1), (2, 2), (3, 2), (7, 4), (8, 8)])
def test_a_circuit_is_no_deeper_than_its_features_are_many(features: int, regions: int) -> None:
    assert circuit(features, depth=3).slots.shape[2] == regions


def data(seed: int = 3, n: int = 74) -> tuple[Tensor, Tensor]:
    targets = torch.repeat_interleave(torch.arange(4), torch.tensor([14, 23, 21, 16]))
    points = torch.randn(n, 6, generator=seeded(seed), dtype=torch.float64) + targets[:, None]
    return points, targets


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_expected_counts_are_gradients_and_add_up(depth: int) -> None:
    points, targets = data()
    net = circuit(6, 4, depth=depth)
    weights = [weight.detach() for weight in net.weights()]
    counts = expected_counts(net, points, targets)
    for count in counts:
        assert bool((count >= 0).all())
    rows = torch.tensor([14.0, 23.0, 21.0, 16.0], dtype=torch.float64).expand(2, 4)
    torch.testing.assert_close(counts[-1].sum(dim=-1), rows)
    torch.testing.assert_close(counts[-2].sum(dim=-1).squeeze(2).mT, counts[-1])  # class sums of each replica
    if depth == 2:  # below the top every region passes on what its replica explains
        torch.testing.assert_close(counts[0].sum(dim=(3, 4)), counts[1].sum(dim=(3, 4)).expand(-1, -1, 2))

    @torch.no_grad()
    def likelihood(level: int, index: tuple[int, ...], change: float) -> float:
        changed = [weight.clone() for weight in weights]
        changed[level][index] += change
        return float(net.log_densities(points, changed)[torch.arange(74), :, targets].sum())

    for level, weight in enumerate(weights):
        for position in (0, weight.numel() // 2, weight.numel() - 1):
            index = tuple(int(i) for i in np.unravel_index(position, weight.shape))
            slope = (likelihood(level, index, 1e-5) - likelihood(level, index, -1e-5)) / 2e-5
            assert float(counts[level][index]) == pytest.approx(float(weight[index]) * slope, rel=1e-5, abs=1e-7)


def test_counts_are_the_gradient_of_the_logits_plus_what_a_softmax_takes_away() -> None:
    points, targets = data()
    net = circuit(6, 4)
    net(points)[torch.arange(74), :, targets].sum().backward()
    counts = expected_counts(net, points, targets)
    for logits, count, weight in zip((*net.sums, net.mixture), counts, net.weights(), strict=True):
        torch.testing.assert_close(logits.grad, count - weight.detach() * count.sum(dim=-1, keepdim=True))


def test_weights_in_proportion_to_their_counts_are_a_step_of_em_and_never_less_likely() -> None:
    points, targets = data()
    net = circuit(6, 4, num_members=1)
    before = -math.inf
    for _ in range(5):
        after = float(net(points)[torch.arange(74), 0, targets].sum().detach())
        assert after >= before
        before = after
        counts = expected_counts(net, points, targets)
        net = net.choose(torch.tensor([0]), [count.clamp_min(1e-300).log() for count in counts])


def test_weights_are_drawn_from_their_dirichlet() -> None:
    counts = torch.tensor([0.0, 2.0, 5.5], dtype=torch.float64).expand(20_000, 3)
    drawn = dirichlet_logits([counts], concentration=0.1, generator=seeded())[0].softmax(-1)
    alpha = counts[0] + 0.1
    for i in range(3):
        law = stats.beta(float(alpha[i]), float(alpha.sum() - alpha[i]))
        assert stats.kstest(drawn[:, i].numpy(), law.cdf).pvalue > 1e-3
    tiny = dirichlet_logits([torch.zeros(500, 4)], concentration=1e-4, generator=seeded())[0]
    assert bool(tiny.softmax(-1).isfinite().all())
    with pytest.raises(ValueError, match="above 0"):
        dirichlet_logits([counts], concentration=0.0, generator=seeded())


def test_chosen_members_answer_as_they_did_and_share_nothing() -> None:
    points, _ = data()
    net = circuit(6, 4, num_members=3)
    chosen = net.choose(torch.tensor([2, 0, 2]))
    torch.testing.assert_close(chosen(points), net(points)[:, [2, 0, 2]])
    with torch.no_grad():
        chosen.mixture.fill_(0)
        chosen.leaves.mean.fill_(0)  # pyright: ignore
    assert not torch.equal(chosen(points), net(points)[:, [2, 0, 2]])
    assert chosen.num_members == 3


def test_far_from_everything_densities_stay_finite() -> None:
    net = Circuit(64, 10, generator=seeded())
    far = torch.full((2, 64), 8.0)
    assert bool(net(torch.cat([far, -far])).isfinite().all())


@pytest.mark.parametrize("size", ["features", "classes", "num_members", "num_replicas", "num_leaves", "num_sums"])
def test_sizes_of_nothing_are_refused(size: str) -> None:
    with pytest.raises(ValueError, match="at least one feature, class"):
        circuit(**{size: 0})


def test_a_value_that_categorical_leaves_do_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match=r"values 0 \.\.\. 1 and NaN .* feature of 2"):
        circuit(2, num_values=2)(torch.tensor([[0.0, 2.0]], dtype=torch.float64))
