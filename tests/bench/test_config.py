"""A configuration says the same in YAML as in Python, and every mistake in one gets one sentence."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesal.bench.config import RunConfig, TrainingConfig, configure, read_settings

configs = st.builds(
    RunConfig,
    data=st.sampled_from(["digits", "my file.csv", "größe/ø.npz"]),
    target=st.none() | st.just("price"),
    methods=st.none() | st.lists(st.sampled_from(["bald", "batchbald", "mine:thing"]), min_size=1, unique=True),
    baseline=st.sampled_from([None, "random", "entropy"]),
    budget=st.none() | st.integers(50, 500),
    initial=st.none() | st.integers(1, 50),
    seeds=st.integers(1, 9),
    noise=st.none() | st.floats(0, 10),
    training=st.builds(TrainingConfig, epochs=st.none() | st.integers(1, 99), learning_rate=st.floats(1e-5, 1)),
    smoke=st.booleans(),
)


@given(config=configs)
def test_a_configuration_survives_its_file_unchanged(config: RunConfig, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("run") / "config.yaml"
    path.write_text(config.to_yaml(), encoding="utf-8")
    assert configure(read_settings(path)) == config


def test_where_a_run_is_written_is_not_part_of_what_it_is():
    here, there = RunConfig(data="digits", out="here", workers=1), RunConfig(data="digits", out="there", workers=7)
    assert here.same_run(there)
    assert "\nout:" not in here.to_yaml()
    assert not here.same_run(RunConfig(data="digits", training=TrainingConfig(epochs=3)))


def test_differences_name_what_differs_down_to_the_training():
    here = RunConfig(data="digits", budget=50)
    there = RunConfig(data="digits", budget=60, training=TrainingConfig(epochs=3))
    assert here.differences(there) == {"budget": (50, 60), "training.epochs": (None, 3)}


def test_the_baseline_runs_last_and_only_once():
    assert RunConfig(data="digits", methods=("bald",)).all_methods == ("bald", "random")
    assert RunConfig(data="digits", methods=("random", "bald")).all_methods == ("random", "bald")
    assert RunConfig(data="digits", methods=("bald",), baseline=None).all_methods == ("bald",)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "the setting 'data' is missing"),
        ({"data": "digits", "buget": 3}, "there is no setting 'buget'; there are data, target, "),
        ({"data": "digits", "training": {"epoch": 3}}, "there is no setting 'training.epoch'; there are epochs, "),
        ({"data": "digits", "batch_size": 0}, "batch_size is 0, but it should be greater than or equal to 1"),
        ({"data": "digits", "seeds": "many"}, "seeds is 'many', but it should be a valid integer"),
        ({"data": "digits", "training": {"epochs": 0}}, "training.epochs is 0, but it should be"),
        ({"data": "digits", "noise": float("nan")}, "noise is nan, but it should be a finite number"),
        ({"data": "digits", "budget": 10, "initial": 20}, "the budget of 10 labels is below the 20 initial ones"),
        ({"data": "digits", "methods": ["bald", "bald"]}, "the method 'bald' is named twice"),
        ({"data": "digits", "methods": []}, "methods is [], but it"),
        (
            {"data": "digits", "task": "ranking"},
            "task is 'ranking', but it should be 'classification', 'regression' or",
        ),
    ],
)
def test_a_wrong_setting_gets_one_sentence(settings: dict, sentence: str):
    with pytest.raises(ValueError, match=r"\A" + re.escape(sentence)) as caught:
        configure(settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("data: [", "is not valid YAML"), ("- digits", "must hold settings"), ("", "must hold settings")],
)
def test_a_file_that_is_no_configuration_gets_one_sentence(tmp_path: Path, text: str, sentence: str):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=sentence) as caught:
        read_settings(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="there is no configuration at"):
        read_settings(tmp_path / "absent.yaml")
