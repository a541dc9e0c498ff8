"""Causal-BALD: the card's numbers, plain arithmetic, and what the scores must not depend on."""

import math
from statistics import pvariance

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bayesal.acquisitions import mu_bald, mu_rho_bald, propensity_score, rho_bald, tau_bald

MU0 = torch.tensor([[0.0, 1.0, 0.5], [1.0, 1.5, 2.0]], dtype=torch.float64)  # N K
MU1 = torch.tensor([[1.0, 3.0, 2.0], [1.0, 2.0, 3.0]], dtype=torch.float64)
TREATMENT = torch.tensor([1, 0])
WORKED = {
    mu_bald: (-0.405465, -1.79176),
    tau_bald: (-1.79176, -1.79176),
    rho_bald: (0.000000, -1.38629),
    mu_rho_bald: (-0.405465, -3.17805),
}
each_score = pytest.mark.parametrize("score", WORKED, ids=lambda score: score.__name__)
seeds = st.integers(0, 2**32)


def draw(seed: int, n: int = 6, k: int = 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mu0, mu1 = torch.randn(2, n, k, dtype=torch.float64, generator=generator)
    return mu0, mu1, torch.randint(2, (n,), generator=generator)


@each_score
def test_worked_numbers(score):
    torch.testing.assert_close(
        score(MU0, MU1, TREATMENT), torch.tensor(WORKED[score], dtype=torch.float64), rtol=3e-6, atol=1e-6
    )


@given(seed=seeds)
def test_the_scores_are_logarithms_of_variances(seed):
    mu0, mu1, treatment = draw(seed)
    for n, (without, given_, t) in enumerate(zip(mu0.tolist(), mu1.tolist(), treatment.tolist(), strict=True)):
        seen, unseen = (given_, without) if t else (without, given_)
        mu = math.log(pvariance(seen) + 1e-7)
        tau = math.log(pvariance([b - a for a, b in zip(without, given_, strict=True)]) + 1e-7)
        rho = tau - math.log(pvariance(unseen) + 1e-7)
        for score, expected in ((mu_bald, mu), (tau_bald, tau), (rho_bald, rho), (mu_rho_bald, mu + rho)):
            assert float(score(mu0, mu1, treatment)[n]) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@each_score
@given(seed=seeds)
def test_swapping_the_arms_changes_nothing(score, seed):
    mu0, mu1, treatment = draw(seed)
    torch.testing.assert_close(score(mu1, mu0, 1 - treatment), score(mu0, mu1, treatment))


@each_score
@given(seed=seeds)
def test_the_order_of_hypotheses_and_copies_of_them_change_nothing(score, seed):
    mu0, mu1, treatment = draw(seed)
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed)).repeat(2)
    torch.testing.assert_close(score(mu0[:, order], mu1[:, order], treatment), score(mu0, mu1, treatment))


@given(seed=seeds)
def test_the_unit_of_the_outcome_shifts_all_points_alike(seed):
    mu0, mu1, treatment = draw(seed)
    for score, shift in ((mu_bald, 2), (tau_bald, 2), (rho_bald, 0), (mu_rho_bald, 2)):
        moved = score(1000 * mu0 + 7, 1000 * mu1 + 7, treatment) - score(mu0, mu1, treatment)
        torch.testing.assert_close(moved, torch.full_like(moved, shift * math.log(1000)), rtol=0, atol=1e-2)


@each_score
def test_outcomes_that_do_not_vary_stay_finite(score):
    flat = torch.ones(3, 4)
    assert score(flat, flat + 1, torch.tensor([0, 1, 1])).isfinite().all()


@each_score
def test_treatments_may_be_of_any_type(score):
    for dtype in (torch.bool, torch.int64, torch.float32):
        torch.testing.assert_close(score(MU0, MU1, TREATMENT.to(dtype)), score(MU0, MU1, TREATMENT))


@each_score
def test_single_precision_agrees_and_stays_single(score):
    mu0, mu1, treatment = draw(0, n=200, k=20)
    single = score(mu0.float(), mu1.float(), treatment)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), score(mu0, mu1, treatment), rtol=0, atol=1e-5)


def test_whom_others_treat_otherwise():
    seen = propensity_score(torch.tensor([0.25, 0.25, 1.0, 0.0]), torch.tensor([1, 0, 1, 1]))
    assert seen.tolist() == pytest.approx([math.log(0.75), math.log(0.25), -math.inf, 0])


@each_score
def test_no_points_have_no_scores(score):
    assert score(torch.empty(0, 5), torch.empty(0, 5), torch.empty(0)).shape == (0,)


@each_score
def test_a_single_hypothesis_is_warned_of(score):
    with pytest.warns(UserWarning, match="single hypothesis do not vary"):
        assert score(MU0[:, :1], MU1[:, :1], TREATMENT).isfinite().all()


@each_score
def test_what_does_not_fit_is_refused(score):
    with pytest.raises(ValueError, match=r"treatments are 0 \(control\) or 1, but that of point 1 is 2"):
        score(MU0, MU1, torch.tensor([0, 2]))
    holed = MU0.clone()
    holed[1, 2] = math.nan
    with pytest.raises(ValueError, match="outcome of point 1 is not a number"):
        score(holed, MU1, TREATMENT)


def test_propensities_that_are_none_are_refused():
    for bad in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="propensity of point 1 must be from 0 to 1"):
            propensity_score(torch.tensor([0.5, bad]), TREATMENT)
