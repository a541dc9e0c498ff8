"""What is left open is filled in from the data, once and for all; what cannot be run is told before anything is."""

from pathlib import Path

import numpy as np
import pytest

from bayesal.bench.config import RunConfig, configure
from bayesal.bench.protocol import DEMO, settle
from bayesal.bench.tasks import load_data
from bayesal.data.dataset import DataSet


@pytest.fixture(scope="module")
def digits() -> DataSet:
    return load_data(RunConfig(data="digits"), 0)


@pytest.fixture(scope="module")
def diabetes() -> DataSet:
    return load_data(RunConfig(data="diabetes"), 0)


@pytest.mark.parametrize("smoke", [False, True])
def test_settling_twice_is_settling_once(digits: DataSet, diabetes: DataSet, smoke: bool):
    for data in (digits, diabetes):
        once = settle(RunConfig(data=data.name, smoke=smoke, batch_size=7), data)
        assert settle(configure(once.model_dump()), data) == once


def test_what_was_given_is_kept(digits: DataSet):
    given = {"budget": 77, "initial": 33, "test_hypotheses": 5, "validation": 9, "training": {"epochs": 4}}
    settled = settle(configure({"data": "digits", "baseline": None, **given}), digits)
    assert settled.baseline is None
    for name, value in given.items():
        if name != "training":
            assert getattr(settled, name) == value
    assert settled.training.epochs == 4


def test_defaults_are_the_literatures(digits: DataSet, diabetes: DataSet):
    assert settle(RunConfig(data="digits"), digits).initial == 20  # two a class
    assert settle(RunConfig(data="diabetes"), diabetes).initial == 10
    mnist = DataSet("m", np.zeros((3000, 1, 28, 28)), digits.labels.new_zeros(3000), "classification", np.arange(3000),
                    np.zeros((9, 1, 28, 28)), digits.labels.new_zeros(9), tuple("0123456789"), image=True)  # fmt: skip
    settled = settle(RunConfig(data="m"), mnist)
    training = settled.training
    assert (settled.validation, training.epochs, training.epoch_size, training.batch_size) == (1024, 30, 5056, 64)
    assert (training.learning_rate, training.weight_decay, training.patience) == (1e-3, 0.0, 3)


def test_smoke_shrinks_whatever_was_asked(digits: DataSet):
    large = {**DEMO, "num_hypotheses": 500, "budget": 900, "seeds": 20, "training": {"epochs": 500}}
    settled = settle(configure({**large, "smoke": True}), digits)
    assert settled.seeds <= 2
    assert settled.budget <= settled.initial + 10
    assert settled.num_hypotheses <= 8
    assert settled.training.epochs <= 8
    assert settled.methods == ("batchbald", "bald")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"methods": ["bold"]}, "there is no method 'bold'"),
        ({"methods": ["nowhere:method"]}, "cannot load the method 'nowhere:method'"),
        (
            {"methods": ["variance"]},
            "the method variance is for regression, but digits is classification; methods that",
        ),
        ({"posterior": "laplas"}, "there is no posterior 'laplas'; there are mc-dropout, .*ensemble, .*or your own"),
        ({"posterior": "nowhere:posterior"}, "cannot load the posterior 'nowhere:posterior': there is no module"),
        ({"budget": 5000}, "the budget of 5000 labels exceeds the pool of 1258 points; lower --budget"),
        ({"budget": 30, "initial": 40}, "the budget of 30 labels is below the 40 initial ones"),
        ({"budget": 10}, "the budget of 10 labels is below the 20 initial ones"),
        ({"batch_size": 1500}, "a batch of 1500 was asked for, but the pool has 1238 unlabelled points"),
        ({"validation": 1258}, "digits has 1258 labelled points; 1258 for validation and 1 initial ones"),
        ({"pool_size": 10}, "the pool of 10 points is smaller than the 20 initial labels; raise --pool-size"),
        ({"relevant": [1, 7], "validation": 200}, r"digits has \d+ points of the relevant classes; 200 for validation"),
        ({"rare": [11]}, "classes 0 ... 9, so 11 cannot be rare"),
        (
            {"start": "bald"},
            "the method bald needs a model, and there is none at the start: give --start balanced, .*ran",
        ),
        ({"start": "bold"}, "there is no method 'bold'"),
        ({"strange": [1], "rare": [2]}, "strange classes change what the numbers of the others mean: leave out relev"),
        ({"label_noise": 1.5}, "label_noise is 1.5, but it should be less than 1"),
    ],
)
def test_what_cannot_be_run_is_told_in_a_sentence(digits: DataSet, settings: dict, sentence: str):
    with pytest.raises(ValueError, match=sentence) as caught:
        settle(configure({"data": "digits", **settings}), digits)
    assert "\n" not in str(caught.value)


def test_a_method_for_classes_names_those_that_work_for_amounts(diabetes: DataSet):
    with pytest.raises(ValueError, match=r"methods that work: .*bald.*variance") as caught:
        settle(RunConfig(data="diabetes", methods=("batchbald",)), diabetes)
    assert "margin" not in str(caught.value)


def test_a_method_that_counts_conceivable_labels_is_refused_before_anything_is_trained(digits: DataSet):
    methods = ("bald", "spn_entropy")
    with pytest.raises(
        ValueError, match=r"spn_entropy works with the posterior spn only, and not with mc-dropout: take"
    ):
        settle(RunConfig(data="digits", methods=methods, posterior="mc-dropout"), digits)
    assert settle(RunConfig(data="digits", methods=methods, posterior="spn"), digits).methods == methods


def test_a_method_brings_its_own_posterior_unless_one_is_named(digits: DataSet):
    assert settle(RunConfig(data="digits"), digits).posterior == "mc-dropout"
    assert settle(RunConfig(data="digits", methods=("bald", "spn_entropy")), digits).posterior == "spn"
    as_baseline = RunConfig(data="digits", methods=("bald",), baseline="spn_entropy")
    assert settle(as_baseline, digits).posterior == "spn"
    assert settle(RunConfig(data="digits", methods=("bald",), posterior="spn"), digits).posterior == "spn"


def test_amounts_are_asked_for_by_lcmd_where_the_belief_has_gradients(diabetes: DataSet, digits: DataSet):
    assert settle(RunConfig(data="diabetes"), diabetes).methods == ("lcmd",)
    assert settle(RunConfig(data="diabetes", posterior="gp"), diabetes).methods == ("bald",)
    assert settle(RunConfig(data="digits"), digits).methods == ("batchbald",)


def test_a_method_of_gradients_is_refused_for_a_posterior_without_before_anything_is_trained(diabetes: DataSet):
    with pytest.raises(ValueError, match="lcmd needs a network that can be differentiated, and gp is none: take"):
        settle(RunConfig(data="diabetes", methods=("lcmd",), posterior="gp"), diabetes)
    with pytest.raises(ValueError, match="coreset needs a network that shows its features, and gp is none: take"):
        settle(RunConfig(data="diabetes", methods=("coreset",), posterior="gp"), diabetes)
    assert settle(RunConfig(data="diabetes", methods=("coreset",), posterior="laplace"), diabetes).methods == (
        "coreset",
    )


def test_several_amounts_a_point_are_refused(tmp_path: Path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "two.npz", inputs=rng.normal(size=(50, 3)), labels=rng.normal(size=(50, 2)))
    wanted = RunConfig(data=str(tmp_path / "two.npz"))
    with pytest.raises(ValueError, match="two has 2 amounts a point; a run takes one"):
        settle(wanted, load_data(wanted, 0))
