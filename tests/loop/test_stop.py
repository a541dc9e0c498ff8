import pytest

from bayesal.loop import Budget, Plateau, Round, Target


def _rounds(values, metric="accuracy"):
    return [Round(i, 10 * (i + 1), {metric: value}, 0.0, 0.0) for i, value in enumerate(values)]


def _stops_after(rule, rounds):
    """The number of rounds after which the rule first stops, None if it never does."""
    return next((n for n in range(len(rounds) + 1) if rule(rounds[:n]) is not None), None)


def test_budget_stops_when_so_many_are_labelled():
    assert _stops_after(Budget(30), _rounds([0.1] * 5)) == 3
    assert _stops_after(Budget(31), _rounds([0.1] * 5)) == 4
    assert _stops_after(Budget(60), _rounds([0.1] * 5)) is None
    assert Budget(30)(_rounds([0.1] * 3)) == "30 points are labelled, and the budget was 30"


@pytest.mark.parametrize(("lower_is_better", "values"), [(False, [0.5, 0.8, 0.9, 0.7]), (True, [0.9, 0.6, 0.5, 0.7])])
def test_target_stops_when_the_metric_reaches_it(lower_is_better, values):
    target = 0.55 if lower_is_better else 0.85
    assert _stops_after(Target("m", target, lower_is_better), _rounds(values, "m")) == 3
    assert _stops_after(Target("m", values[2], lower_is_better), _rounds(values, "m")) == 3
    assert "m is 0." in str(Target("m", values[2], lower_is_better)(_rounds(values[:3], "m")))


def test_plateau_stops_when_patience_rounds_bring_nothing():
    assert _stops_after(Plateau("accuracy", patience=2), _rounds([0.1, 0.5, 0.4, 0.5, 0.9])) == 4
    assert _stops_after(Plateau("accuracy", patience=2), _rounds([0.1, 0.2, 0.2, 0.3, 0.3, 0.4])) is None
    assert _stops_after(Plateau("accuracy", patience=3), _rounds([0.1, 0.2, 0.2])) is None


def test_plateau_counts_only_improvements_beyond_min_delta():
    values = [0.5, 0.51, 0.52, 0.53, 0.54]
    assert _stops_after(Plateau("accuracy", patience=2, min_delta=0.05), _rounds(values)) == 3
    assert _stops_after(Plateau("accuracy", patience=2, min_delta=0.015), _rounds(values)) is None


def test_plateau_of_an_error_is_the_mirror_of_a_plateau_of_a_gain():
    gains = [0.1, 0.5, 0.4, 0.5, 0.9]
    errors = _rounds([1 - value for value in gains], "rmse")
    assert _stops_after(Plateau("rmse", patience=2, lower_is_better=True), errors) == 4
    assert "its best was 0.5, since then 0.5" in str(Plateau("rmse", 2, lower_is_better=True)(errors[:4]))


@pytest.mark.parametrize("rule", [Target("auc", 0.5), Plateau("auc", patience=1)])
def test_a_metric_that_was_not_measured_gets_a_sentence(rule):
    with pytest.raises(ValueError, match="a stop rule watches 'auc', but evaluate measured accuracy in round"):
        rule(_rounds([0.5, 0.6]))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Plateau("accuracy", patience=0), "patience counts rounds and must be at least 1, but it is 0"),
        (lambda: Plateau("accuracy", min_delta=-0.1), "min_delta must be at least 0, but it is -0.1"),
    ],
)
def test_impossible_settings_get_a_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
