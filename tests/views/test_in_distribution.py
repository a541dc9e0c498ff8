"""Confidences of points, side by side with their entropy, and POAL as a method."""

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal import acquisitions, selection
from bayesal.data.pool import Pool
from bayesal.likelihoods import gaussian
from bayesal.methods.pareto import poal
from bayesal.networks import MLP
from bayesal.numerics.mahalanobis import ClassGaussians
from bayesal.posteriors import DeepEnsemble, MCDropout
from bayesal.selection.pareto import Pareto
from bayesal.strategies.single import Pick
from bayesal.strategies.stack import Stack
from bayesal.views.in_distribution import LogDensity
from bayesal.views.near_classes import NearClasses
from bayesal.views.predictive import Predictive


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def network(outputs: int = 3, number: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(number)
        return MLP(4, outputs, hidden=(8,)).eval()


def points(n: int = 60) -> Tensor:
    return torch.randn(n, 4, generator=seed(3))


def pool_of(labelled: int = 12, chunk_size: int = 16) -> Pool:
    return Pool.of(points(), labels={i: i % 3 for i in range(labelled)}, chunk_size=chunk_size, progress=False)


class Dense:
    """Only a density, and constant predictions are not asked of it."""

    def __init__(self, constant: bool = False) -> None:
        self.constant = constant
        self.belief = MCDropout(network())

    def draw(self, num_hypotheses: int, *, generator: Generator):
        return self.belief.draw(num_hypotheses, generator=generator)

    def log_density(self, inputs: Tensor, /) -> Tensor:
        return -inputs.square().sum(1) * (0.0 if self.constant else 1.0)


def test_confidence_is_the_distance_of_features_to_the_nearest_labelled_class():
    belief = MCDropout(network())
    look = NearClasses()(belief, pool_of(), generator=seed())
    features = belief.embed(points())
    known = ClassGaussians.fit(features[:12], torch.arange(12) % 3)
    torch.testing.assert_close(look(points()), -known.squared_distances(features) / 2, rtol=1e-6, atol=1e-6)
    assert look.notes == ()


def test_features_of_several_networks_count_side_by_side():
    belief = DeepEnsemble([network(number=1), network(number=2)])
    look = NearClasses()(belief, pool_of(), generator=seed())
    assert look(points()).shape == (60,)
    assert bool((look(points()) <= 0).all())


def test_beliefs_that_do_not_know_get_a_sentence():
    with pytest.raises(ValueError, match=r"MCDropout does not know the density .* --posterior spn"):
        LogDensity()(MCDropout(network()), pool_of(), generator=seed())
    with pytest.raises(ValueError, match="Dense shows no features"):
        NearClasses()(Dense(), pool_of(), generator=seed())
    with pytest.raises(ValueError, match="nothing is labelled yet"):
        NearClasses()(MCDropout(network()), pool_of(0), generator=seed())
    with pytest.raises(ValueError, match="one label among classes"):
        NearClasses()(MCDropout(network(2), gaussian), pool_of(), generator=seed())
    with pytest.raises(ValueError, match="confidence must be one of mahalanobis, density, flow"):
        poal("spn")
    with pytest.raises(ValueError, match="are of mahalanobis, but confidence is 'flow'"):
        poal("flow", stages=2)


def test_poal_chooses_by_entropy_and_confidence():
    belief = Dense()
    selected = poal("density", 5)(belief, pool_of(), 6, generator=seed())
    generator = seed()
    rows = torch.stack(
        [
            acquisitions.entropy(belief.draw(5, generator=generator)(points()[12:])).double(),
            belief.log_density(points()[12:]).double(),
        ],
        1,
    )
    assert sorted(selected.positions.tolist()) == sorted(Pareto()(rows, 6, generator=generator).tolist())
    torch.testing.assert_close(selected.scores, rows[selected.positions, 0], rtol=1e-5, atol=1e-6)
    assert [int(i) - 12 for i in selected.ids] == selected.positions.tolist()


def test_with_constant_confidence_poal_is_entropy():
    belief = Dense(constant=True)
    ours = poal("density", 5, seeded=True)(belief, pool_of(), 8, generator=seed())
    entropy = Pick(Predictive(acquisitions.entropy, 5), selection.top)(belief, pool_of(), 8, generator=seed())
    assert list(ours.ids) == list(entropy.ids)


@pytest.mark.parametrize("chunk_size", [1, 7, 100])
def test_the_batch_does_not_depend_on_the_chunks(chunk_size: int):
    belief = MCDropout(network())
    chosen = [poal(num_hypotheses=5)(belief, pool_of(chunk_size=c), 6, generator=seed()).ids for c in (16, chunk_size)]
    assert chosen[0] == chosen[1]


def test_what_looks_have_to_say_is_in_the_notes():
    selected = poal(num_hypotheses=3)(MCDropout(network()), pool_of(3), 4, generator=seed())
    assert "Euclidean" in selected.notes[0]


def test_a_stack_refuses_what_is_no_score():
    wide = Stack((lambda belief, pool, *, generator: lambda inputs: inputs,), Pareto())
    with pytest.raises(ValueError, match=r"a view gave rows of the shape \(4,\)"):
        wide(None, pool_of(), 2, generator=seed())
    with pytest.raises(ValueError, match="at least one view"):
        Stack((), Pareto())
    with pytest.raises(ValueError, match="only 48"):
        poal()(MCDropout(network()), pool_of(), 49, generator=seed())
    assert repr(poal()) == (
        "Stack(views=(Predictive(score=entropy, num_hypotheses=100), "
        "NearClasses(shrinkage=None, stages=1, perturbation=0.0)), rule=Pareto(candidates=6, draws=None, seeded=False))"
    )


def test_one_view_and_a_rule_for_scores_is_a_pick():
    belief = Dense()
    stack = Stack((LogDensity(),), lambda rows, size, *, generator: selection.top(rows[:, 0], size))
    pick = Pick(LogDensity(), selection.top)
    one, other = (s(belief, pool_of(), 5, generator=seed()) for s in (stack, pick))
    assert one.ids == other.ids
    torch.testing.assert_close(one.scores, other.scores.double())
