"""float32 and half precision against float64, for every score and rule of classes: what docs/precision.md states."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Categorical

from bayesal import acquisitions
from bayesal.numerics.classes import log_probabilities
from benchmarks.precision import HALVES, QUANTITIES, draw, half, single

RULES = {"BatchBALD", "KBALD", "JEPIG", "BatchBALanCe"}
SMOOTH = [name for name in QUANTITIES if name != "variation_ratio"]  # a vote may flip
ARITHMETIC = {torch.bfloat16: 2e-3, torch.float16: 3e-4}
IN_ALL = {torch.bfloat16: 3e-3, torch.float16: 4e-4}
each_case = pytest.mark.parametrize("case", ["random", "confident"])
each_half = pytest.mark.parametrize("dtype", HALVES.values(), ids=HALVES)


@pytest.mark.parametrize("name", QUANTITIES)
@each_case
def test_single_precision_is_as_good_as_double(name, case):
    bound = {"balentacq": 2e-4 if case == "confident" else 1e-6, "JEPIG": 2e-6}.get(name, 1e-6)
    assert single(QUANTITIES[name], *draw(case, 200, 50)) < bound


@pytest.mark.parametrize("name", SMOOTH)
@each_case
@each_half
def test_half_precision_costs_what_rounding_the_input_costs(name, case, dtype):
    arithmetic, in_all, kept = half(QUANTITIES[name], dtype, *draw(case, 200, 50))
    slack = 10 if name == "balentacq" and case == "confident" else 1
    assert arithmetic < (3e-6 if name in RULES else slack * ARITHMETIC[dtype])
    assert in_all < slack * IN_ALL[dtype]
    assert kept >= 0.9


@each_case
@each_half
def test_rounding_flips_few_votes(case, dtype):
    _, in_all, _ = half(QUANTITIES["variation_ratio"], dtype, *draw(case, 200, 50))
    assert in_all <= 3 / 50 + 1e-6


@pytest.mark.parametrize("name", QUANTITIES)
def test_results_are_in_no_less_than_single_precision(name):
    logs, targets = draw("random", 12, 6)
    for dtype in (*HALVES.values(), torch.float32, torch.float64):
        seen = QUANTITIES[name](logs.to(dtype), targets.to(dtype)).dtype
        assert seen == torch.float64 if name in RULES or dtype == torch.float64 else seen == torch.float32


@each_half
def test_probabilities_from_half_precision_sum_to_one(dtype):
    logs, _ = draw("random", 200, 50)
    rounded = logs.to(dtype)
    assert (rounded.double().exp().sum(2) - 1).abs().max() > torch.finfo(dtype).eps / 4  # what there is to repair
    for predictions in (
        Categorical(logits=rounded, validate_args=False),
        Categorical(probs=logs.exp().to(dtype), validate_args=False),
        Bernoulli(logits=rounded, validate_args=False),
    ):
        seen = log_probabilities(predictions, slice(None))
        assert seen.dtype == torch.float32
        torch.testing.assert_close(seen.exp().sum(-1), torch.ones(seen.shape[:-1]), rtol=0, atol=1e-6)


@each_half
def test_zeros_in_half_precision_are_still_zeros(dtype):
    sure = torch.eye(3, dtype=dtype)[None]
    for predictions in (Categorical(probs=sure), Categorical(logits=sure.log(), validate_args=False)):
        assert log_probabilities(predictions, slice(None)).exp().tolist() == sure.tolist()
        assert float(acquisitions.bald(predictions)) == pytest.approx(1.0986123, abs=1e-6)


@each_half
def test_entropies_of_half_precision_are_not_biased(dtype):
    """Sums of probabilities that are off move every entropy the same way; normalised, errors cancel over points."""
    logs, _ = draw("random", 1000, 50)
    seen = acquisitions.entropy(Categorical(logits=logs.to(dtype), validate_args=False))
    bias = (seen.double() - acquisitions.entropy(Categorical(logits=logs, validate_args=False))).mean()
    assert abs(float(bias)) < torch.finfo(dtype).eps / 400


@each_half
def test_logits_widened_before_they_become_a_distribution_lose_nothing_more(dtype):
    """torch normalises a Categorical in the precision of its logits, which rounds once more."""
    rounded = draw("random", 200, 50)[0].to(dtype)
    for name in ("entropy", "bald", "margin", "mean_std"):
        score = getattr(acquisitions, name)
        seen = score(Categorical(logits=rounded.float()))
        torch.testing.assert_close(seen.double(), score(Categorical(logits=rounded.double())), rtol=0, atol=1e-6)


@given(seed=st.integers(0, 2**32), sharpness=st.floats(0, 50), k=st.integers(2, 30))
def test_single_precision_agrees_however_sure_the_hypotheses_are(seed, sharpness, k):
    generator = torch.Generator().manual_seed(seed)
    logits = sharpness * torch.randn(5, k, 4, dtype=torch.float64, generator=generator)
    exact = logits.float().double().log_softmax(2)  # large logits are themselves rounded
    for name in ("entropy", "expected_entropy", "bald", "least_confidence", "margin", "mean_std"):
        score = getattr(acquisitions, name)
        seen = score(Categorical(logits=logits.float()))
        torch.testing.assert_close(
            seen.double(), score(Categorical(logits=exact)), rtol=0, atol=1e-6 * max(1.0, sharpness / 5)
        )
