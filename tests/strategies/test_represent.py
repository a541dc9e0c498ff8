"""Kernels in a strategy against the same rules on plain arrays, and against each other."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Generator, Tensor

import bayesal as bal
from bayesal.representations import Represented, ntk, posterior, scale
from bayesal.selection import LCMD, Bait, KCenter, KMeansPlusPlus, MaxDet, MaxDiag, grow
from bayesal.strategies import Represent
from bayesal.views import Inputs

SIGMA = 0.3


def points(n: int = 30, seed: int = 0) -> Tensor:
    return torch.randn(n, 4, generator=Generator().manual_seed(seed), dtype=torch.float64)


def pool_of(rows: Tensor, labelled: int = 6) -> bal.Pool:
    ids = [f"p{i}" for i in range(len(rows))]
    labels = {ids[i]: float(i) for i in range(labelled)}
    return bal.Pool.of(rows, ids=ids, labels=labels, chunk_size=7, progress=False)


def ids_of(strategy: Represent, rows: Tensor, labelled: int = 6, batch_size: int = 8) -> list[str]:
    return list(strategy(None, pool_of(rows, labelled), batch_size, generator=Generator().manual_seed(1)).ids)


@pytest.mark.parametrize("rule", [KCenter(), LCMD(), MaxDiag(), MaxDet(SIGMA), Bait(SIGMA), KMeansPlusPlus()])
@pytest.mark.parametrize("given", [True, False])
def test_it_is_the_rule_on_the_rows_by_their_ids(rule, given: bool):
    rows = points()
    if not given and isinstance(rule, Bait):
        expected = grow(replace(rule, beside=rows[:6]), rows[6:], 8, generator=Generator().manual_seed(1))
    else:
        expected = grow(rule, rows[6:], 8, given=rows[:6] if given else None, generator=Generator().manual_seed(1))
    selection = Represent(Inputs(), rule, given=given)(None, pool_of(rows), 8, generator=Generator().manual_seed(1))
    assert selection.ids == [f"p{6 + i}" for i in expected.positions.tolist()]
    torch.testing.assert_close(selection.gains, expected.gains)


@pytest.mark.parametrize("rule", [MaxDet(SIGMA), Bait(SIGMA, over_selection=1), Bait(SIGMA, over_selection=2)])
def test_given_labels_and_a_posterior_that_knows_them_are_the_same(rule):
    rows = points(seed=3)
    given = Represent(Inputs(), rule, given=True)
    conditioned = Represent(Inputs(), rule, (posterior(SIGMA),))
    assert ids_of(given, rows) == ids_of(conditioned, rows)


@pytest.mark.parametrize("rule", [KCenter(), LCMD(), MaxDet(SIGMA), Bait(SIGMA), MaxDiag()])
def test_a_kernel_of_inputs_reaches_the_rule(rule):
    rows, kernel = points(seed=4), ntk()
    strategy = Represent(Inputs(kernel), rule, given=True)
    expected = grow(replace(rule, kernel=kernel), rows[6:], 8, given=rows[:6], generator=Generator().manual_seed(1))
    assert ids_of(strategy, rows) == [f"p{6 + i}" for i in expected.positions.tolist()]


def test_scaling_changes_no_distances_order_but_what_noise_means():
    rows = points(seed=5)
    assert ids_of(Represent(Inputs(), LCMD(), (scale(),), True), rows) == ids_of(
        Represent(Inputs(), LCMD(), (), True), rows
    )
    scaled = Represent(Inputs(), MaxDet(SIGMA), (scale(),), True)
    factor = rows[:6].square().sum(1).mean().sqrt()
    assert ids_of(scaled, rows) == ids_of(Represent(Inputs(), MaxDet(SIGMA), (), True), rows / factor)


def test_transformations_are_applied_in_turn_and_what_they_report_is_noted():
    @dataclass(frozen=True)
    class Said:
        word: str

        def __call__(self, represented: Represented, /, *, generator: Generator) -> Represented:
            return replace(represented, rows=-represented.rows, notes=(*represented.notes, self.word))

    strategy = Represent(Inputs(), MaxDiag(), (Said("one"), Said("two")))
    assert strategy(None, pool_of(points()), 2, generator=Generator()).notes == ("one", "two")


def test_it_prints_as_its_recipe():
    strategy = Represent(Inputs(), LCMD(), (scale(), posterior(0.1)), True)
    assert repr(strategy) == repr(Represent(Inputs(), LCMD(), (scale(), posterior(0.1)), True))
    assert "LCMD(weight='squared'" in repr(strategy)
    assert "noise=0.1" in repr(strategy)


def test_nothing_labelled_a_whole_pool_an_empty_batch_and_one_too_large():
    rows = points(9)
    assert sorted(ids_of(Represent(Inputs(), LCMD(), (), True), rows, 0, 9)) == [f"p{i}" for i in range(9)]
    assert ids_of(Represent(Inputs(), KCenter()), rows, 3, 0) == []
    with pytest.raises(ValueError, match="only 6 unlabelled points are left"):
        ids_of(Represent(Inputs(), KCenter()), rows, 3, 7)


def test_points_that_are_not_one_tensor_are_refused():
    with pytest.raises(ValueError, match="kernels of inputs need points that are one tensor, but these are a dict"):
        Inputs()(None, pool_of(points()), generator=Generator())({"a": points()})
