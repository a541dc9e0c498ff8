"""Batches by clusters, with and without a belief, from shortlists, and without near duplicates."""

from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from bayesal import Pool
from bayesal.selection import KMeans, TypiClust, random, top
from bayesal.strategies import Believing, Blind, Clustered, Distinct, Pick, Shortlisted
from bayesal.types import Selection
from bayesal.views import Inputs


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def blobs(each: int = 12) -> Tensor:
    return (20 * drawn(0, 4, 1, 3) + drawn(1, 4, each, 3)).flatten(0, 1)


class Heights:
    """Scores are the first number of a point."""

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> Any:
        return lambda inputs: inputs[:, 0].double()


def names(n: int) -> list[str]:
    return [f"p{i}" for i in range(n)]


def ask(strategy: Any, pool: Pool, batch_size: int, belief: Any = None) -> Selection:
    return strategy(belief, pool, batch_size, generator=Generator().manual_seed(0))


def test_typical_points_come_from_clusters_without_labels() -> None:
    pool = Pool.of(blobs(), ids=names(48), labels={"p0": 1, "p13": 0})
    selection = ask(Clustered(Inputs(), TypiClust(max_clusters=4)), pool, 2)
    assert sorted(int(str(key)[1:]) // 12 for key in selection.ids) == [2, 3]
    assert [pool.unlabelled[p] for p in selection.positions] == list(selection.ids)
    with pytest.raises(ValueError, match="only 46 unlabelled points"):
        ask(Clustered(Inputs(), TypiClust()), pool, 47)


def test_without_a_belief_the_other_strategy_chooses_and_it_is_noted() -> None:
    pool = Pool.of(blobs())
    strategy = Believing(Pick(Heights(), top), Clustered(Inputs(), KMeans()))
    blind = ask(strategy, pool, 4)
    assert sorted(int(key) // 12 for key in blind.ids) == [0, 1, 2, 3]
    assert "nothing is believed yet, so the batch was chosen by Clustered(view=Inputs" in blind.notes[0]
    believing = ask(strategy, pool, 4, belief=object())
    assert list(believing.ids) == blobs()[:, 0].topk(4).indices.tolist()
    assert believing.notes == ()


def test_a_shortlist_is_so_many_times_the_batch() -> None:
    heights = torch.arange(40.0)[:, None]
    pool = Pool.of(heights, ids=names(40), labels={"p39": 0})
    strategy = Shortlisted(Pick(Heights(), top), 2.5, Blind(random))
    selection = ask(strategy, pool, 3)
    assert set(selection.ids) <= {f"p{i}" for i in range(31, 39)}
    assert [pool.unlabelled[p] for p in selection.positions] == list(selection.ids)
    assert len(ask(strategy, pool, 0)) == 0
    assert len(ask(strategy, pool, 39)) == 39
    with pytest.raises(ValueError, match=r"times is 0\.5"):
        Shortlisted(Blind(random), 0.5, Blind(random))


def repeated() -> tuple[Pool, Tensor]:
    """Twelve directions, each of them in three lengths, and one of them labelled."""
    directions = drawn(4, 12, 6)
    rows = torch.cat([directions, 2 * directions, directions * 3])
    return Pool.of(rows, ids=names(36), labels={"p0": 0}, chunk_size=5), rows


def test_near_duplicates_of_labelled_points_and_of_each_other_are_set_aside() -> None:
    pool, _ = repeated()
    selection = ask(Distinct(Blind(random)), pool, 11)
    assert sorted(int(str(key)[1:]) for key in selection.ids) == list(range(1, 12))
    assert [pool.unlabelled[p] for p in selection.positions] == list(selection.ids)
    assert selection.notes == ("24 of 35 points were set aside as near duplicates",)


def test_where_too_few_are_left_duplicates_come_after_all_others_and_it_is_noted() -> None:
    pool, _ = repeated()
    selection = ask(Distinct(Blind(random)), pool, 15)
    assert sorted(int(str(key)[1:]) for key in selection.ids[:11]) == list(range(1, 12))
    assert len(set(selection.ids)) == 15
    assert [pool.unlabelled[p] for p in selection.positions] == list(selection.ids)
    assert "only 11 are not alike, so 4 near duplicates are in the batch" in selection.notes[1]
    assert len(set(ask(Distinct(Blind(random)), pool, 35).ids)) == 35


def test_points_that_are_not_alike_are_all_there_and_nothing_is_noted() -> None:
    pool, rows = repeated()
    alone = pool.only(pool.unlabelled[:11])
    selection = ask(Distinct(Pick(Heights(), top)), alone, 3)
    expected = rows[1:12, 0].topk(3).indices + 1
    assert [int(str(key)[1:]) for key in selection.ids] == expected.tolist()
    assert selection.notes == ()
    assert len(ask(Distinct(Blind(random)), alone, 0)) == 0


def test_recipes_say_everything() -> None:
    assert repr(Distinct(Blind(random))) == (
        "Distinct(then=Blind(rule=random), view=Inputs(kernel=None), similarity=0.95)"
    )
    assert repr(Clustered(Inputs(), KMeans())) == "Clustered(view=Inputs(kernel=None), rule=KMeans(restarts=10))"
