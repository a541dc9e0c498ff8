from dataclasses import replace

import pytest
import torch

from bayesal.data.pool import Pool
from bayesal.loop.select import free_part, select
from bayesal.loop.standing import Standing
from bayesal.types import Selection


def _standing(**changes) -> Standing:
    empty = Standing(labels={}, pending=[], skipped=[], known="", round=0, fitted=False, asks=0)
    return replace(empty, **changes)


def _pool(labels=None) -> Pool:
    return Pool.of(torch.zeros(6, 1), ids=[1, 2, 3, "1", "2", "3"], labels=labels)


def _choosing(ids, scores=None):
    scores = torch.zeros(len(ids)) if scores is None else torch.tensor(scores)

    def strategy(belief, pool, batch_size, /, *, generator):
        return Selection(ids, scores, scores, torch.zeros(len(ids), dtype=torch.int64), ("a note",))

    return strategy


def test_pending_skipped_and_labelled_points_are_not_free():
    free = free_part(_pool({2: 0}), _standing(pending=[1], skipped=["3"]))
    assert free.unlabelled.tolist() == [3, "1", "2"]
    assert free.labels == {2: 0}


def test_what_a_pool_was_narrowed_to_stays_so():
    free = free_part(_pool().only([1, "1", "2"]), _standing(pending=[1]))
    assert free.unlabelled.tolist() == ["1", "2"]


def test_a_choice_keeps_its_order_its_reasons_and_its_notes(generator):
    chosen = select(_choosing([3, "1"], [0.5, 0.25]), None, _pool(), 2, generator=generator)
    assert chosen.points == [(3, 0.5, 0.5), ("1", 0.25, 0.25)]
    assert chosen.notes == ("a note",)
    assert chosen.seconds >= 0


@pytest.mark.parametrize(
    ("ids", "scores", "sentence"),
    [
        ([3], None, "asked for 2 different ids but returned 1, 1 of them different; nothing was asked"),
        ([3, 3], None, "asked for 2 different ids but returned 2, 1 of them different"),
        ([3, 2], None, "chose 2, which is labelled, pending, skipped or not in the pool; nothing was asked"),
        ([3, 1], None, "chose 1, which is labelled, pending"),
        ([3, "x"], None, "chose 'x', which is"),
        ([3, "1"], [0.0, float("nan")], "chose by scores that are NaN; nothing was asked"),
    ],
)
def test_a_method_that_returns_what_it_must_not_gets_a_sentence(ids, scores, sentence, generator):
    free = free_part(_pool({2: 0}), _standing(pending=[1]))
    with pytest.raises(ValueError, match=sentence):
        select(_choosing(ids, scores), None, free, 2, generator=generator)
