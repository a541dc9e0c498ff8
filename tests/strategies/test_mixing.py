"""ALFA-Mix: which predictions change when features are mixed, and who is chosen among them."""

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal import Pool
from bayesal.likelihoods import gaussian
from bayesal.numerics.clusters import k_means
from bayesal.posteriors import DeepEnsemble, MCDropout
from bayesal.representations import class_anchors, flips
from bayesal.strategies import FeatureMixing
from bayesal.views.head import Head, head_of


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def belief(seed: int = 0) -> MCDropout:
    """Features are the points themselves."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MCDropout(nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 3)))


def pool(n: int = 60) -> Pool:
    return Pool.of(2 * drawn(1, n, 4), labels={i: i % 3 for i in range(6)}, chunk_size=16)


def test_candidates_flip_and_each_cluster_of_them_gives_one() -> None:
    given = pool()
    selection = FeatureMixing()(belief(), given, 5, generator=Generator().manual_seed(0))
    head, features = head_of(belief(), given), 2 * drawn(1, 60, 4)
    anchors = class_anchors(features[:6], torch.arange(6) % 3, 3)
    counts = [int(flips(features[6:], anchors, head.weight, head.bias, 0.2 * t).sum()) for t in range(1, 6)]
    times = next(t for t, count in enumerate(counts, 1) if count > 5)
    flipped = flips(features[6:], anchors, head.weight, head.bias, 0.2 * times)
    assert bool(flipped[selection.positions].all())
    assert f"{counts[times - 1]} of 54 predictions change" in selection.notes[0]
    assert f"up to a cap of {0.2 * times:.3g}" in selection.notes[0]
    unit = torch.nn.functional.normalize(features[6:][flipped].double(), dim=1)
    clusters, _ = k_means(unit, 5, generator=Generator().manual_seed(0))
    place = {int(p): n for n, p in enumerate(flipped.nonzero().squeeze(1))}
    assert sorted(int(clusters[place[int(p)]]) for p in selection.positions) == [0, 1, 2, 3, 4]
    assert selection.scores.tolist() == [1] * 5


def test_the_cap_grows_in_steps_until_more_than_the_batch_flip_or_it_is_one() -> None:
    """One axis, one anchor on each side: a point at x flips at a cap of x / (x + 1), for the anchor at -1."""
    head = Head(torch.tensor([[-1.0], [1.0]]), torch.zeros(2))
    rows, anchors = torch.tensor([[0.1], [0.45], [1.0], [30.0]]), torch.tensor([[-1.0], [-1.0]])
    for batch_size, cap, count in ((0, 0.2, 1), (1, 0.4, 2), (2, 0.6, 3), (3, 1.0, 4)):
        flipped, reached = FeatureMixing(0.2).candidates(rows, anchors, head, batch_size)
        assert reached == pytest.approx(cap)
        assert int(flipped.sum()) == count


@pytest.mark.parametrize("steps", [0, 5])
def test_a_batch_with_too_few_candidates_is_filled_at_random_without_repeats(steps: int) -> None:
    head = Head(torch.tensor([[-1.0], [1.0]]), torch.zeros(2))
    rows = torch.cat([torch.tensor([[0.01], [0.02]]), torch.full((20, 1), -500.0)])
    mixing = FeatureMixing(0.2, steps)
    seen = set()
    for seed in range(8):
        generator = Generator().manual_seed(seed)
        selection = mixing.select(rows, torch.tensor([[-1.0], [-1.0]]), head, 6, generator=generator)
        assert selection.ids[:2] == [0, 1]
        assert len(set(selection.ids)) == 6
        assert selection.scores.tolist() == [1, 1, 0, 0, 0, 0]
        assert "4 of 6 points were drawn at random" in selection.notes[1]
        seen |= set(selection.ids)
    assert len(seen) > 15


def test_several_networks_mix_the_mean_of_their_logits() -> None:
    nets = [belief(seed).network for seed in range(2)]
    twice = FeatureMixing()(DeepEnsemble(nets), pool(), 5, generator=Generator().manual_seed(0))
    assert len(set(twice.ids)) == 5


def test_the_whole_pool_nothing_and_what_cannot_be_mixed() -> None:
    ready = belief()
    assert sorted(FeatureMixing()(ready, pool(), 54, generator=Generator()).ids) == list(range(6, 60))
    assert FeatureMixing()(ready, pool(), 0, generator=Generator()).ids == []
    with pytest.raises(ValueError, match="only 54 unlabelled points"):
        FeatureMixing()(ready, pool(), 55, generator=Generator())
    with pytest.raises(ValueError, match="nothing is labelled; label some points first"):
        FeatureMixing()(ready, Pool.of(drawn(0, 5, 4)), 2, generator=Generator())
    with pytest.raises(ValueError, match="one label among classes, but the model predicts Normal"):
        FeatureMixing()(
            MCDropout(nn.Sequential(nn.Dropout(), nn.Linear(4, 2)), gaussian), pool(), 2, generator=Generator()
        )
    for cap, steps in ((0.0, 0), (1.5, 0), (0.2, -1)):
        with pytest.raises(ValueError, match="a cap is above 0 and up to 1"):
            FeatureMixing(cap, steps)
