"""Target inputs: drawn by the generator, never more than there are, weights in step with their inputs."""

import numpy as np
import pytest
import torch

from bayesal import Pool
from bayesal.views import FromPool, Given, Targets


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


POOL = Pool.of(torch.arange(20.0)[:, None], ids=[f"p{i}" for i in range(20)], labels={"p3": 1}, progress=False)


def test_targets_from_the_pool_are_different_points_labelled_or_not():
    points = FromPool(15)(POOL, generator=generator())
    assert len(set(points.ids)) == 15
    assert points.pool is POOL
    seen = {i for seed in range(20) for i in FromPool(5)(POOL, generator=generator(seed)).ids}
    assert "p3" in seen


def test_a_small_pool_gives_all_it_has_and_a_narrowed_one_its_whole():
    assert list(FromPool(50)(POOL, generator=generator()).ids) == POOL.ids.tolist()
    assert len(FromPool(50)(POOL.only(["p1"]), generator=generator()).ids) == 20


def test_the_seed_decides_which_targets_are_drawn():
    one, same, other = (FromPool(5)(POOL, generator=generator(s)).ids.tolist() for s in (1, 1, 2))
    assert one == same != other


def test_given_targets_keep_their_weights():
    inputs, weights = torch.arange(6.0)[:, None], torch.arange(6.0)
    points = Given(inputs, weights, number=4)(POOL, generator=generator())
    assert points.weights is not None
    assert points.pool.gather(points.ids).squeeze(1).tolist() == points.weights.tolist()
    assert len(points.ids) == 4
    everything = Given(inputs.numpy(), weights, number=None)(POOL, generator=generator())
    assert everything.weights is not None
    assert everything.weights.tolist() == weights.tolist()


@pytest.mark.parametrize("weights", [[1, 2, 0], np.array([1.0, 2.0, 0.0]), torch.tensor([1, 2, 0])])
def test_weights_may_be_any_numbers(weights):
    points = Given(np.zeros((3, 1)), weights)(POOL, generator=generator())
    assert points.weights is not None
    assert points.weights.tolist() == [1, 2, 0]
    assert repr(Given(np.zeros((3, 1)), weights)) == repr(Given(np.zeros((3, 1)), torch.tensor([1.0, 2.0, 0.0])))


def test_the_recipe_tells_targets_apart_without_printing_them():
    first, other = Given(torch.zeros(5, 2)), Given(torch.ones(5, 2))
    assert repr(first) == repr(Given(np.zeros((5, 2), dtype=np.float32)))
    assert repr(first) != repr(other)
    assert repr(first) != repr(Given(torch.zeros(5, 2), torch.ones(5)))
    assert len(repr(first)) < 60


def test_both_are_targets():
    assert isinstance(FromPool(), Targets)
    assert isinstance(Given(torch.zeros(1, 1)), Targets)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: FromPool(0), "at least 1"),
        (lambda: Given(torch.zeros(3, 1), number=0), "at least 1"),
        (lambda: Given(torch.zeros(0, 1)), "no target inputs"),
        (lambda: Given(torch.zeros(3, 1), torch.ones(2)), r"3 target inputs but weights of shape \(2,\)"),
        (lambda: FromPool()(Pool.of(torch.zeros(0, 1)), generator=generator()), "pool is empty"),
    ],
)
def test_what_cannot_be_a_target_is_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
