from functools import partial
from pathlib import Path

import pytest

from bayesal.data.pool import Pool
from bayesal.loop.files import write_json
from bayesal.loop.identity import check_same, identity_of, read_state, recipe_of
from bayesal.selection import power, top
from bayesal.strategies import Pick
from bayesal.views import Predictive


def _pool(ids=(1, 2, "3"), labels=None) -> Pool:
    return Pool.of([[0.0]] * len(ids), ids=ids, labels=labels)


def test_the_same_study_is_the_same():
    check_same(identity_of(_pool(), top, 1), identity_of(_pool(), top, 1), Path("x"))


def test_a_recipe_has_no_addresses_and_keeps_its_settings():
    def recipe(coldness: float) -> str:
        return recipe_of(Pick(Predictive(lambda d: d), partial(power, coldness=coldness)))

    assert " at 0x" not in recipe(2.0)
    assert "power" in recipe(2.0)
    assert recipe(2.0) == recipe(2.0)
    assert recipe(2.0) != recipe(3.0)


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (
            identity_of(_pool(), top, 2),
            "the seed 1, but now it is 2; open it with that seed, or in another",
        ),
        (
            identity_of(_pool(), power, 1),
            "the method <function top>, but now it is <function power>; open it with that",
        ),
        (identity_of(_pool((1, 2)), top, 1), "the number of points 3, but now it is 2; open it with the pool it was"),
        (
            identity_of(_pool((1, 2, 3)), top, 1),
            "the hash of the pool's ids .*, but now it is .*; open it with the pool",
        ),
        (identity_of(_pool((2, 1, "3")), top, 1), "the hash of the pool's ids"),
        (identity_of(_pool(labels={1: 0}), top, 1), "the hash of the labels given with the pool .*tell the study"),
    ],
)
def test_a_different_study_gets_a_sentence_that_says_what_differs(seen, sentence):
    with pytest.raises(ValueError, match=f"the study in x was opened with .*{sentence}"):
        check_same(identity_of(_pool(), top, 1), seen, Path("x"))


def test_a_state_of_another_schema_gets_a_sentence(tmp_path):
    assert read_state(tmp_path / "state.json") is None
    write_json(tmp_path / "state.json", {"schema": 2})
    with pytest.raises(ValueError, match=r"state\.json has schema 2, this bayesal reads 1; it was not touched"):
        read_state(tmp_path / "state.json")
