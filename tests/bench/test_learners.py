"""Every kind of data has a learner for every posterior, and its belief is one by the laws."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from bayesal.bench.config import SettledTraining
from bayesal.bench.defaults import network_for, point_shape
from bayesal.bench.learners import learner_for
from bayesal.bench.posteriors import POSTERIORS
from bayesal.data.dataset import DataSet, Kind
from bayesal.data.pool import Pool
from bayesal.networks import MLP, MnistCNN, SmallCNN
from bayesal.testing import check_posterior

QUICK = SettledTraining(epochs=2, epoch_size=64, batch_size=32, learning_rate=1e-3, weight_decay=0.0, patience=3)


def data_set(kind: Kind, shape: tuple[int, ...], n: int = 24) -> DataSet:
    generator = torch.Generator().manual_seed(0)
    labels = {
        "classification": torch.arange(n) % 3,
        "regression": torch.randn(n, generator=generator) * 1000 + 5,
        "multilabel": torch.randint(2, (n, 3), generator=generator).float(),
    }[kind]
    names = () if kind == "regression" else ("a", "b", "c")
    inputs = torch.randn(n, *shape, generator=generator)
    return DataSet("made up", inputs, labels, kind, np.arange(n), class_names=names, image=len(shape) == 3)


KINDS: tuple[Kind, ...] = ("classification", "regression", "multilabel")
FITTING = [(row.name, kind) for row in POSTERIORS for kind in KINDS if row.tasks == "any" or kind in row.tasks]
OTHERS = [(row.name, kind) for row in POSTERIORS for kind in KINDS if (row.name, kind) not in FITTING]


@pytest.mark.parametrize(("posterior", "kind"), FITTING)
@pytest.mark.parametrize("shape", [(5,), (1, 8, 8), (3, 12, 9), (1, 28, 28), (3, 40, 50)])
def test_the_belief_of_every_kind_of_data_keeps_the_laws(posterior: str, shape: tuple[int, ...], kind: Kind):
    data = data_set(kind, shape)
    pool = Pool.of(data.inputs, ids=data.ids, labels=data.answers)
    belief = learner_for(posterior, data, QUICK)(pool, torch.Generator().manual_seed(0))
    check_posterior(belief, torch.as_tensor(np.asarray(data.inputs))[:8], num_hypotheses=4)


@pytest.mark.parametrize(("posterior", "kind"), OTHERS)
def test_a_posterior_for_other_data_says_which_would_do(posterior: str, kind: Kind):
    with pytest.raises(ValueError, match=f"the posterior {posterior} is for .*{kind} task; for that there are .*mc"):
        learner_for(posterior, data_set(kind, (5,)), QUICK)


def test_labels_of_one_class_ask_for_more():
    data = replace(data_set("classification", (5,)), labels=torch.zeros(24, dtype=torch.int64), class_names=("rose",))
    with pytest.raises(ValueError, match=r"all labels of made up are 'rose', .* label more points, drawn at random"):
        learner_for("mc-dropout", data, QUICK)


def test_the_network_follows_from_the_shape():
    made = {
        shape: network_for(data_set("classification", shape))()
        for shape in [(1, 28, 28), (3, 28, 28), (7,), (1, 3, 20)]
    }
    assert [type(net) for net in made.values()] == [MnistCNN, SmallCNN, MLP, MLP]
    assert point_shape(data_set("classification", (3, 12, 9))) == (3, 12, 9)


def test_amounts_are_predicted_in_their_own_units():
    data = data_set("regression", (5,))
    pool = Pool.of(data.inputs, ids=data.ids, labels=data.answers)
    belief = learner_for("mc-dropout", data, QUICK)(pool, torch.Generator().manual_seed(0))
    predictions = belief.draw(5, generator=torch.Generator().manual_seed(0))(pool.gather(pool.ids))
    assert 100 < predictions.stddev.mean() < 10_000


def test_validation_points_stop_the_training_early():
    data = data_set("classification", (5,))
    inputs, labels = torch.as_tensor(np.asarray(data.inputs)), data.labels
    learner = learner_for("mc-dropout", data, QUICK, validation=(inputs, labels))
    assert "validation=24 points" in repr(learner)
    assert isinstance(network_for(data), partial)


def small_network() -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(5, 8), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3)
    )


NOT_A_MAKER = small_network()


def the_same_network() -> torch.nn.Module:
    return NOT_A_MAKER


def no_network() -> str:
    return "text"


def failing_network() -> torch.nn.Module:
    raise RuntimeError("no gpu")


def new_head_on_a_frozen_body() -> torch.nn.Module:
    return torch.nn.Sequential(FROZEN, torch.nn.Dropout(), torch.nn.Linear(3, 1))


FROZEN = torch.nn.Linear(5, 3).requires_grad_(False)


@pytest.mark.parametrize("posterior", ["mc-dropout", "swag", "laplace"])
def test_a_network_of_the_users_takes_the_place_of_the_default(posterior: str):
    data = data_set("classification", (5,))
    learner = learner_for(posterior, data, QUICK, network=f"{__name__}:small_network")
    belief = learner(Pool.of(data.inputs, labels=data.labels), torch.Generator().manual_seed(0))
    shown = belief.members[0] if posterior == "swag" else belief
    assert shown.embed(data.inputs).shape == (len(data), 8)


@pytest.mark.parametrize(
    ("posterior", "network", "said"),
    [
        ("gp", "small_network", "takes no network"),
        ("pyro-svi", "small_network", "takes no network"),
        ("mc-dropout", "NOT_A_MAKER", "called without arguments"),
        ("mc-dropout", "missing", "has no 'missing'"),
        ("mc-dropout", "no_network", "must make an nn.Module, but it makes a str"),
        ("mc-dropout", "failing_network", "failing_network .* but calling it fails: RuntimeError: no gpu"),
        ("mc-dropout", "the_same_network", "must be made anew at every call, but two calls give weights in common"),
    ],
)
def test_a_network_that_has_no_place_is_told(posterior: str, network: str, said: str):
    with pytest.raises(ValueError, match=said):
        learner_for(posterior, data_set("regression", (5,)), QUICK, network=f"{__name__}:{network}")


def test_what_is_not_trained_may_be_shared_and_nothing_is_drawn_otherwise_for_looking():
    before = torch.get_rng_state()
    learner_for("mc-dropout", data_set("regression", (5,)), QUICK, network=f"{__name__}:new_head_on_a_frozen_body")
    assert torch.equal(torch.get_rng_state(), before)
