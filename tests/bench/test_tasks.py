"""A task is a matter of its configuration and seed: the same for every method, balanced, and without overlap."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from bayesal.bench.config import RunConfig, SettledConfig
from bayesal.bench.protocol import settle
from bayesal.bench.tasks import Task, load_data, make_task


def settled(**settings) -> SettledConfig:
    wanted = RunConfig(**{"data": "digits", **settings})
    return settle(wanted, load_data(wanted, wanted.first_seed))


def truth_of(task: Task) -> dict:
    assert task.data.labels is not None
    return dict(zip(task.data.ids.tolist(), task.data.labels.tolist(), strict=True))


def test_a_seed_is_one_task_for_every_method():
    one, same, other = (make_task(settled(methods=m), s) for m, s in ((["bald"], 3), (["entropy"], 3), (["bald"], 4)))
    assert one.pool.ids.tolist() == same.pool.ids.tolist()
    assert one.pool.labels == same.pool.labels
    assert torch.equal(one.test.labels, same.test.labels)
    assert one.pool.labels != other.pool.labels


def test_initial_labels_are_balanced_and_true():
    task = make_task(settled(initial=25), 0)
    counts = Counter(task.pool.labels.values())
    assert len(task.pool.labels) == 25
    assert set(counts.values()) == {2, 3}
    assert task.pool.labels == {i: truth_of(task)[i] for i in task.pool.labels}


def test_a_rare_class_gives_what_it_has(tmp_path: Path):
    labels = np.array([0] * 50 + [1] * 50 + [2] * 3)
    inputs = np.random.default_rng(0).normal(size=(103, 4))
    np.savez(tmp_path / "rare.npz", inputs=inputs, labels=labels, test_inputs=inputs, test_labels=labels)
    task = make_task(settled(data=str(tmp_path / "rare.npz"), initial=20), 0)
    counts = Counter(task.pool.labels.values())
    assert counts[2] == 3
    assert abs(counts[0] - counts[1]) <= 1
    assert sum(counts.values()) == 20


def test_the_oracle_answers_the_truth_for_the_whole_pool():
    task = make_task(settled(), 1)
    ids = task.pool.unlabelled[:50].tolist()
    assert task.oracle(ids) == {i: truth_of(task)[i] for i in ids}


def test_validation_pool_and_test_share_no_point():
    task = make_task(settled(validation=100, pool_size=300), 0)
    assert task.validation is not None
    assert len(task.validation[0]) == 100
    assert len(task.pool) == 300
    parts = [task.validation[0], task.pool.gather(task.pool.ids), task.pool.gather([])]
    rows = torch.cat([*parts, torch.as_tensor(np.asarray(task.test.inputs))]).flatten(1)
    assert len(torch.unique(rows, dim=0)) == len(rows) == 400 + len(task.test)


def test_the_inputs_of_an_id_are_those_of_the_data_set():
    config = settled(pool_size=200)
    data, task = load_data(config, 0), make_task(config, 0)
    where = {i: position for position, i in enumerate(data.ids.tolist())}
    rows = torch.as_tensor(np.asarray(data.inputs))[[where[i] for i in task.pool.ids.tolist()]]
    assert torch.equal(task.pool.gather(task.pool.ids), rows)


def test_a_repeated_pool_knows_only_the_first_copies():
    task = make_task(settled(pool_size=200, repeat=3), 0)
    assert len(task.pool) == 600
    assert all(str(i).endswith("#1") for i in task.pool.labels)
    first = next(iter(task.pool.labels)).removesuffix("#1")
    copies = task.pool.gather([f"{first}#{copy}" for copy in (1, 2, 3)])
    assert 0.05 < (copies[0] - copies[1]).std() < 0.25  # noise of 0.1 on each
    assert len({task.answers[f"{first}#{copy}"] for copy in (1, 2, 3)}) == 1


def test_a_smaller_test_part_is_part_of_the_whole():
    whole, part = make_task(settled(), 0).test, make_task(settled(test_size=100), 0).test
    assert len(part) == 100
    rows = torch.cat([torch.as_tensor(np.asarray(whole.inputs)), torch.as_tensor(np.asarray(part.inputs))])
    assert len(torch.unique(rows.flatten(1), dim=0)) == len(whole)


def test_only_what_is_labelled_of_a_users_file_is_simulated(tmp_path: Path):
    rng = np.random.default_rng(0)
    lines = [f"{rng.normal():.3f},{rng.normal():.3f},{'' if i % 4 == 0 else 'ab'[i % 2]}" for i in range(200)]
    (tmp_path / "mine.csv").write_text("x,y,kind\n" + "\n".join(lines) + "\n")
    data = load_data(RunConfig(data=str(tmp_path / "mine.csv"), target="kind"), 0)
    assert data.test_labels is not None
    assert len(data) + len(data.test_labels) == 150
    assert bool(data.known.all())


def test_data_without_labels_cannot_be_simulated(tmp_path: Path):
    np.save(tmp_path / "points.npy", np.zeros((20, 3)))
    with pytest.raises(ValueError, match="points has no labels, so no run can be simulated on it; bayesal select"):
        load_data(RunConfig(data=str(tmp_path / "points.npy")), 0)


def test_a_pool_that_is_not_shifted_has_no_targets_of_its_own():
    assert make_task(settled(), 0).targets is None


def test_where_classes_are_irrelevant_targets_are_relevant_points_outside_the_pool():
    task = make_task(settled(relevant=[1, 7], validation=30), 0)
    assert task.targets is not None
    assert task.validation is not None
    assert set(task.validation[1].tolist()) == {0, 1}
    data = load_data(settled(relevant=[1, 7]), 0)
    assert data.labels is not None
    points = torch.as_tensor(np.asarray(data.inputs)).flatten(1).tolist()
    label_of = {tuple(point): label for point, label in zip(points, data.labels.tolist(), strict=True)}
    assert {label_of[tuple(row.tolist())] for row in task.targets.flatten(1)} == {0, 1}
    rows = torch.cat([task.targets, task.validation[0], task.pool.gather(task.pool.ids)]).flatten(1)
    assert len(torch.unique(rows, dim=0)) == len(rows)
    assert set(task.test.labels.tolist()) == {0, 1}
    assert Counter(task.pool.labels.values()) == {0: 2, 1: 2, 2: 2}


def test_the_pool_keeps_a_share_of_rare_classes_and_the_test_part_all():
    plain, shifted = make_task(settled(), 0), make_task(settled(rare=[0, 1], rare_share=0.1), 0)
    had, has = (Counter(task.answers[i] for i in task.pool.unlabelled.tolist()) for task in (plain, shifted))
    assert has[0] < 0.15 * had[0]
    assert has[1] < 0.15 * had[1]
    assert has[5] > 0.7 * had[5]
    assert torch.equal(plain.test.labels, shifted.test.labels)
    assert shifted.targets is not None
    assert len(shifted.targets) == (1797 - len(plain.test)) // 10


def test_a_part_of_a_shifted_pool_has_its_share_of_relevant_points():
    task = make_task(settled(relevant=[1, 7], validation=30, pool_size=400), 0)
    counts = Counter(task.answers[i] for i in task.pool.ids.tolist())
    assert 0.1 < (counts[0] + counts[1]) / 400 < 0.3


def test_a_pool_that_is_cut_keeps_the_share_of_rare_classes():
    rare = {"rare": [0, 1, 2, 3, 4], "rare_share": 0.1, "initial": 20}
    task = make_task(settled(**rare, pool_size=320), 0)
    open_ = [task.answers[i] for i in task.pool.unlabelled.tolist()]
    share = sum(label < 5 for label in open_) / len(open_)
    assert len(open_) == 300
    assert 0.05 < share < 0.13
