import os
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import bayesal as bal
from bayesal.loop import Round, Stabilised, Target
from bayesal.loop.streams import stream
from tests.loop.processes import CONTEXT, WAIT, end, hold_lock, start
from tests.loop.toys import (
    Counting,
    N,
    ToyMethod,
    Uniform,
    ids_of,
    names,
    open_toy,
    oracle,
    toy_learner,
    toy_pool,
    truth,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "mine"


def test_a_run_buys_exactly_its_budget_and_measures_the_last_belief_too(folder):
    with open_toy(folder) as study:
        reason = study.run(oracle, budget=23, batch_size=10)
        assert reason == "the budget of 23 labels is spent"
        assert study.notes == [reason]
        assert len(study.labels) == 23
        assert study.labels == {key: truth(key) for key in ids_of(study)}
        assert [round_.labels for round_ in study.rounds] == [10, 20, 23]
        assert [round_.round for round_ in study.rounds] == [1, 2, 3]
        assert [line["round"] for line in study.history()] == [0] * 10 + [1] * 10 + [2] * 3
        assert [line["order"] for line in study.history()] == list(range(23))
        assert study.pool.labels == study.labels
        assert study.pending == []


def test_a_run_in_parts_is_the_whole_run(folder, tmp_path):
    with open_toy(folder) as whole:
        whole.run(oracle, budget=40)
    for budget in (10, 10, 30, 40):
        with open_toy(tmp_path / "parts") as parts:
            parts.run(oracle, budget=budget)
    with open_toy(folder) as whole, open_toy(tmp_path / "parts") as parts:
        assert whole.history() == parts.history()
        assert [(r.labels, r.metrics) for r in whole.rounds] == [(r.labels, r.metrics) for r in parts.rounds]


def test_a_finished_run_learns_nothing_when_it_is_run_again(folder):
    with open_toy(folder) as study:
        study.run(oracle, budget=20)
    learner = Counting()
    with open_toy(folder, learner=learner) as study:
        before = study._ledger.events()
        assert study.run(oracle, budget=20) == "the budget of 20 labels is spent"
        assert learner.seen == []
        assert study._ledger.events() == before


def test_the_same_labels_are_learned_once_a_process(folder):
    learner = Counting()
    with open_toy(folder, learner=learner) as study:
        study.run(oracle, budget=20, batch_size=5)
        belief = study.belief
        assert study.belief is belief
        study.tell(dict(list(study.labels.items())[:3]), by="someone who agrees")
        study.ask(2)
        study.ask(4)
        assert study.belief is belief
    assert len(learner.seen) == len({str(seen) for seen in learner.seen}) == 4


def test_what_is_asked_does_not_depend_on_how_the_oracle_answers(folder, tmp_path):
    answers = {
        "list": oracle,
        "dict": lambda ids: {key: truth(key) for key in reversed(ids)},
        "array": lambda ids: np.array(oracle(ids)),
        "tensor": lambda ids: torch.tensor(oracle(ids)),
    }
    seen = []
    for name, answer in answers.items():
        with open_toy(tmp_path / name) as study:
            study.run(answer, budget=20)
            seen.append(study.history())
    assert all(history == seen[0] for history in seen)


def test_points_the_oracle_cannot_label_are_skipped_recorded_and_not_asked_again(folder):
    with open_toy(folder) as study:
        study.run(lambda ids: [truth(key) if isinstance(key, str) else None for key in ids], budget=30)
        assert len(study.labels) == 30
        assert all(isinstance(key, str) for key in study.labels)
        assert all(isinstance(key, int) for key in study.skipped)
        assert sorted(map(repr, ids_of(study))) == sorted(map(repr, [*study.labels, *study.skipped]))


def test_an_oracle_that_can_label_nothing_ends_with_the_pool(folder):
    with open_toy(folder) as study:
        assert study.run(lambda ids: [None] * len(ids), budget=30, batch_size=64) == (
            "no point is left to ask: 0 of 30 labels were bought"
        )
        assert len(study.skipped) == N
        assert study.rounds == []


def test_a_pool_that_runs_out_ends_with_a_note_and_a_last_measurement(folder):
    with open_toy(folder) as study:
        reason = study.run(oracle, budget=1000, batch_size=64)
        assert reason == f"no point is left to ask: {N} of 1000 labels were bought"
        assert study.notes == [reason]
        assert study.rounds[-1].labels == N
        assert study.ask(5) == []


def test_silence_of_the_oracle_raises_but_keeps_what_it_said_and_the_next_run_goes_on(folder, tmp_path):
    with open_toy(tmp_path / "whole") as whole:
        whole.run(oracle, budget=20)
        expected = whole.history()
    with open_toy(folder) as study:
        with pytest.raises(ValueError, match=r"the oracle left out .* of the 10 ids it was asked; what it answered is"):
            study.run(lambda ids: {key: truth(key) for key in ids[:4]}, budget=20)
        assert len(study.labels) == 4
        assert len(study.pending) == 6
    with open_toy(folder) as study:
        study.run(oracle, budget=20)
        assert study.history() == expected


@pytest.mark.parametrize("answer", [lambda ids: [0], lambda ids: {"x": 0}, lambda ids: [float("nan")] * len(ids)])
def test_answers_that_do_not_fit_record_nothing(folder, answer):
    with open_toy(folder) as study:
        with pytest.raises(ValueError, match=r"the oracle (was asked|answered)|holds nan"):
            study.run(answer, budget=20)
        assert study.labels == {}
        assert len(study.pending) == 10


def test_pending_points_beyond_the_budget_are_not_bought(folder):
    with open_toy(folder) as study:
        study.ask(20)
        study.run(oracle, budget=8)
        assert len(study.labels) == 8
        assert len(study.pending) == 12
        assert study.rounds[-1].labels == 8


def test_labels_given_with_the_pool_are_learned_from_and_do_not_count(folder):
    given = {key: truth(key) for key in names()[:7]}
    learner = Counting()
    with open_toy(folder, pool=toy_pool(given), learner=learner) as study:
        study.run(oracle, budget=10, batch_size=5)
        assert [round_.labels for round_ in study.rounds] == [7, 12, 17]
        assert [line["round"] for line in study.history()] == [0] * 5 + [1] * 5
        assert not set(study.labels) & set(given)
        assert dict(learner.seen[0]) == given
        assert len(study.pool.labels) == 17


def test_no_budget_measures_what_is_known(folder):
    with open_toy(folder, pool=toy_pool({0: 1})) as study:
        study.run(oracle, budget=0)
        assert [round_.labels for round_ in study.rounds] == [1]
        assert study.history() == []


def test_each_new_round_is_shown_once_also_after_a_resume(folder):
    shown: list[Round] = []
    with open_toy(folder) as study:
        study.run(oracle, budget=20, on_round=shown.append)
    with open_toy(folder) as study:
        study.run(oracle, budget=40, on_round=shown.append)
        assert [round_.labels for round_ in shown] == [10, 20, 30, 40]
        assert [round_.metrics for round_ in shown] == [round_.metrics for round_ in study.rounds]


def test_a_round_says_what_it_cost_and_what_it_learned(folder):
    with open_toy(folder) as study:
        study.run(oracle, budget=20)
        last = study.rounds[-1]
        assert set(last.metrics) == {"accuracy", "nll"}
        assert last.seconds_learn > 0
        assert last.seconds_evaluate > 0
        assert study.rounds[0].seconds_select > 0
        assert last.seconds_select == 0  # nothing was asked with the last belief
        assert last.peak_memory_mib > 10
        weights = load_file(folder / "model.safetensors")
        assert torch.equal(weights["centroids"], study.belief.state["centroids"])


def test_a_belief_without_weights_has_none_to_keep(folder):
    with open_toy(folder, learner=lambda pool, generator: object(), method=Uniform(), evaluate=None) as study:
        study.run(oracle, budget=20)
        assert study.rounds[-1].weights_sha256 is None
        assert study.rounds[-1].metrics == {}
    assert not (folder / "model.safetensors").exists()


def test_the_learner_has_the_same_stream_whatever_the_method(folder, tmp_path):
    draws: dict[str, list] = {"one": [], "other": []}

    def listening(name):
        def learner(pool, generator):
            draws[name].append(generator.initial_seed())
            return toy_learner(pool, generator)

        return learner

    for name, method in (("one", ToyMethod()), ("other", Uniform())):
        with open_toy(tmp_path / name, learner=listening(name), method=method) as study:
            study.run(oracle, budget=30)
            history = study.history()
        draws[name].append([line["id"] for line in history][:10])
    assert draws["one"] == draws["other"]
    assert draws["one"][:3] == [stream(3, round_, "learn").initial_seed() for round_ in (1, 2, 3)]


def test_a_study_starts_uniformly_at_random(tmp_path):
    counts = Counter()
    for seed in range(150):
        with open_toy(tmp_path / str(seed), pool=bal.Pool.of(torch.zeros(6, 1)), seed=seed) as study:
            first = study.ask(2)
        assert len(set(first)) == 2
        counts.update(first)
    assert all(25 < counts[key] < 75 for key in range(6))  # 50 expected, 5.8 standard deviations


def test_seeds_ask_different_points(tmp_path):
    asked = []
    for seed in (0, 1):
        with open_toy(tmp_path / str(seed), seed=seed) as study:
            study.run(oracle, budget=20)
            asked.append(ids_of(study))
    assert asked[0] != asked[1]


def test_the_global_generator_is_left_alone(folder):
    before = torch.random.get_rng_state()
    with open_toy(folder) as study:
        study.run(oracle, budget=20)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_learner_that_is_not_deterministic_is_noticed_when_a_round_is_learned_again(folder):
    def careless(pool, generator):
        return toy_learner(pool, torch.Generator().manual_seed(int.from_bytes(os.urandom(4), "big")))

    with open_toy(folder, learner=careless) as study:
        study.run(oracle, budget=20)
    with (
        open_toy(folder, learner=careless) as study,
        pytest.warns(UserWarning, match="round 2 was learned again .* came out different: the learner is not determ"),
    ):
        assert study.belief is not None
    with open_toy(folder) as study, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study.run(oracle, budget=30)
        assert len(study.labels) == 30


@pytest.mark.parametrize(("budget", "batch_size"), [(-1, 10), (10, 0), (10, -3)])
def test_impossible_runs_get_a_sentence(folder, budget, batch_size):
    with open_toy(folder) as study, pytest.raises(ValueError, match="the budget must be at least 0 and batch_size at"):
        study.run(oracle, budget=budget, batch_size=batch_size)


def test_a_metric_that_is_nan_gets_a_sentence_and_loses_nothing(folder):
    with open_toy(folder, evaluate=lambda belief, generator: {"nll": float("nan")}) as study:
        with pytest.raises(ValueError, match="evaluate returned NaN for nll in round 1; the labels are safe"):
            study.run(oracle, budget=20)
        assert len(study.labels) == 10
        assert study.rounds == []
    with open_toy(folder) as study:
        study.run(oracle, budget=20)
        assert [round_.labels for round_ in study.rounds] == [10, 20]


def test_an_error_of_the_learner_or_the_oracle_loses_nothing(folder, tmp_path):
    with open_toy(tmp_path / "whole") as whole:
        whole.run(oracle, budget=30)
        expected = whole.history()

    def broken(*_):
        raise RuntimeError("out of memory")

    with open_toy(folder) as study:
        study.run(oracle, budget=10)
        with pytest.raises(RuntimeError, match="out of memory"):
            study.run(broken, budget=30)
    with open_toy(folder, learner=broken) as study, pytest.raises(RuntimeError, match="out of memory"):
        study.run(oracle, budget=30)
    with open_toy(folder) as study:
        study.run(oracle, budget=30)
        assert study.history() == expected


def test_two_processes_do_not_run_one_study(folder):
    open_toy(folder).close()
    held = CONTEXT.Event()
    process = start(hold_lock, folder / "run.lock", held)
    assert held.wait(WAIT)
    with open_toy(folder) as study:
        with pytest.raises(ValueError, match="is being run by another process"):
            study.run(oracle, budget=10)
        assert study.ask(1)  # asking and telling go on
    process.kill()
    assert end(process) == -9


def test_a_stop_rule_ends_the_run_and_its_reason_is_kept(folder):
    with open_toy(folder, evaluate=lambda belief, generator: {"accuracy": 0.9}) as study:
        reason = study.run(oracle, budget=50, stop=(Target("accuracy", 0.95), Target("accuracy", 0.9)))
        assert reason == "accuracy is 0.9, and the target was 0.9"
        assert len(study.labels) == 10
    with open_toy(folder) as study:
        assert study.notes == [reason]
        assert study.run(oracle, budget=50, stop=(Target("accuracy", 0.9),)) == reason
        assert study.notes == [reason]
        assert len(study.labels) == 10


def test_stabilised_predictions_stop_at_the_same_round_whether_or_not_the_run_was_interrupted(folder, tmp_path):
    rule = Stabilised(threshold=0.5, patience=2, size=50)
    with open_toy(tmp_path / "whole") as whole:
        reason = whole.run(oracle, budget=150, batch_size=5, stop=(rule,))
        expected = whole.history()
        assert "have stabilised" in reason
        assert 20 <= len(expected) < 150
        assert len(whole.rounds[-1].watched[repr(rule)]) == 50
    for budget in range(5, 155, 5):
        with open_toy(folder) as study:
            if study.run(oracle, budget=budget, batch_size=5, stop=(rule,)) == reason:
                break
    with open_toy(folder) as study:
        assert study.history() == expected


def test_any_function_of_the_rounds_is_a_stop_rule(folder):
    with open_toy(folder) as study:
        assert study.run(oracle, budget=50, stop=(lambda rounds: "three is enough" if len(rounds) == 3 else None,)) == (
            "three is enough"
        )
        assert len(study.labels) == 30
