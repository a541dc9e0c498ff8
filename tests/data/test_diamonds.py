import numpy as np
import pandas as pd
import pytest

from bayesal.data.diamonds import GRADES, diamonds


def a_table(rows=30):
    grades = {name: [values[i % len(values)] for i in range(rows)] for name, values in GRADES.items()}
    numbers = {name: np.arange(rows) / 10 for name in ("carat", "depth", "table", "x", "y", "z")}
    return pd.DataFrame({**numbers, "price": np.exp(np.arange(rows) / 10), **grades})


def test_grades_become_numbers_from_worst_to_best_and_prices_logarithms():
    data = diamonds(a_table(), 0, "here")
    assert data.inputs.shape == (27, 9)
    assert len(data.test_labels) == 3
    row = 5
    i = int(data.ids[row])
    expected = [i / 10, i % 5, i % 7, i % 8, i / 10, i / 10, i / 10, i / 10, i / 10]
    assert data.inputs[row].tolist() == pytest.approx(expected)
    assert data.labels[row].item() == pytest.approx(i / 10, abs=1e-6)
    assert "natural logarithm of the price" in data.note


def test_the_seed_draws_the_test_part():
    first, again, other = (diamonds(a_table(), seed, "here").ids.tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_another_table_is_refused():
    with pytest.raises(ValueError, match="here lacks the columns cut of the diamonds"):
        diamonds(a_table().drop(columns="cut"), 0, "here")
    with pytest.raises(ValueError, match="here: a cut is none of Fair, Good"):
        diamonds(a_table().assign(cut="Round"), 0, "here")
