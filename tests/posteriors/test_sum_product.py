"""Sum-product networks on features: the laws of a posterior, densities, missing features, and what is conceivable."""

import math
import pickle
import warnings
from functools import partial
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal import Pool
from bayesal.learning import CrossEntropy, Fitted, SquaredLoss, Staged, Training
from bayesal.networks import MLP, Standardise
from bayesal.networks.circuits import Circuit, expected_counts
from bayesal.posteriors import SumProductNetwork
from bayesal.posteriors.circuits.circuit import CircuitHypotheses
from bayesal.testing import check_posterior
from bayesal.types import Density, Embeds, Posterior
from bayesal.views import Conceives

SMALL = partial(Circuit, num_replicas=2, depth=2, num_leaves=4, num_sums=4)
NAN = math.nan


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def clusters(n: int = 90, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Three clusters in six dimensions."""
    targets = torch.arange(n) % 3
    centres = torch.tensor([[2.0, 0, 0, 0, 1, -1], [0, 2.0, 0, -1, 0, 1], [0, 0, 2.0, 1, -1, 0]], dtype=dtype)
    return centres[targets] + torch.randn(n, 6, generator=seeded(5), dtype=dtype) * 0.7, targets


def fit(network: nn.Module | None = None, dtype: torch.dtype = torch.float32, n: int = 90, **settings: Any):
    inputs, targets = clusters(n, dtype)
    settings = {"circuit": SMALL, "num_members": 3, "least_steps": 60} | settings
    return SumProductNetwork.fit(network, inputs, targets, loss=CrossEntropy(), generator=seeded(), **settings)


def network(dtype: torch.dtype = torch.float32) -> MLP:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MLP(6, 3, hidden=(16,), dropout=0.5).to(dtype).eval()


@pytest.fixture(scope="module")
def beliefs() -> dict[str, SumProductNetwork]:
    return {
        "structures": fit(network()),
        "dirichlet": fit(network(), posterior="dirichlet"),
        "double": fit(network(torch.float64), torch.float64, posterior="dirichlet", num_members=1),
        "raw": fit(),
        "raw double": fit(dtype=torch.float64),
    }


@pytest.mark.parametrize("name", ["structures", "dirichlet", "double", "raw", "raw double"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_a_posterior(beliefs: dict[str, SumProductNetwork], name: str, dtype: torch.dtype) -> None:
    belief = beliefs[name]
    allowed = {"hypotheses differ", "another seed"} if name in ("structures", "raw", "raw double") else set()
    allowed |= {"NaN inputs"} if name.startswith("raw") else set()
    findings = check_posterior(belief, clusters(20, dtype)[0] * 2, num_hypotheses=6)
    assert {finding.law for finding in findings if finding.warning} <= allowed
    for protocol in (Posterior, Density, Embeds, Conceives):
        assert isinstance(belief, protocol)


def probabilities(hypotheses: CircuitHypotheses, inputs: Tensor) -> Tensor:
    return hypotheses(inputs).probs


def test_it_has_learned_its_points(beliefs: dict[str, SumProductNetwork]) -> None:
    inputs, targets = clusters(300)
    for name in ("structures", "dirichlet", "raw"):
        guesses = probabilities(beliefs[name].draw(20, generator=seeded()), inputs).mean(1).argmax(1)
        assert (guesses == targets).float().mean() > 0.9


def test_structures_are_enumerated(beliefs: dict[str, SumProductNetwork]) -> None:
    belief, inputs = beliefs["structures"], clusters(9)[0]
    everyone = probabilities(belief.draw(3, generator=seeded()), inputs)
    assert everyone.shape == (9, 3, 3)
    torch.testing.assert_close(probabilities(belief.draw(100, generator=seeded(1)), inputs), everyone)
    for seed in range(5):
        pair = probabilities(belief.draw(2, generator=seeded(seed)), inputs)
        found = [int((everyone - pair[:, k : k + 1]).abs().amax((0, 2)).argmin()) for k in range(2)]
        assert len(set(found)) == 2
        torch.testing.assert_close(everyone[:, found], pair)
    with pytest.raises(ValueError, match="at least one hypothesis"):
        belief.draw(0, generator=seeded())


def test_members_trained_together_are_those_trained_alone() -> None:
    features, targets = clusters(30, torch.float64)
    both = fit(dtype=torch.float64, n=30, num_members=2)
    alone = both._members.circuit.choose(torch.tensor([1]))
    start = SMALL(6, 3, num_members=2, generator=seeded(), dtype=torch.float64).choose(torch.tensor([1]))
    order = seeded()
    SMALL(6, 3, num_members=2, generator=order, dtype=torch.float64)  # the same draws before the training begins

    def second(*sizes: int, **settings: Any) -> Circuit:
        assert sizes == (6, 3)
        return start

    one = SumProductNetwork.fit(
        None, features, targets, loss=CrossEntropy(), generator=order, circuit=second, num_members=1, least_steps=60
    )
    x = both.embed(features)
    torch.testing.assert_close(one._members.circuit(x), alone(x), rtol=1e-6, atol=1e-6)


def test_weights_are_drawn_once_and_from_the_dirichlet_of_their_counts(beliefs: dict[str, SumProductNetwork]) -> None:
    belief, (inputs, targets) = beliefs["double"], clusters(dtype=torch.float64)
    drawn = belief.draw(400, generator=seeded())
    assert belief.counts is not None
    expected = expected_counts(belief._members.circuit, belief.embed(inputs), targets)
    for count, known, weights in zip(belief.counts, expected, drawn.circuit.weights(), strict=True):
        torch.testing.assert_close(count, known)
        law = count[0] + 0.1
        mean = law / law.sum(-1, keepdim=True)
        error = (mean * (1 - mean) / (law.sum(-1, keepdim=True) + 1) / 400).sqrt()
        within = (weights.detach().mean(0) - mean).abs() <= 4.5 * error
        assert within.double().mean() > 0.99
    assert drawn(inputs[:5]).batch_shape == (5, 400)


def test_weights_drawn_again_and_again_agree_with_one_long_draw_jointly(beliefs: dict[str, SumProductNetwork]) -> None:
    belief, inputs = beliefs["double"], clusters(4, torch.float64)[0] * 0.3
    first, second = (probabilities(belief.draw(1500, generator=seeded(s)), inputs)[..., 0] for s in (1, 2))
    spread = ((first.var(1) + second.var(1)) / 1500).sqrt()
    assert bool(((first.mean(1) - second.mean(1)).abs() <= 4 * spread).all())
    joint = torch.corrcoef(first)  # one function at all points: equal points are perfectly correlated
    again = probabilities(belief.draw(1500, generator=seeded(1)), inputs[[0, 0, 1, 2, 3]])[..., 0]
    assert float(torch.corrcoef(again)[0, 1]) == pytest.approx(1.0)
    torch.testing.assert_close(torch.corrcoef(again)[1:, 1:], joint)


def test_the_class_posterior_is_that_of_densities_and_prior(beliefs: dict[str, SumProductNetwork]) -> None:
    belief, inputs = beliefs["raw double"], clusters(7, torch.float64)[0]
    x = belief.embed(inputs)
    joint = belief._members.circuit(x) + torch.tensor([31 / 93] * 3, dtype=torch.float64).log()
    torch.testing.assert_close(belief.draw(3, generator=seeded())(inputs).logits, joint.log_softmax(-1))
    torch.testing.assert_close(belief.log_density(inputs), joint.exp().sum(2).mean(1).log())


def test_missing_features_are_summed_out(beliefs: dict[str, SumProductNetwork]) -> None:
    belief, inputs = beliefs["raw double"], clusters(5, torch.float64)[0]
    holes = inputs.clone()
    holes[:, 3] = NAN
    line = torch.linspace(-14, 14, 1201, dtype=torch.float64)
    features = belief.embed(inputs).repeat_interleave(1201, dim=0)
    features[:, 3] = line.repeat(5)
    densities = belief._members.circuit(features).exp().view(5, 1201, 3, 3).sum(1) * (line[1] - line[0])
    known = densities / densities.sum(-1, keepdim=True)
    torch.testing.assert_close(belief.draw(3, generator=seeded())(holes).probs, known, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(belief.marginal(belief.embed(holes)).probs, known, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(belief.log_density(holes), densities.mean(1).mean(1).log(), rtol=1e-6, atol=1e-9)
    nothing = belief.marginal(torch.full((2, 6), NAN, dtype=torch.float64))
    torch.testing.assert_close(nothing.probs, torch.full((2, 3, 3), 1 / 3, dtype=torch.float64))


def test_features_may_be_missing_in_training_too_but_not_before_a_network() -> None:
    inputs, targets = clusters()
    inputs[torch.rand(inputs.shape, generator=seeded()) < 0.2] = NAN
    inputs[:, 5] = NAN  # never seen at all
    belief = SumProductNetwork.fit(
        None, inputs, targets, loss=CrossEntropy(), generator=seeded(), circuit=SMALL, least_steps=60
    )
    guesses = belief.draw(5, generator=seeded())(inputs).probs.mean(1).argmax(1)
    assert (guesses == targets).float().mean() > 0.8
    with pytest.raises(ValueError, match="NaN or infinite"):
        SumProductNetwork.fit(network(), inputs, targets, loss=CrossEntropy(), generator=seeded())
    with pytest.raises(ValueError, match="NaN or infinite"):
        belief.log_density(torch.full((1, 6), math.inf))


def test_what_is_far_is_unusual_and_conceivable_as_nothing(beliefs: dict[str, SumProductNetwork]) -> None:
    generative = fit(discriminative=0.0, least_steps=150)
    inputs, targets = clusters(300)
    for belief in (generative, beliefs["structures"]):
        counts = belief.conceivable(inputs)
        assert counts.dtype == torch.int64
        assert bool(((counts >= 0) & (counts <= 3)).all())
    assert generative.log_density(inputs).median() > generative.log_density(inputs * 4 + 9).max()
    assert int(generative.conceivable(inputs * 4 + 9).max()) == 0
    own = generative._densities(inputs)[0][torch.arange(300), targets] >= generative.typical[targets]
    assert own.float().mean() > 0.8


def test_a_class_is_conceivable_from_the_lowest_twentieth_of_its_own_points_on() -> None:
    belief = fit(n=63)
    inputs, targets = clusters(63)
    densities = belief._densities(inputs)[0]
    for c in range(3):
        own = densities[targets == c, c].sort().values
        assert float(belief.typical[c]) == pytest.approx(float(own[1]))  # 21 points: 5 % are one
    known = (densities >= belief.typical).sum(1)
    assert belief.conceivable(inputs).tolist() == known.tolist()


def test_a_class_without_labels_is_kept_or_excluded() -> None:
    inputs, targets = clusters(60)
    shown = targets != 2
    some = partial(fit_of, inputs[shown], targets[shown], num_classes=4)
    with pytest.warns(UserWarning, match=r"classes \[2, 3\] have no labelled point"):
        kept = some()
    assert kept._members.log_prior.exp().tolist() == pytest.approx([21 / 44, 21 / 44, 1 / 44, 1 / 44])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        excluded = some(unseen="exclude")
        torch.testing.assert_close(some(unseen="keep").typical, kept.typical)
    predicted = excluded.draw(5, generator=seeded())(inputs).probs
    assert float(predicted[..., 2:].max()) == 0
    torch.testing.assert_close(predicted.sum(-1), torch.ones(60, 2))
    assert excluded.log_density(inputs).isfinite().all()
    assert int(excluded.conceivable(inputs).max()) <= 2


def fit_of(inputs: Tensor, targets: Tensor, **settings: Any) -> SumProductNetwork:
    settings = {"circuit": SMALL, "num_members": 2, "least_steps": 20} | settings
    return SumProductNetwork.fit(None, inputs, targets, loss=CrossEntropy(), generator=seeded(), **settings)


@pytest.mark.parametrize("posterior", ["structures", "dirichlet"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_labels_and_features_that_never_vary(posterior: Any, count: int) -> None:
    inputs = torch.ones(count, 3)
    belief = fit_of(inputs, torch.zeros(count).long(), num_classes=3, unseen="keep", posterior=posterior)
    for k in (1, 4):
        assert bool(belief.draw(k, generator=seeded())(torch.randn(6, 3)).logits.isfinite().all())
    assert bool(belief.log_density(torch.randn(6, 3)).isfinite().all())


def test_images_integers_and_one_feature_are_taken() -> None:
    images = torch.randint(0, 255, (20, 1, 4, 4), dtype=torch.uint8, generator=seeded())
    targets = torch.arange(20) % 2
    belief = fit_of(images, targets)
    assert belief.embed(images).shape == (20, 16)
    assert belief.draw(2, generator=seeded())(images[:3]).batch_shape == (3, 2)
    assert fit_of(images[:, 0, 0, :1], targets).log_density(images[:0, 0, 0, :1]).shape == (0,)


def test_it_is_a_belief_of_staged_and_of_fitted_learners() -> None:
    inputs, targets = clusters()
    pool = Pool.of(inputs * 50 + 7, ids=range(90), labels={i: int(targets[i]) for i in range(60)})
    quick = Training(max_epochs=5, epoch_size=128, progress=False)
    settings = {"circuit": SMALL, "num_members": 2, "least_steps": 60}
    on_network = Staged(partial(MLP, 6, 3, hidden=(16,)), partial(SumProductNetwork.fit, **settings), training=quick)
    on_inputs = Fitted(partial(SumProductNetwork.fit_inputs, **settings))
    for learner in (on_network, on_inputs):
        belief, again = learner(pool, seeded()), learner(pool, seeded())
        guesses = belief.draw(2, generator=seeded())(pool.gather(pool.ids)).probs.mean(1).argmax(1)
        assert (guesses == targets).float().mean() > 0.85
        torch.testing.assert_close(belief.state, again.state)
        assert all(isinstance(tensor, Tensor) for tensor in belief.state.values())
        copy = pickle.loads(pickle.dumps(belief))
        assert torch.equal(copy.log_density(pool.gather(pool.ids)), belief.log_density(pool.gather(pool.ids)))


def test_the_scale_of_raw_inputs_is_part_of_the_belief() -> None:
    inputs, targets = clusters()
    scale = Standardise.of(inputs * 1000)
    belief = SumProductNetwork.fit_inputs(
        inputs * 1000, targets, scale=scale, generator=seeded(), circuit=SMALL, least_steps=20
    )
    embedded = belief.embed(inputs * 1000)
    torch.testing.assert_close(embedded.mean(0), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(embedded.std(0, correction=0), torch.ones(6), atol=1e-4, rtol=0)
    assert float(belief.embed(inputs * 1e9).abs().max()) == 8.0


def test_other_losses_and_settings_get_a_sentence() -> None:
    inputs, targets = clusters()
    with pytest.raises(ValueError, match="fitted for CrossEntropy, but the loss is SquaredLoss"):
        SumProductNetwork.fit(None, inputs, targets, loss=SquaredLoss(), generator=seeded())
    with pytest.raises(ValueError, match="share of the loss must lie between 0"):
        fit(discriminative=1.5)
    with pytest.raises(ValueError, match="at least two outputs"):
        fit_of(inputs, targets * 0)
    with pytest.raises(ValueError, match="one of the classes 0"):
        fit_of(inputs, targets, num_classes=2)
