"""Learners with a judge beside the network: what the network becomes, what the judge knows, what is refused."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from bayesal import methods
from bayesal.data import Pool
from bayesal.learning import (
    VAAL,
    WAAL,
    BinaryCrossEntropy,
    CrossEntropy,
    GaussianLoss,
    LossPrediction,
    Supervised,
    Training,
)
from bayesal.learning.own_loss import OwnLoss
from bayesal.learning.vaal import vae_for
from bayesal.networks import MLP, SmallCNN
from bayesal.posteriors import JudgedNetwork
from bayesal.testing import check_posterior

QUICK = Training(batch_size=16, epoch_size=64, max_epochs=3, patience=None, progress=False)
LEARNERS: dict[str, Callable[..., Any]] = {
    "loss-prediction": partial(LossPrediction, wrap=JudgedNetwork.dropout, training=QUICK),
    "vaal": partial(VAAL, wrap=JudgedNetwork.dropout, training=QUICK, hidden=(16,), vae_training=QUICK),
    "waal": partial(WAAL, wrap=JudgedNetwork.dropout, training=QUICK, hidden=(16,)),
}


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def table(n: int = 40, labelled: int = 20, **changes: object) -> Pool:
    points = torch.randn(n, 3, generator=seed())
    return Pool.of(points, labels={i: int(points[i, 0] > 0) for i in range(labelled)})


def images(n: int = 24) -> Pool:
    points = torch.randint(17, (n, 1, 8, 8), generator=seed())
    return Pool.of(points, labels={i: i % 3 for i in range(0, n, 2)})


def everything(pool: Pool) -> Tensor:
    return pool.gather(pool.ids)


MLP3 = partial(MLP, 3, 2, hidden=(16, 16), dropout=0.3)


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize(
    ("pool", "network"), [(table, MLP3), (images, partial(SmallCNN, 3, dropout=0.2))], ids=["table", "images"]
)
def test_the_belief_keeps_the_laws_and_judges_every_point_alone(name: str, pool: Any, network: Any) -> None:
    belief = LEARNERS[name](network)(pool(), seed())
    points = everything(pool())
    if not points.is_floating_point():
        points = points.float()
    check_posterior(belief, points[:8], num_hypotheses=4)
    scores = belief.judge(points)
    assert scores.shape == (len(points),)
    assert bool(scores.isfinite().all())
    assert len(scores.unique()) > len(points) / 2
    for size in (1, 7):
        torch.testing.assert_close(torch.cat([belief.judge(part) for part in points.split(size)]), scores)
    assert belief.judge(points[:0]).shape == (0,)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_belief_is_a_function_of_the_pool_and_the_generator(name: str) -> None:
    learner, pool = LEARNERS[name](MLP3), table()
    torch.manual_seed(1)
    first = learner(pool, seed())
    learner(table(30), seed(5))
    before = torch.get_rng_state()
    second = learner(pool, seed())
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first.state[key], second.state[key]) for key in first.state)
    assert first.state.keys() == second.state.keys()
    other = learner(pool, seed(1))
    assert not torch.equal(first.judge(everything(pool)), other.judge(everything(pool)))


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize(("n", "labelled"), [(1, 1), (3, 3), (3, 1), (5, 2), (4, 3)])
def test_pools_of_a_few_points_with_less_left_than_a_batch_or_nothing(name: str, n: int, labelled: int) -> None:
    pool = table(n, labelled)
    belief = LEARNERS[name](MLP3)(pool, seed())
    assert bool(belief.judge(everything(pool)).isfinite().all())
    assert belief.draw(3, generator=seed())(everything(pool)).logits.shape == (n, 3, 2)


@pytest.mark.parametrize("name", LEARNERS)
def test_one_class_is_enough_to_learn_from(name: str) -> None:
    pool = Pool.of(torch.randn(12, 3, generator=seed()), labels=dict.fromkeys(range(6), 1))
    belief = LEARNERS[name](MLP3)(pool, seed())
    assert bool(belief.judge(everything(pool)).isfinite().all())


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("standardise", [True, False])
def test_networks_in_double_precision_have_a_judge_in_double_precision(name: str, standardise: bool) -> None:
    belief = LEARNERS[name](lambda: MLP3().double(), standardise=standardise)(table(), seed())
    assert {value.dtype for value in belief.state.values()} == {torch.float64}
    assert belief.judge(everything(table())).dtype == torch.float64


@pytest.mark.parametrize("name", LEARNERS)
def test_the_scale_of_the_inputs_changes_nothing(name: str) -> None:
    pool = table()
    stretched = Pool.of(everything(pool).double() * 1000 + 50, labels=pool.labels)
    plain, moved = (LEARNERS[name](MLP3)(p, seed()).judge(everything(p)) for p in (pool, stretched))
    torch.testing.assert_close(moved.to(plain), plain, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("name", LEARNERS)
def test_recipes_are_printed_and_validation_points_are_counted(name: str) -> None:
    held_out = torch.randn(9, 3, generator=seed()), torch.zeros(9)
    learner = LEARNERS[name](MLP3, validation=held_out)
    assert "wrap=JudgedNetwork.dropout" in repr(learner)
    assert "validation=9 points" in repr(learner)
    assert " at 0x" not in repr(learner)
    learner(table(), seed())


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize(
    ("pool", "sentence"),
    [
        (Pool.of(torch.zeros(4, 3)), "nothing in the pool is labelled yet"),
        (Pool.of(torch.full((4, 3), torch.nan), labels={0: 1}), "points hold NaN"),
        (Pool.of(torch.zeros(4, 5), labels={0: 1}), "this MLP takes 3 numbers"),
        (Pool.of(torch.zeros(4, 3), labels={0: 7}), "there is the label 7"),
    ],
)
def test_what_cannot_be_learned_gets_a_sentence(name: str, pool: Pool, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        LEARNERS[name](MLP3)(pool, seed())


@pytest.mark.parametrize("name", ["vaal", "waal"])
def test_broken_points_without_a_label_are_refused_when_they_are_met(name: str) -> None:
    points = torch.randn(40, 3, generator=seed())
    points[30:] = torch.inf
    with pytest.raises(ValueError, match="points hold NaN or infinite"):
        LEARNERS[name](MLP3, standardise=False)(Pool.of(points, labels={0: 0, 1: 1}), seed())


def supervised(network: Any = MLP3) -> Any:
    return Supervised(network, lambda net, likelihood: net, training=QUICK)(table(), seed())


def same(belief: Any, network: nn.Module) -> bool:
    state = network.state_dict()
    return all(torch.equal(belief.state[key], value) for key, value in state.items())


def test_a_loss_module_without_a_say_in_the_network_leaves_it_as_it_is() -> None:
    assert same(LEARNERS["loss-prediction"](MLP3, joint_share=0)(table(), seed()), supervised())
    assert not same(LEARNERS["loss-prediction"](MLP3)(table(), seed()), supervised())
    longer = replace(QUICK, max_epochs=8, learning_rate=1e-2)
    shares = (0.25, 0.26, 0.5)  # 2, 3 and 4 of 8 epochs
    two, three, four = (
        LEARNERS["loss-prediction"](MLP3, joint_share=s, training=longer)(table(), seed()) for s in shares
    )
    assert not same(two, three.belief.network)
    assert not same(three, four.belief.network)


def test_vaal_leaves_the_network_of_the_task_alone() -> None:
    assert same(LEARNERS["vaal"](MLP3)(table(), seed()), supervised())


def test_waal_with_nothing_unlabelled_is_supervised_learning() -> None:
    pool = table(20, 20)
    plain = Supervised(MLP3, lambda net, likelihood: net, training=QUICK)(pool, seed())
    assert same(LEARNERS["waal"](MLP3)(pool, seed()), plain)


def test_the_predicted_losses_of_new_points_are_ordered_as_their_true_losses() -> None:
    points = torch.randn(600, 2, generator=seed()) * 2
    noise = torch.rand(600, generator=seed(1)) < 0.5 * (points[:, 1] > 0)
    classes = ((points[:, 0] > 0) ^ noise).long()  # labels are a toss of a coin where the second number is positive
    pool = Pool.of(points, labels={i: int(classes[i]) for i in range(300)})
    training = replace(QUICK, learning_rate=1e-2, batch_size=32, epoch_size=300, max_epochs=15)
    belief = LossPrediction(partial(MLP, 2, 2, hidden=(32,)), JudgedNetwork.dropout, training=training)(pool, seed())
    fresh = points[300:]
    losses = cross_entropy(belief.forward(belief.state, fresh), classes[300:], reduction="none")
    predicted = belief.judge(fresh)
    assert spearmanr(predicted, losses).statistic > 0.3
    assert predicted[fresh[:, 1] > 0].mean() > predicted[fresh[:, 1] < 0].mean()


def clusters() -> tuple[Pool, Tensor]:
    """Labels near the origin only, half of the others there, too."""
    points = torch.randn(240, 4, generator=seed())
    points[120:] += 6
    return Pool.of(points, labels={i: int(points[i, 0] > 0) for i in range(60)}), points


VAE_QUICK = Training(learning_rate=2e-3, batch_size=32, epoch_size=640, max_epochs=5, patience=None, progress=False)


def test_vaal_tells_labelled_from_far_points_and_asks_the_far_ones() -> None:
    points = torch.randn(120, 4, generator=seed())
    points[60:] += 6
    pool = Pool.of(points, labels={i: i % 2 for i in range(50)})
    belief = LEARNERS["vaal"](MLP3_4, hidden=(32,), vae_training=VAE_QUICK)(pool, seed())
    scores = belief.judge(points)
    assert roc_auc_score([0] * 50 + [1] * 60, torch.cat([scores[:50], scores[60:]])) > 0.99
    asked = methods.vaal()(belief, pool, 15, generator=seed())
    assert min(asked.ids) >= 60  # the ten without a label among the near ones are left alone


MLP3_4 = partial(MLP, 4, 2, hidden=(16,), dropout=0.3)


def test_the_critic_of_waal_is_larger_on_what_is_not_like_labelled_points() -> None:
    pool, points = clusters()
    training = replace(QUICK, batch_size=32, epoch_size=320, max_epochs=6)
    learner = WAAL(MLP3_4, JudgedNetwork.dropout, hidden=(32,), training=training, gamma=1)
    belief = learner(pool, seed())
    critic = belief.judge_network.judge.critic
    features = belief.embed(points)
    values = critic(features)
    assert bool(((values > 0) & (values < 1)).all())
    assert values[120:].mean() > values[:120].mean()
    logits = belief.forward(belief.state, points).log_softmax(1)
    bound = logits.norm(dim=1) / 2 - logits.sum(1) / 2
    torch.testing.assert_close(belief.judge(points), 10 * values - bound)


def test_the_network_of_waal_lowers_what_its_critic_raises() -> None:
    pool, points = clusters()
    training = replace(QUICK, learning_rate=1e-2, batch_size=32, epoch_size=160, max_epochs=3)

    def difference(alpha: float) -> float:  # to a critic that stays as it was made
        still = WAAL(MLP3_4, JudgedNetwork.dropout, alpha, gamma=1, critic_rate=1e-9, hidden=(16,), training=training)
        belief = still(pool, seed())
        values = belief.judge_network.judge.critic(belief.embed(points))
        return float(values[60:].mean() - values[:60].mean())

    assert difference(10.0) < difference(0.0) - 0.02


def test_critic_and_network_end_in_the_same_epoch() -> None:
    held_out = torch.randn(9, 3, generator=seed()), torch.zeros(9)
    for patience in (None, 1):
        training = replace(QUICK, max_epochs=6, patience=patience, learning_rate=3e-2)
        learner = LEARNERS["waal"](MLP3, training=training, validation=held_out)
        assert bool(learner(table(), seed()).judge(everything(table())).isfinite().all())


@pytest.mark.parametrize("name", ["loss-prediction", "vaal"])
@pytest.mark.parametrize(("loss", "outputs", "label"), [(GaussianLoss(), 2, 0.5), (BinaryCrossEntropy(), 2, [0, 1])])
def test_amounts_and_several_labels_can_be_judged_too(name: str, loss: Any, outputs: int, label: Any) -> None:
    points = torch.randn(20, 3, generator=seed())
    labels = {i: float(points[i].sum()) if label == 0.5 else [int(points[i, 0] > 0), i % 2] for i in range(10)}
    belief = LEARNERS[name](partial(MLP, 3, outputs, dropout=0.2), loss=loss)(Pool.of(points, labels=labels), seed())
    assert bool(belief.judge(points).isfinite().all())


def test_words_cannot_be_reconstructed() -> None:
    words = torch.randint(5, (30, 4), generator=seed())
    pool = Pool.of(words, labels={i: int(words[i, 0] > 2) for i in range(20)})
    network = partial(nn.Sequential, nn.Embedding(5, 3), nn.Flatten(), nn.Dropout(0.2), nn.Linear(12, 2))
    with pytest.raises(ValueError, match=r"an autoencoder reconstructs real numbers, but the points are torch.int64"):
        LEARNERS["vaal"](network, standardise=False)(pool, seed())


def test_an_own_loss_is_what_the_outputs_say() -> None:
    loss, outputs = OwnLoss(), torch.tensor([[1.0], [2.0]])
    assert loss(outputs, outputs).tolist() == loss.error(outputs, outputs).tolist() == [1, 2]
    assert loss.fit(outputs) is loss
    assert loss.prepare(outputs, 1) is outputs
    assert loss.likelihood(outputs).mean.shape == (2,)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (partial(LossPrediction, weight=-1.0), "weight must be a number of at least 0, but it is -1.0"),
        (partial(LossPrediction, joint_share=1.5), "joint_share is a share of the epochs, from 0 to 1, but it is 1.5"),
        (partial(LossPrediction, num_stages=0), "num_stages and width must be at least 1, but they are 0 and 128"),
        (partial(LossPrediction, margin=0), "the margin must be a positive number, but it is 0"),
        (partial(LossPrediction, ties="none"), "ties must be one of masked, released, but it is 'none'"),
        (partial(VAAL, beta=float("nan")), "beta must be a number of at least 0, but it is nan"),
        (partial(VAAL, fooling=-1), "fooling must be a number of at least 0, but it is -1"),
        (partial(VAAL, vae_steps=0), "vae_steps must be at least 1, but it is 0"),
        (partial(VAAL, reduction="max"), "reduction must be one of sum, mean, released, but it is 'max'"),
        (partial(WAAL, alpha=-1), "alpha must be a number of at least 0, but it is -1"),
        (partial(WAAL, gamma=float("inf")), "gamma must be a number of at least 0, but it is inf"),
        (partial(WAAL, critic_rate=0.0), "critic_rate must be a positive number, but it is 0.0"),
        (partial(WAAL, loss=GaussianLoss()), "so it takes CrossEntropy, but the loss is GaussianLoss; .* use Loss"),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Callable[..., Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make(MLP3, JudgedNetwork.dropout)


def test_a_network_that_goes_on_after_its_last_linear_layer_has_no_features_for_a_critic() -> None:
    network = partial(nn.Sequential, nn.Linear(3, 2), nn.Dropout(0.1), nn.Softmax(1))
    with pytest.raises(ValueError, match=re.escape("is not that of its last nn.Linear")):
        LEARNERS["waal"](network)(table(), seed())


def test_the_usual_autoencoder_is_the_default() -> None:
    assert VAAL(MLP3, JudgedNetwork.dropout).vae is vae_for
    assert isinstance(WAAL(MLP3, JudgedNetwork.dropout).loss, CrossEntropy)
