import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bayesal.loop.encoding import decode, encode_id, encode_label, plain_id

ids = st.integers() | st.text()
leaves = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
labels = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4), max_leaves=8)


@given(ids)
def test_ids_come_back_exactly(key):
    assert decode(encode_id(key)) == key
    assert type(decode(encode_id(key))) is type(key)


@given(st.integers())
def test_a_number_and_its_text_are_different_ids(number):
    assert encode_id(number) != encode_id(str(number))


@given(labels)
def test_labels_come_back_to_the_bit(label):
    back = decode(encode_label("a", label))
    assert repr(back) == repr(label)


def test_file_names_that_are_not_utf8_survive():
    assert decode(encode_id("caf\udce9.png")) == "caf\udce9.png"


@pytest.mark.parametrize(
    ("given", "expected"), [(np.int64(7), 7), (np.int32(-1), -1), (np.str_("a"), "a"), (2**80, 2**80), ("7", "7")]
)
def test_numpy_ids_become_plain(given, expected):
    assert plain_id(given) == expected
    assert type(plain_id(given)) is type(expected)


@pytest.mark.parametrize("key", [1.0, True, None, b"a", (1,), np.float64(1), np.bool_(True)])
def test_other_ids_are_refused_in_a_sentence(key):
    with pytest.raises(ValueError, match="ids are integers or strings, but"):
        encode_id(key)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.int64(3), 3),
        (np.float32(0.1), float(np.float32(0.1))),
        (torch.tensor(2), 2),
        (torch.tensor([0.5, 1.0], requires_grad=True), [0.5, 1.0]),
        (np.eye(2, dtype=int), [[1, 0], [0, 1]]),
        ((np.int8(1), [np.float64(2.5)]), [1, [2.5]]),
        ([], []),
    ],
)
def test_arrays_and_tensors_become_numbers_and_lists(given, expected):
    assert decode(encode_label("a", given)) == expected


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        (None, r"the label of 'a' is None; a point that cannot be labelled is skipped: skip\(\['a'\]\)"),
        (float("nan"), "the label of 'a' holds nan; a label is a finite number"),
        (float("inf"), "the label of 'a' holds inf"),
        ([1.0, [float("nan")]], "the label of 'a' holds nan"),
        (torch.tensor([1.0, float("nan")]), "the label of 'a' holds nan"),
        ([1, None], "the label of 'a' holds a NoneType; labels are numbers, strings or lists of these"),
        ({"class": 1}, "the label of 'a' holds a dict"),
        (1j, "the label of 'a' holds a complex"),
        (b"x", "the label of 'a' holds a bytes"),
    ],
)
def test_what_is_no_label_is_refused_in_a_sentence(label, sentence):
    with pytest.raises(ValueError, match=sentence):
        encode_label("a", label)
