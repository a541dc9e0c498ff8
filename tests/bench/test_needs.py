"""A method is given a posterior that has what it needs: the one it names, if none is named for the run."""

import pytest

from bayesal.bench import needs
from bayesal.bench.needs import check_needs, fitting, posterior_for, works_blind
from bayesal.bench.posteriors import POSTERIORS
from bayesal.methods import Row, describe

EVERY = tuple(row.name for row in POSTERIORS)


def row(name: str, needed: str) -> Row:
    return Row(name, "does", "any", needed, "none")


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        row("random", "nothing"),
        row("badge", "Embeds"),
        row("waal", "Judges (waal)"),
        row("vaal", "Judges (vaal)"),
        row("twins", "Embeds (barlow-twins) or (mc-dropout)"),
        row("drop", "Posterior (mc-dropout)"),
    ]
    monkeypatch.setattr(needs, "describe", lambda: rows)


def test_what_is_named_in_brackets_is_what_fits():
    assert fitting("Judges (waal)") == ("waal",)
    assert fitting("Embeds (barlow-twins) or (mc-dropout)") == ("barlow-twins", "mc-dropout")
    assert fitting("nothing") == fitting("Posterior") == fitting("Moments or Posterior") == EVERY
    assert "laplace" in fitting("Embeds")
    assert "laplace" not in fitting("Differentiable")
    assert "gp" not in fitting("Embeds")
    assert fitting("Differentiable and Embeds") == fitting("Differentiable")
    assert fitting("Differentiable or Posterior") == EVERY


@pytest.mark.parametrize(
    ("methods", "posterior"),
    [
        (["random"], "mc-dropout"),
        (["badge", "random"], "mc-dropout"),
        (["badge", "waal", "random"], "waal"),
        (["twins"], "barlow-twins"),
        (["twins", "drop"], "mc-dropout"),
        (["mine:own"], "mc-dropout"),
    ],
)
def test_the_posterior_is_the_first_that_all_methods_take(table: None, methods: list[str], posterior: str):
    assert posterior_for(methods) == posterior


def test_methods_that_need_different_posteriors_are_to_be_run_apart(table: None):
    with pytest.raises(
        ValueError, match=r"^waal trains waal, vaal trains vaal: run them apart, or give a --posterior of"
    ):
        posterior_for(["vaal", "waal", "random"])


def test_a_posterior_that_lacks_what_a_method_needs_is_refused(table: None):
    check_needs(["badge", "random"], "laplace")
    check_needs(["waal"], "mine:own")
    with pytest.raises(ValueError, match="badge needs a network that shows its features, and gp is none: take"):
        check_needs(["badge"], "gp")
    with pytest.raises(
        ValueError, match=r"waal works with the posterior waal only, and not with gp: take --posterior w"
    ):
        check_needs(["waal"], "gp")
    with pytest.raises(ValueError, match="take --posterior barlow-twins or mc-dropout, or another method"):
        check_needs(["twins"], "gp")


def test_a_method_that_needs_nothing_works_before_anything_is_labelled():
    assert works_blind("random")
    assert not works_blind("bald")
    assert not works_blind("mine:own")


def test_every_method_of_the_table_finds_a_posterior_of_the_table():
    for method in describe():
        assert posterior_for([method.name]) in EVERY
        check_needs([method.name], posterior_for([method.name]))
