import numpy as np
import pytest
import torch

from bayesal import Pool
from bayesal.data import DataSet
from bayesal.data.shift import imbalanced, irrelevant, label_noise, outliers, repeated, strangers


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def a_set(n=30, name="a set", shape=(2,), **changes):
    given = {
        "name": name,
        "inputs": torch.arange(float(n)).reshape(-1, *[1] * len(shape)).expand(n, *shape).clone(),
        "labels": torch.arange(n) % 3,
        "kind": "classification",
        "class_names": ("x", "y", "z"),
        "ids": np.arange(n) + 500,
        "test_inputs": torch.zeros(4, *shape),
        "test_labels": torch.tensor([0, 1, 2, 0]),
    }
    return DataSet(**given | changes)


def read(data):
    return Pool.of(data.inputs, data.ids).scan(lambda x: x)


def test_repeated_points_are_noisy_copies_with_their_labels():
    data, plain = repeated(a_set(), 3, noise=0.1, generator=seeded()), a_set()
    assert len(data) == 90
    assert data.ids[[0, 29, 30, 89]].tolist() == ["500#1", "529#1", "500#2", "529#3"]
    assert data.labels.tolist() == plain.labels.tolist() * 3
    noise = read(data) - plain.inputs.repeat(3, 1)
    assert 0.08 < noise.std() < 0.12
    assert len(noise.unique()) == noise.numel()
    assert torch.equal(data.test_inputs, plain.test_inputs)
    assert "each point 3 times, with noise of sd 0.1" in data.note


def test_repeating_stores_nothing_new_and_the_seed_decides():
    plain = a_set()
    first, again, other = (read(repeated(plain, 2, generator=seeded(s))) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert repeated(plain, 2, generator=seeded()).inputs.source.values is plain.inputs


def test_part_of_a_repeated_set_keeps_its_noise():
    whole = repeated(a_set(), 2, generator=seeded())
    part = whole.take([40, 3])
    assert part.ids.tolist() == ["510#2", "503#1"]
    assert torch.equal(read(part), read(whole)[[40, 3]])


def test_vectors_of_labels_and_sets_without_labels_repeat_too():
    many = a_set(labels=torch.eye(3).repeat(10, 1), kind="multilabel", test_inputs=None, test_labels=None)
    assert repeated(many, 2, generator=seeded()).labels.shape == (60, 3)
    bare = a_set(labels=None, kind="unlabelled", test_inputs=None, test_labels=None)
    assert repeated(bare, 2, generator=seeded()).labels is None


def test_imbalance_keeps_what_was_asked_in_order():
    data = imbalanced(a_set(), {0: 2, 2: 7}, generator=seeded())
    assert data.labels.bincount().tolist() == [2, 10, 7]
    assert data.ids.tolist() == sorted(data.ids.tolist())
    assert torch.equal(data.inputs[:, 0], torch.from_numpy(data.ids - 500).float())
    assert len(data.test_labels) == 4
    assert data.ids.tolist() != imbalanced(a_set(), {0: 2, 2: 7}, generator=seeded(1)).ids.tolist()
    assert 0 not in imbalanced(a_set(), {0: 0}, generator=seeded()).labels


def test_outliers_have_no_label_and_say_where_they_are_from():
    data = outliers(a_set(), a_set(8, name="other"), 5, generator=seeded())
    assert len(data) == 35
    strangers = data.ids[30:].tolist()
    assert all(i.startswith("other:50") for i in strangers)
    assert len(set(strangers)) == 5
    assert set(data.answers) == set(range(500, 530))
    assert read(data)[30:, 0].tolist() == [int(i.removeprefix("other:")) - 500 for i in strangers]
    assert torch.equal(read(data)[:30], a_set().inputs)


def test_outliers_among_amounts_have_no_amount():
    amounts = a_set(labels=torch.arange(30.0), kind="regression", class_names=(), test_inputs=None, test_labels=None)
    assert len(outliers(amounts, a_set(8, name="other"), 5, generator=seeded()).answers) == 30


def test_wrong_labels_are_other_classes_at_the_rate_asked():
    plain = a_set(3000)
    data = label_noise(plain, 0.3, generator=seeded())
    changed = data.labels != plain.labels
    assert changed.float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert set(data.labels.tolist()) == {0, 1, 2}
    taken_for = data.labels[changed & (plain.labels == 0)].bincount(minlength=3) / (changed & (plain.labels == 0)).sum()
    assert taken_for.tolist() == pytest.approx([0, 0.5, 0.5], abs=0.07)
    assert torch.equal(data.test_labels, plain.test_labels)
    assert f"{int(changed.sum())} of 3000 labels changed" in data.note
    assert torch.equal(label_noise(plain, 0.0, generator=seeded()).labels, plain.labels)
    assert (label_noise(plain, 1.0, generator=seeded()).labels != plain.labels).all()


def test_unknown_labels_stay_unknown():
    data = label_noise(a_set(labels=torch.full((30,), -1)), 1.0, generator=seeded())
    assert (data.labels == -1).all()


@pytest.mark.parametrize(
    ("shift", "sentence"),
    [
        (lambda g: repeated(a_set(), 0, generator=g), "times must be at least 1"),
        (lambda g: repeated(a_set(), 2, noise=-1.0, generator=g), "noise is a standard deviation"),
        (lambda g: imbalanced(a_set(), {0: 11}, generator=g), "10 points of class 0, so 11 cannot be kept"),
        (lambda g: imbalanced(a_set(), {7: 1}, generator=g), "0 points of class 7"),
        (lambda g: outliers(a_set(), a_set(8, name="other"), 9, generator=g), "other has 8 points, so 9"),
        (lambda g: outliers(a_set(), a_set(8, shape=(3,)), 2, generator=g), r"have the shape \(2,\)"),
        (lambda g: label_noise(a_set(), 1.5, generator=g), "rate is a probability"),
        (lambda g: label_noise(a_set(kind="regression"), 0.5, generator=g), "has no classes to shift"),
        (lambda g: label_noise(a_set(class_names=("x",)), 0.5, generator=g), "1 class"),
    ],
)
def test_shifts_that_cannot_be_made_get_a_sentence(shift, sentence):
    with pytest.raises(ValueError, match=sentence):
        shift(seeded())


def test_irrelevant_classes_are_one_and_are_not_tested():
    data = irrelevant(a_set(), [2])
    assert data.class_names == ("z", "other")
    assert data.labels.tolist() == [1, 1, 0] * 10
    assert data.test_labels.tolist() == [0]
    assert len(data.test_inputs) == 1
    assert "only z matter" in data.note
    swapped = irrelevant(a_set(), [2, 0])
    assert swapped.labels.tolist() == [1, 2, 0] * 10
    assert swapped.test_labels.tolist() == [1, 0, 1]


def test_strangers_stay_in_the_pool_without_a_label_and_are_not_tested():
    data = strangers(a_set(labels=torch.tensor([0, 1, 2, -1, 2] * 6)), [1])
    assert data.class_names == ("x", "z")
    assert data.labels.tolist() == [0, -1, 1, -1, 1] * 6
    assert data.ids.tolist() == a_set().ids.tolist()
    assert data.test_labels.tolist() == [0 if label == 0 else 1 for label in a_set().test_labels.tolist() if label != 1]
    assert len(data.test_inputs) == len(data.test_labels)
    assert "nobody can label y" in data.note


@pytest.mark.parametrize(
    ("classes", "sentence"),
    [
        ([], "must be different ones"),
        ([0, 0], "must be different"),
        ([3], "0 ... 2"),
        ([0, 2], "all but 1 classes of a"),
    ],
)
def test_strange_classes_that_are_none_get_a_sentence(classes, sentence):
    with pytest.raises(ValueError, match=sentence):
        strangers(a_set(), classes)


def test_unknown_labels_stay_unknown_where_classes_are_irrelevant():
    data = irrelevant(a_set(labels=torch.tensor([0, -1, 2] * 10)), [2])
    assert data.labels.tolist() == [1, -1, 0] * 10


@pytest.mark.parametrize(
    ("relevant", "sentence"),
    [
        ([], "must be different ones"),
        ([1, 1], "must be different ones"),
        ([3], r"0 \.\.\. 2"),
        ([0, 1, 2], "nothing to leave out"),
    ],
)
def test_what_cannot_be_relevant_is_refused(relevant, sentence):
    with pytest.raises(ValueError, match=sentence):
        irrelevant(a_set(), relevant)
