"""Chunks of predictions are one whole again."""

import pytest
import torch
from torch.distributions import Bernoulli, Categorical, Independent, Normal, StudentT

from bayesal.numerics.joined import joined


def test_classes_come_back_as_they_were_made():
    probs = torch.tensor([[[1.0, 0.0], [0.25, 0.75]]]).repeat(5, 1, 1)
    whole = joined([Categorical(probs=probs[:2]), Categorical(probs=probs[2:])])
    assert torch.equal(vars(whole)["probs"], probs)
    logits = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    whole = joined([Categorical(logits=logits[:4], validate_args=False), Categorical(logits=logits[4:])])
    assert isinstance(whole, Categorical)
    torch.testing.assert_close(whole.logits, logits)


def test_amounts_and_many_labels_are_joined_along_the_points():
    amounts = joined([Normal(torch.zeros(2, 3), 1.0), Normal(torch.ones(1, 3), 2.0)])
    assert amounts.mean[:, 0].tolist() == [0, 0, 1]
    assert amounts.stddev[:, 0].tolist() == [1, 1, 2]
    many = joined([Independent(Bernoulli(logits=torch.full((n, 3, 4), float(n))), 1) for n in (1, 2)])
    assert isinstance(many, Independent)
    assert many.batch_shape == (3, 3)
    assert many.event_shape == (4,)
    assert many.base_dist.logits[:, 0, 0].tolist() == [1, 2, 2]


def test_one_part_is_the_whole():
    part = StudentT(torch.ones(2, 3))
    assert joined([part]) is part


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ([], "no predictions"),
        ([Normal(torch.zeros(1, 2), 1), Categorical(logits=torch.zeros(1, 2, 3))], "different kinds.*Normal, Categ"),
        ([StudentT(torch.ones(1, 2))] * 2, "StudentT cannot be joined"),
    ],
)
def test_what_cannot_be_joined_is_refused(parts, sentence):
    with pytest.raises(ValueError, match=sentence):
        joined(parts)
