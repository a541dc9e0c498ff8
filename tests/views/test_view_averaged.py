"""Scores of views against probabilities written down one view and one hypothesis at a time."""

import math

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.distributions import Categorical

from bayesal import Pool, acquisitions
from bayesal.learning import Augment
from bayesal.likelihoods import gaussian
from bayesal.networks import MLP, SmallCNN
from bayesal.posteriors import MCDropout
from bayesal.views import ViewAveraged

X = torch.randn(23, 4, generator=Generator().manual_seed(0)) * torch.tensor([1.0, 10.0, 0.1, 1.0]) + 3
IMAGES = torch.rand(17, 2, 8, 8, generator=Generator().manual_seed(1)) * 255


def made(network: type[nn.Module], *arguments, **settings) -> MCDropout:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MCDropout(network(*arguments, **settings))


TABLE, PICTURES = made(MLP, 4, 3, hidden=(16,), dropout=0.5), made(SmallCNN, 3, 2)


def scores(view: ViewAveraged, belief, points: Tensor, chunk_size: int = 256, seed: int = 0) -> Tensor:
    pool = Pool.of(points, chunk_size=chunk_size, progress=False)
    return pool.scan(view(belief, pool, generator=Generator().manual_seed(seed)))


class Moved:
    """View v of all points is shifted by its own number, in units of the pool's standard deviation."""

    def __init__(self) -> None:
        self.by: list[float] = []

    def __call__(self, points: Tensor, generator: Generator) -> Tensor:
        assert len(points) == 1
        moved = torch.randn((), generator=generator)
        self.by.append(float(moved))
        return points + moved


def test_it_is_the_score_of_the_mean_probabilities_in_each_view() -> None:
    moved = Moved()
    seen: list[Categorical] = []

    def entropy(predictions: Categorical) -> Tensor:
        seen.append(predictions)
        return acquisitions.entropy(predictions)

    found = scores(ViewAveraged(entropy, 3, 8, moved), TABLE, X)
    shifts = [moved.by[0], moved.by[23], moved.by[46]]
    assert moved.by == [shifts[v] for v in range(3) for _ in range(23)]
    assert len(set(shifts)) == 3
    hypotheses = TABLE.draw(8, generator=Generator().manual_seed(0))
    deviations = X.double().std(0, correction=0).float()
    views = torch.stack([hypotheses(X + shift * deviations).probs.mean(1) for shift in shifts], 1)
    torch.testing.assert_close(seen[0].probs, views, atol=1e-6, rtol=1e-4)
    mean = views.mean(1)
    torch.testing.assert_close(found, -(mean * mean.log()).sum(1), atol=1e-5, rtol=1e-4)


def test_inconsistency_of_two_views_is_their_jensen_shannon_divergence() -> None:
    class Sure:
        """p(first class) is x itself, whatever the hypothesis."""

        def draw(self, num_hypotheses: int, *, generator: Generator):
            return lambda x: Categorical(probs=torch.cat([x, 1 - x], 1)[:, None].expand(-1, num_hypotheses, -1))

    points = torch.tensor([[0.5], [0.5]])  # no spread: the pool's scale is 1
    seeds: list[int] = []

    def told(points: Tensor, generator: Generator) -> Tensor:
        """0.2 in the first view, 0.6 in the second."""
        if generator.initial_seed() not in seeds:
            seeds.append(generator.initial_seed())
        return points + (0.1 if seeds.index(generator.initial_seed()) % 2 else -0.3)

    found = scores(ViewAveraged(acquisitions.bald, 2, 5, told), Sure(), points)

    def kl(p: float, q: float) -> float:
        return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))

    assert found.tolist() == pytest.approx([(kl(0.2, 0.4) + kl(0.6, 0.4)) / 2] * 2, rel=1e-4)
    margins = scores(ViewAveraged(acquisitions.margin, 2, 5, told), Sure(), points)
    assert margins.tolist() == pytest.approx([1 - (0.6 - 0.4)] * 2, rel=1e-4)


@pytest.mark.parametrize(("belief", "points"), [(TABLE, X), (PICTURES, IMAGES)], ids=["table", "images"])
@pytest.mark.parametrize("score", [acquisitions.margin, acquisitions.entropy, acquisitions.bald])
def test_chunks_and_order_make_no_difference_and_a_seed_is_a_set_of_views(belief, points: Tensor, score) -> None:
    view = ViewAveraged(score, 2, 6)
    whole = scores(view, belief, points)
    for chunk_size in (1, 5, 16):
        torch.testing.assert_close(scores(view, belief, points, chunk_size), whole, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(scores(view, belief, points.flip(0)).flip(0), whole, atol=1e-5, rtol=1e-4)
    assert torch.equal(scores(view, belief, points), whole)
    assert not torch.equal(scores(view, belief, points, seed=1), whole)


def test_views_that_change_nothing_are_the_points() -> None:
    same = Augment()
    found = scores(ViewAveraged(acquisitions.margin, 2, 6, same), PICTURES, IMAGES)
    hypotheses = PICTURES.draw(6, generator=Generator().manual_seed(0))
    torch.testing.assert_close(found, acquisitions.margin(hypotheses(IMAGES)), atol=1e-4, rtol=1e-3)
    inconsistent = scores(ViewAveraged(acquisitions.bald, 2, 6, same), PICTURES, IMAGES)
    assert inconsistent.abs().max() < 1e-5


def test_an_empty_pool_and_what_is_refused() -> None:
    view = ViewAveraged(acquisitions.margin, 2, 6)
    pool = Pool.of(X, labels=dict.fromkeys(range(23), 0), progress=False)
    assert pool.scan(view(TABLE, pool, generator=Generator()), pool.unlabelled).shape == (0,)
    with pytest.raises(ValueError, match="are of one label among classes, but the model predicts Normal"):
        scores(view, MCDropout(MLP(4, 2), gaussian), X)
    with pytest.raises(ValueError, match="num_views is 0"):
        ViewAveraged(acquisitions.margin, 0)
    assert "margin, num_views=2, num_hypotheses=6, augment=None" in repr(view)
