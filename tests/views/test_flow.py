"""Densities of features: what the view shows, of few labels, and POAL by them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Generator, Tensor, nn

from bayesal.data.pool import Pool
from bayesal.learning import NormalisingFlow
from bayesal.learning.flow import TRAINING
from bayesal.methods.pareto import poal
from bayesal.networks import MLP
from bayesal.posteriors import DeepEnsemble, MCDropout
from bayesal.views.flow import FlowDensity

QUICK = FlowDensity(training=NormalisingFlow(num_layers=2, training=replace(TRAINING, max_epochs=3)))


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def points(n: int = 60) -> Tensor:
    return torch.randn(n, 4, generator=seed(3))


def network(number: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(number)
        return MLP(4, 3, hidden=(8,), dropout=0.5).eval()


def pool_of(labelled: int, inputs: Tensor | None = None, chunk_size: int = 16) -> Pool:
    shown = points() if inputs is None else inputs
    return Pool.of(shown, labels={i: i % 3 for i in range(labelled)}, chunk_size=chunk_size, progress=False)


class Shown:
    """Points are their own features."""

    def embed(self, inputs: Tensor, /) -> Tensor:
        return inputs


def test_without_reduction_it_is_the_density_of_the_features_up_to_their_unit():
    look = FlowDensity(training=NormalisingFlow(0))(Shown(), pool_of(40), generator=seed())
    gaussian = NormalisingFlow(0)(points()[:40], seed()).log_density(points())
    apart = look(points()) - gaussian
    torch.testing.assert_close(apart, apart[:1].expand(60), rtol=1e-6, atol=1e-6)


def test_outliers_of_the_labelled_points_are_unlikely():
    inputs = torch.cat([points(80), points(40) * 0.3 + 6])
    look = FlowDensity()(Shown(), pool_of(40, inputs), generator=seed())
    found = look(inputs)
    assert float(found[40:80].min()) > float(found[80:].median())
    assert float(found[40:80].median()) > float(found[80:].max())


@pytest.mark.parametrize(("labelled", "components"), [(2, 1), (3, 1), (5, 2), (6, 3), (40, 4)])
def test_there_are_two_points_for_a_component(labelled: int, components: int):
    look = QUICK(Shown(), pool_of(labelled), generator=seed())
    assert look.components.directions.shape == (components, 4)
    assert bool(look(points()).isfinite().all())


def test_wide_features_are_reduced_and_constant_ones_do_not_count():
    inputs = torch.cat([torch.randn(60, 30, generator=seed(1)), torch.ones(60, 2)], 1)
    look = QUICK(Shown(), pool_of(50, inputs), generator=seed())
    assert look.components.directions.shape == (8, 32)
    assert bool(look(inputs).isfinite().all())
    few = torch.randn(2, 6, generator=seed(1)).repeat(30, 1)  # two different points, thirty times each
    narrow = QUICK(Shown(), pool_of(30, few), generator=seed())
    assert narrow.components.directions.shape == (1, 6)
    assert narrow.notes == ("30 labelled points vary in 1 of 6 directions, so the others do not count",)
    assert bool(narrow(points(9).repeat(1, 2)[:, :6]).isfinite().all())


def test_with_gaussians_it_is_probabilistic_principal_components():
    inputs = (
        torch.randn(60, 12, generator=seed(1), dtype=torch.float64) @ torch.randn(12, 12, generator=seed(2)).double()
    )
    found = FlowDensity(3, NormalisingFlow(0))(Shown(), pool_of(50, inputs), generator=seed())(inputs)
    known = inputs[:50].numpy()
    rows = (inputs.numpy() - known.mean(0)) / known.std(0)
    values, vectors = np.linalg.eigh(np.cov(rows[:50].T, bias=True))
    noise = values[:9].mean()
    covariance = vectors @ np.diag([noise] * 9 + values[9:].tolist()) @ vectors.T
    np.testing.assert_allclose(found.numpy(), multivariate_normal(np.zeros(12), covariance).logpdf(rows), rtol=1e-8)


def test_labelled_points_that_are_all_the_same_get_a_sentence():
    with pytest.raises(ValueError, match="all 6 labelled points are the same"):
        QUICK(Shown(), pool_of(6, torch.ones(20, 3) / 3), generator=seed())
    with pytest.raises(ValueError, match="at least two points, but there are 1"):
        QUICK(Shown(), pool_of(1), generator=seed())
    with pytest.raises(ValueError, match="finite"):
        QUICK(Shown(), pool_of(6, points() * torch.nan), generator=seed())
    with pytest.raises(ValueError, match="shows no features"):
        QUICK(object(), pool_of(6), generator=seed())
    with pytest.raises(ValueError, match="num_components"):
        FlowDensity(0)


def test_several_networks_count_side_by_side():
    look = QUICK(DeepEnsemble([network(1), network(2)]), pool_of(20), generator=seed())
    assert look.components.directions.shape == (8, 16)


def test_poal_by_a_flow_is_a_function_of_the_generator():
    belief = MCDropout(network())
    chosen = [poal("flow", 5)(belief, pool_of(20, chunk_size=c), 6, generator=seed()).ids for c in (16, 7)]
    assert list(chosen[0]) == list(chosen[1])
    assert len(set(chosen[0])) == 6
    assert "FlowDensity(num_components=8" in repr(poal("flow"))
