"""The learner of labels and Barlow Twins against Supervised, a training written down by hand, and its own record."""

from functools import partial

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal import Pool
from bayesal.learning import BarlowTwins, GaussianLoss, Supervised, Training
from bayesal.networks import MLP, Projector, SmallCNN
from bayesal.objectives.barlow import barlow_twins
from bayesal.posteriors import MCDropout, TwinsDropout
from bayesal.testing import check_posterior

QUICK = Training(epoch_size=32, batch_size=16, max_epochs=4, progress=False)
NETWORK = partial(MLP, 6, 3, hidden=(16, 8), dropout=0.3)
X = torch.randn(60, 6, generator=Generator().manual_seed(0)) * 5 + 2
POOL = Pool.of(X, labels={i: i % 3 for i in range(9)}, progress=False)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def learner(**settings) -> BarlowTwins:
    settings = {"network": NETWORK, "wrap": TwinsDropout, "training": QUICK, "widths": (16, 16), **settings}
    return BarlowTwins(**settings)


def weights(belief: MCDropout) -> Tensor:
    return torch.cat([value.flatten() for value in belief.state.values()])


def twins_loss(belief: MCDropout, points: Tensor) -> float:
    """Of two noisy views of these points, by the features themselves."""
    noise = torch.randn(2, *points.shape, generator=seeded(9)) * 0.5
    return float(barlow_twins(belief.embed(points + noise[0]), belief.embed(points + noise[1]), weight=0.0))


def test_without_strength_it_is_supervised_learning() -> None:
    plain = Supervised(NETWORK, MCDropout, training=QUICK)(POOL, seeded())
    assert torch.equal(weights(learner(strength=0.0)(POOL, seeded())), weights(plain))
    assert not torch.equal(weights(learner()(POOL, seeded())), weights(plain))


def test_the_generator_is_all_the_randomness_and_global_ones_stay_as_they_are() -> None:
    before = torch.get_rng_state()
    first = learner()(POOL, seeded(3))
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    assert torch.equal(weights(learner()(POOL, seeded(3))), weights(first))
    assert not torch.equal(weights(learner()(POOL, seeded(4))), weights(first))


def test_what_is_unlabelled_counts() -> None:
    other = Pool.of(torch.cat([X[:9], X[9:] * 2]), labels=POOL.labels, progress=False)
    fixed = {"standardise": False}
    assert not torch.equal(weights(learner(**fixed)(POOL, seeded())), weights(learner(**fixed)(other, seeded())))


def test_both_losses_are_kept_for_every_epoch_and_the_twins_agree_more_in_the_end() -> None:
    training = Training(epoch_size=64, batch_size=16, max_epochs=25, patience=None, learning_rate=3e-3, progress=False)
    history = learner(training=training, strength=0.1)(POOL, seeded()).history
    assert len(history.labels) == len(history.twins) == 25
    assert 0 <= history.best_epoch < 25
    assert history.labels[-1] < history.labels[0]
    assert history.twins[-1] < 0.7 * history.twins[0]
    assert learner(strength=0.0)(POOL, seeded()).history.twins == []


def test_features_change_less_between_views_than_without() -> None:
    training = Training(epoch_size=64, batch_size=16, max_epochs=30, patience=None, learning_rate=3e-3, progress=False)
    settings = {"training": training, "standardise": False, "network": partial(MLP, 6, 3, hidden=(16, 8))}
    points = Pool.of(X / 5, labels=POOL.labels, progress=False)

    def moved(points: Tensor, generator: Generator) -> Tensor:
        return points + 0.5 * torch.randn(points.shape, generator=generator)

    twins = learner(strength=0.1, augment=moved, **settings)(points, seeded())
    plain = learner(strength=0.0, **settings)(points, seeded())
    assert twins_loss(twins, X[9:] / 5) < twins_loss(plain, X[9:] / 5)


def test_the_twins_move_the_features_and_leave_the_head_to_the_labels() -> None:
    """In one step of plain gradient descent, on all labels and all other points."""
    few = Pool.of(X[:12], labels={i: i % 3 for i in range(6)}, progress=False)
    training = Training(
        optimiser=torch.optim.SGD, learning_rate=0.1, weight_decay=0.0, epoch_size=None, max_epochs=1, progress=False
    )
    network = partial(MLP, 6, 3, hidden=(8,), dropout=0.0)
    made: list[nn.Module] = []
    settings = {"training": training, "standardise": False, "augment": lambda points, generator: points, "widths": (4,)}

    def kept(network: nn.Module, likelihood, **_) -> nn.Module:
        made.append(network)
        return network

    run = learner(wrap=kept, strength=0.0, network=network, **settings)
    run(few, seeded())
    learner(wrap=kept, strength=0.5, num_points=100, network=network, **settings)(few, seeded())
    without, together = (network.state_dict() for network in made)
    differences = {name: together[name] - value for name, value in without.items()}
    assert differences["body.0.weight"].abs().max() > 1e-4
    assert not differences["head.weight"].any()
    assert not differences["head.bias"].any()


@pytest.mark.parametrize("num_labels", [1, 12])
def test_a_pool_that_is_labelled_whole_or_has_one_point(num_labels: int) -> None:
    pool = Pool.of(X[:num_labels], labels={i: i % 3 for i in range(num_labels)}, progress=False)
    once = Training(epoch_size=None, max_epochs=2, progress=False)
    belief = learner(training=once)(pool, seeded())
    assert bool(weights(belief).isfinite().all())
    assert belief.history.twins == [0.0, 0.0] if num_labels == 1 else belief.history.twins[0] > 0


def test_amounts_images_and_validation_points() -> None:
    amounts = Pool.of(X, labels={i: float(i) for i in range(9)}, progress=False)
    belief = learner(network=partial(MLP, 6, 2, hidden=(8,)), loss=GaussianLoss())(amounts, seeded())
    check_posterior(belief, X[:5], num_hypotheses=4)
    images = torch.rand(30, 1, 8, 8, generator=seeded())
    pool = Pool.of(images, labels={i: i % 3 for i in range(6)}, progress=False)
    validation = (images[:6], torch.arange(6) % 3)
    belief = learner(network=partial(SmallCNN, 3), validation=validation)(pool, seeded())
    check_posterior(belief, images[:5], num_hypotheses=4)
    assert belief.embed(images).shape == (30, 128)
    assert "validation=6 points" in repr(learner(validation=validation))


def test_a_projector_is_no_wider_than_four_times_its_features() -> None:
    layers = list(Projector(8, (1024, 20, 64)))
    assert [(layer.in_features, layer.out_features) for layer in layers if isinstance(layer, nn.Linear)] == [
        (8, 32),
        (32, 20),
        (20, 32),
    ]
    assert [type(layer).__name__ for layer in layers] == [*["Linear", "BatchNorm1d", "ReLU"] * 2, "Linear"]
    assert all(layer.bias is None for layer in layers if isinstance(layer, nn.Linear))
    for widths in ((), (4, 0)):
        with pytest.raises(ValueError, match="a projector needs at least one layer"):
            Projector(8, widths)


@pytest.mark.parametrize(("name", "value"), [("strength", -1.0), ("redundancy", float("nan")), ("num_points", 1)])
def test_numbers_of_the_wrong_size_are_refused(name: str, value: float | int) -> None:
    with pytest.raises(ValueError, match=name):
        learner(**{name: value})


def test_networks_without_a_linear_head_and_no_labels_are_refused() -> None:
    def softmax() -> nn.Module:
        return nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 3), nn.Softmax(1))

    with pytest.raises(ValueError, match=r"is not that of its last nn\.Linear"):
        learner(network=softmax)(POOL, seeded())
    with pytest.raises(ValueError, match="nothing in the pool is labelled yet"):
        learner()(Pool.of(X, progress=False), seeded())
