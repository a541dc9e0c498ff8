"""Points like known examples: which are looked for, how they are seen, and that they are found."""

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal import Pool, methods
from bayesal.posteriors import MCDropout
from bayesal.strategies import LikeQueries
from bayesal.views import Exemplars, LabelGradients, Rare

FUNCTIONS = ("flqmi", "flvmi", "gcmi", "logdetmi")


def clusters() -> Tensor:
    """Ten points around each of three corners."""
    corners = torch.eye(3).repeat_interleave(10, 0) * 4
    return corners + 0.3 * torch.randn(30, 3, generator=Generator().manual_seed(0))


def belief_of() -> MCDropout:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body, head = nn.Linear(3, 3, bias=False), nn.Linear(3, 3)
    with torch.no_grad():
        body.weight.copy_(torch.eye(3))
        head.weight.copy_(0.4 * torch.eye(3))
        head.bias.zero_()
    return MCDropout(nn.Sequential(body, nn.Dropout(0.1), head))


def pool_of(labels: dict[int, int], chunk_size: int = 256) -> Pool:
    return Pool.of(clusters(), labels=labels, chunk_size=chunk_size, progress=False)


LABELS = {0: 0, 1: 0, 10: 1, 11: 1, 20: 2}


def chosen(strategy, pool: Pool, size: int = 5) -> list[int]:
    return strategy(belief_of(), pool, size, generator=Generator().manual_seed(0)).ids


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("rows", ["gradients", "features"])
def test_the_class_with_fewest_labels_is_looked_for_and_found(function: str, rows: str):
    ids = chosen(methods.similar(function=function, rows=rows), pool_of(LABELS), 5)
    inside = sum(20 <= key < 30 for key in ids)
    assert inside >= (5 if function in ("flqmi", "gcmi") else 1)  # the others stand for more than the examples
    assert ids[0] >= 20


@pytest.mark.parametrize("function", ["flqmi", "gcmi"])
def test_classes_and_examples_say_what_is_looked_for(function: str):
    pool = pool_of(LABELS)
    assert all(10 <= key < 20 for key in chosen(methods.similar(function=function, classes=[1]), pool))
    examples = clusters()[2:4]
    for given in ({"queries": examples}, {"queries": examples, "query_labels": [0, 0]}):
        assert all(key < 10 for key in chosen(methods.similar(function=function, **given), pool))


def test_known_labels_of_examples_are_used_and_others_guessed():
    """Examples that the network takes for another class have another gradient with their true label."""
    pool, look = pool_of(LABELS), LabelGradients()
    wrong = Exemplars(clusters()[:2], [1, 1])
    for queries, label in ((wrong, 1), (Exemplars(clusters()[:2]), 0)):
        targets = queries(pool, generator=Generator())
        _, rows = look(belief_of(), pool, pool.unlabelled, targets, generator=Generator())
        logits = 0.4 * clusters()[:2]
        expected = logits.softmax(1) - torch.eye(3)[[label, label]]
        seen = rows[:].unflatten(1, (3, 4))
        torch.testing.assert_close(seen[..., 3], expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(seen[..., :3], expected[..., None] * clusters()[:2, None], rtol=1e-4, atol=1e-5)


def test_of_classes_with_as_few_labels_the_lowest_is_looked_for():
    targets = Rare()(pool_of({0: 0, 1: 0, 10: 1, 20: 2}), generator=Generator())
    assert list(targets.ids) == [10]
    several = Rare((0, 2))(pool_of(LABELS), generator=Generator())
    assert list(several.ids) == [0, 1, 20]


def test_chunks_do_not_matter():
    for function in FUNCTIONS:
        strategy = methods.similar(function=function)
        assert chosen(strategy, pool_of(LABELS)) == chosen(strategy, pool_of(LABELS, 4))


def test_a_recipe_tells_examples_apart():
    one, other = (methods.similar(queries=clusters()[n : n + 2]) for n in (0, 1))
    assert repr(one) == repr(methods.similar(queries=clusters()[:2]))
    assert repr(one) != repr(other)
    assert repr(one) != repr(methods.similar(queries=clusters()[:2], query_labels=[0, 1]))
    assert isinstance(one, LikeQueries)


def test_what_cannot_be_looked_for_gets_a_sentence():
    for labels, settings, sentence in (
        ({}, {}, "nothing is labelled yet, so there are no examples"),
        ({0: 0}, {"classes": [2]}, r"none of the 1 labelled points is of the classes \(2,\)"),
        ({0: 0.5}, {}, "need labels that are classes, but they are torch.float64"),
        ({0: 7}, {}, "labels of queries must be classes from 0 to 2"),
    ):
        with pytest.raises(ValueError, match=sentence):
            chosen(methods.similar(**settings), pool_of(labels))
    for settings, sentence in (
        ({"queries": clusters()[:0]}, "there are no queries"),
        ({"queries": clusters()[:2], "classes": [1]}, "not both"),
        ({"function": "flcg"}, "function must be one of flqmi, flvmi, gcmi, logdetmi"),
        ({"rows": "inputs"}, "rows one of gradients, features"),
    ):
        with pytest.raises(ValueError, match=sentence):
            methods.similar(**settings)
