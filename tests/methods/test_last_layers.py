"""BADGE and BAIT as methods against their rules on gradients written down by autograd."""

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

import bayesal as bal
from bayesal import methods
from bayesal.likelihoods import gaussian
from bayesal.networks import MLP
from bayesal.posteriors import DeepEnsemble, MCDropout
from bayesal.selection import FisherBait, KCenter, grow, kmeans_plus_plus

LABELLED = 5


def digits() -> tuple[bal.Pool, Tensor]:
    points = torch.randn(40, 6, generator=Generator().manual_seed(0))
    labels = {f"p{i}": i % 3 for i in range(LABELLED)}
    return bal.Pool.of(points, ids=[f"p{i}" for i in range(40)], labels=labels, chunk_size=16, progress=False), points


def network(outputs: int = 3, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MLP(6, outputs, hidden=(12,)).eval()


def head_gradients(net: nn.Module, points: Tensor, label: int | None) -> Tensor:
    """∇_W cross-entropy of one label for every point (of its best guess: None), one backward pass a point."""
    rows = []
    for point in points:
        logits = net(point[None])
        target = logits.argmax(1) if label is None else torch.tensor([label])
        (gradient,) = torch.autograd.grad(cross_entropy(logits, target), net.head.weight)  # type: ignore[union-attr]
        rows.append(gradient.flatten())
    return torch.stack(rows)


def ids_of(strategy, belief, batch_size: int = 6) -> list[str]:
    pool, _ = digits()
    return list(strategy(belief, pool, batch_size, generator=Generator().manual_seed(1)).ids)


def named(positions: Tensor) -> list[str]:
    return [f"p{LABELLED + i}" for i in positions.tolist()]


@pytest.mark.parametrize("first", ["max_norm", "uniform"])
def test_badge_is_kmeans_plus_plus_on_the_gradients_of_best_guesses(first: str):
    net = network()
    rows = head_gradients(net, digits()[1][LABELLED:], None)
    expected = kmeans_plus_plus(rows, 6, first=first, generator=Generator().manual_seed(1))
    assert ids_of(methods.badge(first=first), MCDropout(net)) == named(expected)


def test_badge_without_drawing_is_the_farthest_first():
    net = network()
    rows = head_gradients(net, digits()[1][LABELLED:], None)
    expected = grow(KCenter(), rows, 6, generator=Generator())
    assert ids_of(methods.badge(farthest=True), MCDropout(net)) == named(expected.positions)


@pytest.mark.parametrize("weighting", ["reference", "average", "sum"])
def test_bait_knows_what_is_labelled_and_chooses_by_gradients_of_all_labels(weighting: str):
    net = network()
    points = digits()[1]
    probabilities = net(points).softmax(1).detach()
    factors = torch.stack([head_gradients(net, points, y) * probabilities[:, y, None].sqrt() for y in range(3)], 1)
    rule = FisherBait(0.5, weighting)
    expected = grow(rule, factors[LABELLED:], 4, given=factors[:LABELLED], generator=Generator())
    assert ids_of(methods.bait(regularisation=0.5, weighting=weighting), MCDropout(net), 4) == named(expected.positions)


def test_bait_by_one_class_against_all_others_uses_features_only():
    net = network()
    points = digits()[1]
    p = net(points).softmax(1).detach().amax(1)
    rows = net.body(points).detach() * (p * (1 - p)).sqrt()[:, None]  # type: ignore[operator]
    expected = grow(FisherBait(1.0), rows[LABELLED:], 4, given=rows[:LABELLED], generator=Generator())
    assert ids_of(methods.bait(surrogate=True), MCDropout(net), 4) == named(expected.positions)


@pytest.mark.parametrize(
    "name", ["badge", "bait", "lcmd", "maxdet", "max_diag", "bait_kernel", "kmeanspp", "coreset", "coreset_pca"]
)
@pytest.mark.parametrize("amounts", [False, True])
def test_all_choose_for_classes_and_amounts_and_for_several_networks(name: str, amounts: bool):
    outputs, likelihood = (2, {"likelihood": gaussian}) if amounts else (3, {})
    for belief in (
        MCDropout(network(outputs), **likelihood),
        DeepEnsemble([network(outputs, 1), network(outputs, 2)], **likelihood),
    ):
        first = ids_of(getattr(methods, name)(), belief)
        assert len(set(first)) == 6
        assert first == ids_of(getattr(methods, name)(), belief)


def test_a_base_kernel_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(ValueError, match=r"there is no base kernel 'gradient'; there are gradients, last_layer"):
        methods.lcmd("gradient")


def test_a_belief_that_shows_nothing_is_refused():
    class Silent:
        def draw(self, num_hypotheses: int, *, generator: Generator) -> None: ...

    for name in ("coreset", "lcmd"):
        with pytest.raises(ValueError, match="Silent"):
            ids_of(getattr(methods, name)(), Silent())
