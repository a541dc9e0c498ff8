"""The text of a part of an experiment: the same for the same settings, another for others, short for large ones."""

from functools import partial

import numpy as np
import pytest
import torch

from bayesal import Pool, methods
from bayesal.acquisitions import class_prior_weights
from bayesal.recipe import digest, recipe
from bayesal.views.annealing import Annealing

POINTS = torch.arange(20_000.0).view(5_000, 4)


def changed(points):
    """Other numbers where an array of this size prints only dots."""
    return points.index_fill(0, torch.tensor([2_500]), -1.0)


@pytest.mark.parametrize("method", [methods.epig, methods.jepig, methods.alc])
def test_methods_with_other_targets_have_another_recipe(method):
    assert repr(method(targets=POINTS)) == repr(method(targets=POINTS.clone()))
    assert repr(method(targets=POINTS)) != repr(method(targets=changed(POINTS)))
    assert "\n" not in repr(method(targets=POINTS))


def test_target_pools_that_hold_other_points_have_another_recipe():
    first, same, other = (Pool.of(points, progress=False) for points in (POINTS, POINTS, POINTS + 1))
    assert repr(methods.epig(targets=first)) == repr(methods.epig(targets=same))
    assert repr(methods.epig(targets=first)) != repr(methods.epig(targets=other))


def test_numbers_that_print_alike_have_another_recipe():
    one, other = (recipe(partial(class_prior_weights, class_prior=torch.tensor([p, 1 - p]))) for p in (0.3, 0.30001))
    assert one != other


def test_labels_of_a_hamming_set_are_in_the_recipe():
    inputs, labels = torch.zeros(3, 2), torch.tensor([0, 1, 1])
    one, other = (repr(methods.balance(validation=(inputs, known))) for known in (labels, labels.flip(0)))
    assert one != other
    assert repr(Annealing(labels=labels)) in one


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.bool, torch.int64])
def test_every_kind_of_number_has_a_digest(dtype):
    values = torch.tensor([[0, 1, 1], [1, 0, 0]]).to(dtype)
    assert len(digest(values)) == 12
    assert digest(values) == digest(values.T.contiguous().T) != digest(values.flip(0))
    assert digest(values[0, 0]) != digest(values[0, 1])
    if dtype != torch.bfloat16:
        assert digest(values) == digest(np.asfortranarray(values.numpy()))
