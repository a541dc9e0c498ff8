from pathlib import Path

import numpy as np
import pytest
import torch

import bayesal as bal
from bayesal.loop.streams import stream
from bayesal.types import Selection
from tests.loop.processes import CONTEXT, ask_and_tell, end, start
from tests.loop.toys import N, Uniform, ids_of, names, open_toy, oracle, toy_pool, truth


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "mine"


def test_asking_again_returns_what_is_pending_first(folder):
    with open_toy(folder) as study:
        first = study.ask(4)
        assert len(set(first)) == 4
        assert study.ask(4) == first
        assert study.ask(2) == first[:2]
        assert study.ask(6)[:4] == first
        assert len(study.pending) == 6
        assert study.ask(0) == []
    with open_toy(folder) as study:
        assert study.ask(6)[:4] == first


def test_each_batch_of_a_round_has_a_stream_of_its_own(folder):
    seeds = []

    def method(belief, pool, batch_size, /, *, generator):
        seeds.append(generator.initial_seed())
        return Uniform()(belief, pool, batch_size, generator=generator)

    with open_toy(folder, pool=toy_pool({0: 0}), method=method) as study:
        first = study.ask(2)
        study.ask(4)
        study.tell({first[0]: 1})
        study.ask(4)
    asks = [(0, "select 0"), (0, "select 1"), (1, "select 0")]
    assert seeds == [stream(3, round_, purpose).initial_seed() for round_, purpose in asks]


def test_people_answer_late_and_in_any_order(folder):
    with open_toy(folder, pool=toy_pool({0: 0, "0": 1})) as study:
        asked = study.ask(6)
        study.tell({asked[4]: 1}, by="ann")
        study.skip([asked[0]], by="bob")
        more = study.ask(8)
        assert more[:4] == [asked[1], asked[2], asked[3], asked[5]]
        assert not set(more[4:]) & {*asked, 0, "0"}
        assert study.labels == {asked[4]: 1}
        assert [round_.labels for round_ in study.rounds] == [2, 3]


def test_ids_are_plain_and_numpy_ids_are_understood(folder):
    ids = np.arange(N)
    pool = bal.Pool.of(torch.zeros(N, 1), ids=ids, progress=False)
    with open_toy(folder, pool=pool) as study:
        asked = study.ask(3)
        assert all(type(key) is int for key in asked)
        study.tell({ids[asked[0]]: np.int64(2)})
        assert study.labels == {asked[0]: 2}


def test_volunteered_labels_are_welcome(folder):
    with open_toy(folder) as study:
        study.tell({7: 1, "7": 2}, by="ann")
        assert study.labels == {7: 1, "7": 2}
        assert study.ask(1) not in ([7], ["7"])
        assert study.history()[0] == {"round": None, "order": 0, "id": 7, "label": 1, "score": None, "gain": None}


def test_a_retracted_label_is_gone_and_its_point_can_be_asked(folder):
    with open_toy(folder) as study:
        study.tell(dict.fromkeys(names()[:-1], 0))
        assert study.ask(5) == [names()[-1]]
        study.retract([5, "5"], by="carl")
        assert len(study.labels) == N - 3
        assert set(study.ask(5)) == {names()[-1], 5, "5"}


def test_the_newest_annotator_wins_and_one_can_be_retracted(folder):
    with open_toy(folder) as study:
        study.tell({7: 1}, by="ann")
        study.tell({7: 2}, by="bob", uuid="0" * 32)
        study.tell({7: 2}, by="bob", uuid="0" * 32)
        assert study.labels == {7: 2}
        study.retract([7], annotator="bob")
        assert study.labels == {7: 1}


@pytest.mark.parametrize(
    ("act", "error", "sentence"),
    [
        (lambda study: study.tell({7: 1, 999: 1}), KeyError, "the pool has no point with the id 999"),
        (lambda study: study.tell({7: 1, "999": 1}), KeyError, "the pool has no point with the id '999'"),
        (lambda study: study.tell({7: 1, 8: None}), ValueError, "the label of 8 is None; a point that cannot be"),
        (lambda study: study.tell({7: 1, 8.0: 1}), ValueError, "ids are integers or strings, but 8.0 is a float"),
        (lambda study: study.tell({7: 1, True: 1}), ValueError, "ids are integers or strings, but True is a bool"),
        (lambda study: study.tell({7: 1}, by=""), ValueError, "by is empty; say who"),
        (lambda study: study.skip([7, 999]), KeyError, "the pool has no point with the id 999"),
        (lambda study: study.skip("7"), ValueError, r"expected several ids, but got the text '7'; for one point give"),
        (lambda study: study.retract([7]), ValueError, "the point 7 has no label or skip to retract"),
        (lambda study: study.retract([999]), KeyError, "the pool has no point with the id 999"),
        (lambda study: study.ask(-1), ValueError, "the number of ids to ask for must be at least 0, but it is -1"),
        (lambda study: study.belief, ValueError, "nothing is labelled yet, so there is nothing to believe"),
    ],
)
def test_bad_calls_get_a_sentence_and_record_nothing(folder, act, error, sentence):
    with open_toy(folder) as study:
        with pytest.raises(error, match=sentence):
            act(study)
        assert study.labels == {}
        assert study.pending == study.skipped == []
        assert [event.kind for event in study._ledger.events()] == ["opened"]


def test_a_start_of_ones_own_is_used_while_nothing_is_labelled(folder):
    class First:
        def __call__(self, belief, pool, batch_size, /, *, generator):
            assert belief is None
            zeros = torch.zeros(batch_size)
            return Selection(pool.unlabelled[:batch_size].tolist(), zeros, zeros, torch.arange(batch_size))

    with open_toy(folder, start=First()) as study:
        study.run(oracle, budget=20, batch_size=5)
        assert ids_of(study)[:5] == [0, 1, 2, 3, 4]
        assert ids_of(study)[5:] != list(range(5, 20))


def test_notes_of_the_method_are_kept(folder):
    with open_toy(folder, method=Uniform()) as study:
        study.run(oracle, budget=20)
        assert study.notes == ["round 1: uniform", "the budget of 20 labels is spent"]


def test_two_people_in_two_processes_get_no_point_twice_and_lose_no_label(folder):
    open_toy(folder).close()
    barrier = CONTEXT.Barrier(2)
    processes = [start(ask_and_tell, folder, name, barrier, 6) for name in ("ann", "bob")]
    assert [end(process) for process in processes] == [0, 0]
    with open_toy(folder) as study:
        asked = ids_of(study)
        assert len(asked) == len(set(asked))
        assert study.labels == {key: truth(key) for key in study.labels}
        told = [event for event in study._ledger.events() if event.kind == "told"]
        assert {event.by for event in told} == {"ann", "bob"}
        assert set(study.labels) == {key for event in told for key, _ in event.points}
