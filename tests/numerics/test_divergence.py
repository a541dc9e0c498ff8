"""f-divergences against textbook sums, and the submodularity that greedy ensembles rest on, by enumeration."""

import math
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from torch import Generator, Tensor

from bayesal.numerics.divergence import (
    DIVERGENCES,
    Divergence,
    check_divergence,
    f_divergence,
    kernel_estimate,
    set_objective,
)

GRID = 20
SUBSETS = torch.tensor(list(product([False, True], repeat=6)))


def masses(seed: int, count: int = 1) -> Tensor:
    return torch.rand(count, GRID, generator=Generator().manual_seed(seed), dtype=torch.float64).softmax(-1)


def bumps(seed: int, count: int = 6) -> Tensor:
    """Normal densities on the grid, of different places and widths."""
    generator = Generator().manual_seed(seed)
    x = torch.linspace(-3, 3, GRID, dtype=torch.float64)
    centres = 6 * torch.rand(count, 1, generator=generator, dtype=torch.float64) - 3
    widths = 0.1 + torch.rand(count, 1, generator=generator, dtype=torch.float64)
    return torch.exp(-((x - centres) ** 2) / (2 * widths**2)) / widths


def smallest_slack(values: Tensor) -> float:
    """The least of [F(A+e) - F(A)] - [F(B+e) - F(B)] over A ⊂ B and e outside of B; values by the bits of SUBSETS."""
    worst = math.inf
    bits = [int(f"0b{''.join(str(int(b)) for b in row)}", 2) for row in SUBSETS.tolist()]
    at = dict(zip(bits, values.tolist(), strict=True))
    for b in bits:
        for e in (1 << i for i in range(6) if not b & 1 << i):
            a = b
            while True:  # all subsets of b
                worst = min(worst, (at[a | e] - at[a]) - (at[b | e] - at[b]))
                if a == 0:
                    break
                a = (a - 1) & b
    return worst


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("name", DIVERGENCES)
def test_adding_a_kernel_gains_less_the_more_there_are(name: Divergence, swapped: bool) -> None:
    for seed in range(3):
        values = set_objective(name, masses(seed)[0], bumps(seed), SUBSETS, planned=6, floor=1e-3, swapped=swapped)
        assert values.isfinite().all()
        assert smallest_slack(values) >= -1e-10


@given(
    name=st.sampled_from(DIVERGENCES), swapped=st.booleans(), seed=st.integers(0, 10_000), planned=st.integers(1, 50)
)
@settings(max_examples=15, deadline=None)
def test_it_does_so_whatever_the_kernels_and_the_planned_number(
    name: Divergence, swapped: bool, seed: int, planned: int
) -> None:
    kernels = masses(seed, 6) * GRID
    values = set_objective(name, masses(seed + 1)[0], kernels, SUBSETS, planned=planned, floor=1e-2, swapped=swapped)
    assert smallest_slack(values) >= -1e-10 * (1 + float(values.abs().max()))


@pytest.mark.parametrize("name", DIVERGENCES)
def test_divided_by_the_number_of_kernels_so_far_it_does_not(name: Divergence) -> None:
    worst = math.inf
    for seed in range(3):
        estimates = torch.stack(
            [kernel_estimate(bumps(seed), row, planned=max(1, int(row.sum())), floor=1e-3) for row in SUBSETS]
        )
        values = -f_divergence(name, masses(seed).expand_as(estimates), estimates)
        worst = min(worst, smallest_slack(values))
    assert worst < -1e-3


def test_more_kernels_are_not_always_better() -> None:
    p = torch.full((GRID,), 0.05, dtype=torch.float64)
    kernels = torch.full((6, GRID), 0.3, dtype=torch.float64)
    values = set_objective("reverse_kl", p, kernels, SUBSETS, planned=6, floor=0.0)
    by_size = [float(values[SUBSETS.sum(1) == size][0]) for size in range(7)]
    assert by_size[1] == pytest.approx(0)
    assert by_size[6] < by_size[1]
    assert by_size[0] == 0  # nothing against everything: the sum has no constant of its own


def test_the_divergences_of_densities_are_the_textbooks() -> None:
    p, q = masses(3)[0], masses(4)[0]
    a, b = p.numpy(), q.numpy()
    expected = {
        "kl": entropy(a, b),
        "reverse_kl": entropy(b, a),
        "chi2": sum((y - x) ** 2 / x for x, y in zip(a, b, strict=True)),
        "hellinger": 2 - 2 * sum(math.sqrt(x * y) for x, y in zip(a, b, strict=True)),
        "tv": max(sum(y - x for x, y in zip(a, b, strict=True) if y > x), 0.0),
    }
    for name in DIVERGENCES:
        assert float(f_divergence(name, p, q)) == pytest.approx(expected[name])
        assert float(f_divergence(name, p, p)) == pytest.approx(0)
    mixture = (p + q) / 2
    halves = (f_divergence("kl", p, mixture) + f_divergence("kl", q, mixture)) / 2
    assert float(halves) == pytest.approx(float(jensenshannon(a, b)) ** 2)


def test_empty_cells_are_limits() -> None:
    p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([1.0, 0.0, 0.0])
    found = [float(f_divergence(name, p, q)) for name in DIVERGENCES]
    assert found == pytest.approx([math.inf, math.log(2), 1.0, 2 - math.sqrt(2), 0.5])
    turned = [float(f_divergence(name, q, p)) for name in DIVERGENCES]
    assert turned == pytest.approx([math.log(2), math.inf, math.inf, 2 - math.sqrt(2), 0.5])


def test_bad_arguments_are_refused() -> None:
    p = masses(0)[0]
    with pytest.raises(ValueError, match="no divergence 'jensen'; there are kl, reverse_kl"):
        check_divergence("jensen")
    with pytest.raises(ValueError, match="must not be negative or NaN"):
        f_divergence("kl", p, -p)
    with pytest.raises(ValueError, match="at least 1, but it is 0"):
        kernel_estimate(bumps(0), SUBSETS[5], planned=0, floor=0.0)
