"""DALBT-style batches against their two steps taken by hand."""

import pytest
import torch
from torch import Generator

from bayesal import Pool, acquisitions, methods
from bayesal.networks import MLP
from bayesal.posteriors import MCDropout
from bayesal.selection import KCenter, grow, top
from bayesal.views import ViewAveraged

X = torch.randn(60, 4, generator=Generator().manual_seed(0))
POOL = Pool.of(X, ids=[f"p{i}" for i in range(60)], labels={"p1": 0, "p4": 1, "p7": 2}, progress=False)


def belief() -> MCDropout:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MCDropout(MLP(4, 3, hidden=(16,), dropout=0.5))


def ids_of(batch_size: int = 4, **settings) -> list[str]:
    return list(methods.dalbt(num_hypotheses=8, **settings)(belief(), POOL, batch_size, generator=generator()).ids)


def generator() -> Generator:
    return Generator().manual_seed(1)


@pytest.mark.parametrize(
    ("name", "score"),
    [("margin", acquisitions.margin), ("entropy", acquisitions.entropy), ("inconsistency", acquisitions.bald)],
)
def test_unsure_points_first_then_those_that_are_far_apart(name: str, score) -> None:
    view = ViewAveraged(score, 2, 8)
    scores = POOL.scan(view(belief(), POOL, generator=generator()), POOL.unlabelled)
    unsure = POOL.unlabelled[top(scores, 12).numpy()]
    assert ids_of(score=name, times=None) == unsure[:4].tolist()
    kept = POOL.unlabelled[sorted(POOL.unlabelled.tolist().index(key) for key in unsure)]
    features = belief().embed(POOL.gather(kept))
    known = belief().embed(POOL.gather(POOL.labelled))
    chosen = grow(KCenter(), features, 4, given=known, generator=generator())
    assert ids_of(score=name, times=3) == kept[chosen.positions.numpy()].tolist()


def test_features_alone_are_the_core_set() -> None:
    assert ids_of(score=None) == list(methods.coreset()(belief(), POOL, 4, generator=generator()).ids)


def test_more_views_and_another_augmentation_are_other_scores() -> None:
    plain = ids_of(10, times=None)
    assert ids_of(10, times=None, num_views=5) != plain
    assert ids_of(10, times=None, augment=lambda points, generator: points * 0) != plain


def test_a_score_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(
        ValueError, match="there is no score 'margins'; there are margin, entropy, inconsistency, or None"
    ):
        methods.dalbt("margins")
    assert "DALBT-style" in (methods.dalbt.__doc__ or "")
