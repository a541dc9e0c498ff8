"""Choosing what to train on from a labelled stream: the scores are those of the formula, in any chunks."""

import math

import pytest
import torch
from torch import Generator, Tensor
from torch.distributions import Categorical, Distribution, Normal

from bayesal import methods
from bayesal.acquisitions import label_loss
from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.strategies import Narrow, ReducibleLoss

IDS = [f"point {n}" for n in range(12)]
INPUTS = torch.randn(12, 3, generator=Generator().manual_seed(0))
CLASSES = [n % 3 for n in range(12)]
ANSWERS = dict(zip(IDS, CLASSES, strict=True))
POOL = Pool.of(INPUTS, ids=IDS, chunk_size=5)


class Fixed:
    """The same five functions whenever it is asked: two beliefs of different seeds differ."""

    def __init__(self, seed: int, amounts: bool = False) -> None:
        self.weights = torch.randn(5, 3, 3, generator=Generator().manual_seed(seed))
        self.amounts = amounts

    def draw(self, num_hypotheses: int, *, generator: Generator) -> "Fixed":
        return self

    def __call__(self, inputs: Tensor, /) -> Distribution:
        outputs = (inputs @ self.weights.mT).transpose(0, 1)
        return (
            Normal(outputs[..., 0], 1.0, validate_args=False)
            if self.amounts
            else Categorical(logits=outputs, validate_args=False)
        )


def losses(belief: Fixed) -> Tensor:
    return label_loss(belief(INPUTS), torch.tensor(CLASSES))


@pytest.mark.parametrize("chunk_size", [1, 5, 12])
def test_the_most_reducible_losses_are_chosen(chunk_size: int, generator: Generator) -> None:
    belief, holdout = Fixed(1), Fixed(2)
    pool = Pool.of(INPUTS, ids=IDS, chunk_size=chunk_size)
    selection = ReducibleLoss(ANSWERS, holdout)(belief, pool, 4, generator=generator)
    expected = losses(belief) - losses(holdout)
    best = expected.argsort(descending=True)[:4]
    assert list(selection.ids) == [IDS[i] for i in best]
    torch.testing.assert_close(selection.scores, expected[best])
    assert selection.positions.tolist() == best.tolist()


def test_answers_follow_their_ids_when_some_points_are_taken(generator: Generator) -> None:
    belief, holdout = Fixed(1), Fixed(2)
    pool = POOL.with_labels({IDS[0]: 0, IDS[7]: 1}).only(IDS[:10])
    selection = ReducibleLoss(ANSWERS, holdout)(belief, pool, 8, generator=generator)
    expected = dict(zip(IDS, (losses(belief) - losses(holdout)).tolist(), strict=True))
    assert set(selection.ids) == set(IDS[:10]) - {IDS[0], IDS[7]}
    torch.testing.assert_close(selection.scores.tolist(), [expected[i] for i in selection.ids])


def test_a_belief_is_no_better_than_itself(generator: Generator) -> None:
    selection = ReducibleLoss(ANSWERS, Fixed(1))(Fixed(1), POOL, 3, generator=generator)
    assert selection.scores.tolist() == [0, 0, 0]
    assert list(selection.ids) == IDS[:3]


def test_amounts_have_losses_too(generator: Generator) -> None:
    answers = {i: math.sin(n) for n, i in enumerate(IDS)}
    selection = ReducibleLoss(answers, Fixed(2, amounts=True))(Fixed(1, amounts=True), POOL, 12, generator=generator)
    targets = torch.tensor(list(answers.values()), dtype=torch.float64)
    expected = label_loss(Fixed(1, True)(INPUTS), targets) - label_loss(Fixed(2, True)(INPUTS), targets)
    torch.testing.assert_close(selection.scores, expected.sort(descending=True).values)


def test_the_papers_large_batch_is_a_random_one_narrowed(generator: Generator) -> None:
    strategy = Narrow(methods.random(), 6, ReducibleLoss(ANSWERS, Fixed(2)))
    assert len(set(strategy(Fixed(1), POOL, 2, generator=generator).ids)) == 2


def test_its_text_is_short_and_the_same_for_equal_settings() -> None:
    text = "ReducibleLoss(num_hypotheses=100, rule=top)"
    assert repr(ReducibleLoss(ANSWERS, Fixed(2))) == recipe(ReducibleLoss({}, Fixed(3))) == text


def test_points_without_an_answer_are_refused(generator: Generator) -> None:
    with pytest.raises(KeyError, match="no answer for 'point 3'"):
        ReducibleLoss({i: 0 for i in IDS if i != IDS[3]}, Fixed(2))(Fixed(1), POOL, 2, generator=generator)


def test_answers_that_do_not_suit_the_belief_are_refused(generator: Generator) -> None:
    with pytest.raises(ValueError, match="label of point 2 must be a class from 0 to 2, but it is 5"):
        ReducibleLoss({**ANSWERS, IDS[2]: 5}, Fixed(2))(Fixed(1), POOL, 2, generator=generator)
    with pytest.raises(ValueError, match="only 12 unlabelled points are left"):
        ReducibleLoss(ANSWERS, Fixed(2))(Fixed(1), POOL, 13, generator=generator)


def test_an_empty_pool_gives_an_empty_batch(generator: Generator) -> None:
    selection = ReducibleLoss(ANSWERS, Fixed(2))(Fixed(1), POOL.with_labels(ANSWERS), 0, generator=generator)
    assert len(selection) == 0
