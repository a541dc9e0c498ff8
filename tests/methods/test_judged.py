"""Methods that ask a judge: the largest scores are asked, of the judge that is meant, among a subset or all."""

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal import Pool, methods
from bayesal.likelihoods import bernoulli
from bayesal.networks import MLP
from bayesal.posteriors import JudgedNetwork, MCDropout
from bayesal.types import Selection

NAMES = {"loss_prediction": "loss-prediction", "vaal": "vaal", "waal": "waal"}


class First(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0]


def points(n: int = 30) -> Tensor:
    return torch.randn(n, 4, generator=Generator().manual_seed(0))


def pool() -> Pool:
    return Pool.of(points(), labels={0: 1, 1: 0}, chunk_size=7)


def belief(judged_by: str = "", **settings: object) -> JudgedNetwork:
    return JudgedNetwork.dropout(MLP(4, 3), judge=First(), judged_by=judged_by, **settings)  # type: ignore[arg-type]


def choose(name: str, belief: object, batch_size: int = 5, seed: int = 0, **settings: object) -> Selection:
    strategy = getattr(methods, name)(**settings)
    return strategy(belief, pool(), batch_size, generator=Generator().manual_seed(seed))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("by", ["own", ""])
def test_the_largest_scores_are_asked_largest_first(name: str, by: str):
    selection = choose(name, belief(NAMES[name] if by else ""))
    expected = points()[2:, 0].argsort(descending=True)[:5] + 2
    assert list(selection.ids) == expected.tolist()
    torch.testing.assert_close(selection.scores, points()[expected, 0])


@pytest.mark.parametrize("name", NAMES)
def test_another_judge_or_none_is_not_taken_for_it(name: str):
    with pytest.raises(ValueError, match=f"is that of tod, but that of {NAMES[name]} is asked for: use --posterior"):
        choose(name, belief("tod"))
    with pytest.raises(ValueError, match=f"a MCDropout has no judge of its own: use --posterior {NAMES[name]}"):
        choose(name, MCDropout(MLP(4, 3)))


def test_waal_looks_at_classes_only():
    with pytest.raises(ValueError, match="the scores of waal are of one label among classes"):
        choose("waal", belief("waal", likelihood=bernoulli))
    assert len(choose("vaal", belief("vaal", likelihood=bernoulli))) == 5


def test_predicted_losses_are_compared_in_a_subset_drawn_anew():
    batches = {tuple(choose("loss_prediction", belief(), 3, seed, subset=8).ids) for seed in range(5)}
    assert len(batches) > 1
    best = set(choose("loss_prediction", belief(), 28).ids)
    assert all(set(batch) <= best for batch in batches)
    whole = choose("loss_prediction", belief(), subset=None)
    assert list(whole.ids) == list(choose("loss_prediction", belief()).ids)
    with pytest.raises(ValueError, match="a batch of 5 cannot be chosen from the 4 points"):
        choose("loss_prediction", belief(), subset=4)


@pytest.mark.parametrize("name", ["bald", "badge", "lcmd", "coreset", "gradnorm_expected"])
def test_every_other_method_sees_the_belief_without_its_judge(name: str):
    judged = belief("waal")
    assert list(choose(name, judged).ids) == list(choose(name, judged.belief).ids)
