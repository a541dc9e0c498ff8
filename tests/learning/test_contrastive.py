"""Training by contrasts: what it is without them, what they do to features, and whose weights are trained when."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal.data import Pool
from bayesal.learning import Augment, BinaryCrossEntropy, Contrastive, Supervised, Training, contrastive
from bayesal.learning.recipe import prepare
from bayesal.learning.streams import Streams
from bayesal.likelihoods import Likelihood
from bayesal.networks import MLP, SmallCNN
from bayesal.posteriors import MCDropout
from bayesal.testing import check_posterior

QUICK = Training(batch_size=32, epoch_size=64, max_epochs=3, patience=None, progress=False)
LONGER = Training(learning_rate=1e-2, batch_size=32, epoch_size=256, max_epochs=8, patience=None, progress=False)
NETWORK = partial(MLP, 4, 3, hidden=(16,), dropout=0.2)


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def keep(network: nn.Module, likelihood: Likelihood) -> nn.Module:
    return network


def pool(n: int = 30) -> Pool:
    points = torch.randn(n, 4, generator=seed())
    return Pool.of(points, labels={i: int((points[i, 0] > 0) + (points[i, 1] > 0)) for i in range(n - 3)})


def images(n: int = 24) -> Pool:
    return Pool.of(torch.randn(n, 1, 8, 8, generator=seed()), labels={i: i % 3 for i in range(n)})


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def cohesion(network: nn.Module, pool: Pool) -> float:
    """How much nearer in direction features of one class are than those of two."""
    belief = MCDropout(network)
    features = nn.functional.normalize(belief.embed(pool.gather(pool.labelled)).double())
    alike = pool.targets()[:, None] == pool.targets()
    products = features @ features.T
    return float(products[alike].mean() - products[~alike].mean())


def test_without_strength_it_is_supervised_to_the_last_bit() -> None:
    plain = Supervised(NETWORK, keep, training=QUICK)(pool(), seed())
    assert same(plain, Contrastive(NETWORK, keep, strength=0, training=QUICK)(pool(), seed()))
    assert not same(plain, Contrastive(NETWORK, keep, training=QUICK)(pool(), seed()))


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize("projection", [None, 5])
def test_a_seed_is_a_network_and_the_global_generator_stays(joint: bool, projection: int | None) -> None:
    learner = Contrastive(NETWORK, keep, joint=joint, projection=projection, training=QUICK)
    before = torch.get_rng_state()
    one, other = learner(pool(), seed(3)), learner(pool(), seed(3))
    assert same(one, other)
    assert not same(one, learner(pool(), seed(4)))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.requires_grad for parameter in one.parameters())
    assert not one.training


@pytest.mark.parametrize("joint", [True, False])
def test_features_of_a_class_point_in_one_direction(joint: bool) -> None:
    plain = Supervised(NETWORK, keep, training=LONGER)(pool(), seed())
    learner = Contrastive(NETWORK, keep, temperature=0.5, augment=Augment(noise=0.1), joint=joint, training=LONGER)
    contrasted = learner(pool(), seed())
    assert cohesion(contrasted, pool()) > cohesion(plain, pool()) + 0.1


def test_the_stages_train_the_trunk_then_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    start = prepare(Supervised(NETWORK, keep, training=QUICK), pool(), [Streams.of(seed())]).networks[0]
    stages: list[dict[str, Tensor]] = []
    minimise = contrastive.minimise

    def recorded(networks, *args, **kwargs):
        fits = minimise(networks, *args, **kwargs)
        network = getattr(networks[0], "network", networks[0])
        stages.append({name: value.clone() for name, value in network.state_dict().items()})
        return fits

    monkeypatch.setattr(contrastive, "minimise", recorded)
    Contrastive(NETWORK, keep, joint=False, standardise=True, training=QUICK)(pool(), seed())
    first, second = stages
    for name, value in start.state_dict().items():
        in_head = name.startswith("head")
        assert torch.equal(first[name], value) == in_head
        assert torch.equal(second[name], first[name]) != in_head


@pytest.mark.parametrize("joint", [True, False])
def test_the_belief_of_images_and_tables_keeps_the_laws(joint: bool) -> None:
    for network, data in ((NETWORK, pool()), (partial(SmallCNN, 3), images())):
        belief = Contrastive(network, MCDropout, joint=joint, projection=8, training=QUICK)(data, seed())
        check_posterior(belief, data.gather(data.ids[:8]), num_hypotheses=4)
        assert belief.embed(data.gather(data.ids[:5])).shape[0] == 5


def test_an_augmentation_of_ones_own_makes_the_views() -> None:
    seen: list[tuple[int, ...]] = []

    def own(points: Tensor, generator: Generator) -> Tensor:
        seen.append(tuple(points.shape))
        return points

    Contrastive(NETWORK, keep, augment=own, training=QUICK)(pool(), seed())
    assert seen == [(32, 4)] * 12  # two views a step, two steps an epoch, three epochs


def test_validation_points_stop_it() -> None:
    points = torch.randn(20, 4, generator=seed(5))
    held_out = (points, (points[:, 0] > 0).long() + (points[:, 1] > 0).long())
    for joint in (True, False):
        learner = Contrastive(NETWORK, keep, joint=joint, validation=held_out, training=QUICK)
        assert isinstance(learner(pool(), seed()), nn.Module)
        assert "validation=20 points" in repr(learner)


def test_a_single_label_is_no_contrast_but_learns() -> None:
    points = Pool.of(torch.randn(5, 4, generator=seed()), labels={0: 1})
    for joint in (True, False):
        network = Contrastive(NETWORK, keep, joint=joint, training=QUICK)(points, seed())
        assert all(bool(parameter.isfinite().all()) for parameter in network.parameters())


def test_what_it_cannot_train_gets_a_sentence() -> None:
    with pytest.raises(ValueError, match="strength must be a number of at least 0, but it is -1"):
        Contrastive(NETWORK, keep, strength=-1)
    with pytest.raises(ValueError, match="temperature must be positive, but it is 0"):
        Contrastive(NETWORK, keep, temperature=0)
    with pytest.raises(ValueError, match="projection must be at least 1 number"):
        Contrastive(NETWORK, keep, projection=0)
    several = Pool.of(torch.randn(6, 4, generator=seed()), labels={i: np.array([0, 1, 1]) for i in range(6)})
    with pytest.raises(ValueError, match=r"contrasted by class, but the targets are .* use Supervised"):
        Contrastive(NETWORK, keep, loss=BinaryCrossEntropy(), training=QUICK)(several, seed())
    with pytest.raises(ValueError, match=r"is not that of its last nn.Linear"):
        Contrastive(lambda: nn.Sequential(NETWORK(), nn.Tanh()), keep, training=QUICK)(pool(), seed())
