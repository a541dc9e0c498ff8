"""Views of treatment effects: both outcomes from the same hypotheses, and the treatment read off the table."""

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale
from torch import Generator, Tensor
from torch.distributions import Categorical, Distribution, Independent, Normal

from bayesal.acquisitions import mu_bald, mu_rho_bald, propensity_score, tau_bald
from bayesal.data.pool import Pool
from bayesal.selection import softmax
from bayesal.strategies import Pick
from bayesal.views import Causal, Propensity

TABLE = torch.randn(40, 4, generator=Generator().manual_seed(0))
TABLE[:, 2] = (TABLE[:, 0] + torch.randn(40, generator=Generator().manual_seed(1)) > 0).float() * 3 - 1  # -1 and 2
POOL = Pool.of(TABLE, chunk_size=7)


class Effects:
    """K functions x -> w·x with own weights, so the effect under hypothesis k is 3 w_k2."""

    def __init__(self, kind: str = "amount") -> None:
        self.kind = kind

    def draw(self, num_hypotheses: int, *, generator: Generator) -> "Effects":
        self.weights = torch.randn(num_hypotheses, 4, generator=generator)
        return self

    def __call__(self, inputs: Tensor, /) -> Distribution:
        means = inputs @ self.weights.T
        if self.kind == "amount":
            return Normal(means, 1.0)
        outputs = torch.stack([means, -means], -1)
        return Categorical(logits=outputs) if self.kind == "classes" else Independent(Normal(outputs, 1.0), 1)


def test_both_outcomes_come_from_the_same_hypotheses(generator: Generator) -> None:
    belief = Effects()
    seen = POOL.scan(Causal(mu_rho_bald, num_hypotheses=9)(belief, POOL, generator=generator))
    without, given = TABLE.clone(), TABLE.clone()
    without[:, 2], given[:, 2] = -1, 2
    expected = mu_rho_bald(without @ belief.weights.T, given @ belief.weights.T, TABLE[:, 2] == 2)
    torch.testing.assert_close(seen, expected)


def test_an_effect_that_is_the_same_for_all_ranks_nobody(generator: Generator) -> None:
    belief = Effects()
    seen = POOL.scan(Causal(tau_bald, num_hypotheses=50)(belief, POOL, generator=generator))
    torch.testing.assert_close(seen.exp(), (9 * belief.weights[:, 2].var(correction=0)).expand(40), rtol=1e-4, atol=0)


def test_the_pool_is_left_as_it_was(generator: Generator) -> None:
    before = TABLE.clone()
    POOL.scan(Causal(mu_bald, num_hypotheses=3)(Effects(), POOL, generator=generator))
    assert torch.equal(TABLE, before)


def test_propensities_are_those_of_a_logistic_regression(generator: Generator) -> None:
    others = scale(TABLE[:, [0, 1, 3]].double().numpy())
    model = LogisticRegression(max_iter=1000).fit(others, (TABLE[:, 2] == 2).numpy())
    expected = propensity_score(torch.from_numpy(model.predict_proba(others)[:, 1]), TABLE[:, 2] == 2)
    seen = POOL.scan(Propensity()(None, POOL, generator=generator))
    torch.testing.assert_close(seen, expected, rtol=1e-4, atol=1e-4)


def test_it_is_fitted_to_the_whole_pool_whoever_may_be_chosen(generator: Generator) -> None:
    whole = POOL.scan(Propensity()(None, POOL, generator=generator))
    few = POOL.only(list(range(5)))
    torch.testing.assert_close(few.scan(Propensity()(None, few, generator=generator), few.unlabelled), whole[:5])


@pytest.mark.parametrize("view", [Causal(mu_rho_bald), Propensity()])
def test_a_batch_is_drawn_from_the_scores(view: Causal | Propensity, generator: Generator) -> None:
    selection = Pick(view, softmax)(Effects(), POOL.only(list(range(12))), 5, generator=generator)
    assert len(set(selection.ids)) == 5
    assert set(selection.ids) <= set(range(12))


def test_a_pool_with_no_points_left_is_an_empty_batch(generator: Generator) -> None:
    for view in (Causal(mu_rho_bald), Propensity()):
        assert len(Pick(view, softmax)(Effects(), POOL.only([]), 0, generator=generator)) == 0


def test_the_treatment_may_be_named(generator: Generator) -> None:
    both = TABLE.clone()
    both[:, 1] = (both[:, 1] > 0).float()
    pool = Pool.of(both)
    named = pool.scan(Causal(tau_bald, treatment=2, num_hypotheses=5)(Effects(), pool, generator=generator))
    assert named.isfinite().all()
    for view in (Causal(mu_bald), Propensity()):
        with pytest.raises(ValueError, match="columns 1, 2 have two"):
            view(Effects(), pool, generator=generator)


@pytest.mark.parametrize("view", [Causal(mu_bald), Propensity()])
def test_tables_without_a_treatment_are_refused(view: Causal | Propensity, generator: Generator) -> None:
    with pytest.raises(ValueError, match="but no column has two"):
        view(Effects(), Pool.of(TABLE[:, :2]), generator=generator)
    with pytest.raises(ValueError, match=r"column 1 is none.* 4 columns, and those of two values are \[2\]"):
        type(view)(**{**vars(view), "treatment": 1})(Effects(), POOL, generator=generator)
    with pytest.raises(ValueError, match="column of a table"):
        view(Effects(), Pool.of(torch.zeros(5, 1, 8, 8)), generator=generator)
    with pytest.raises(ValueError, match="has no points"):
        view(Effects(), Pool.of(TABLE[:0]), generator=generator)


def test_a_table_of_nothing_but_the_treatment_tells_no_propensity(generator: Generator) -> None:
    with pytest.raises(ValueError, match="nothing can tell who is treated"):
        Propensity()(None, Pool.of(TABLE[:, 2:3]), generator=generator)


def test_a_third_treatment_is_refused(generator: Generator) -> None:
    for view in (Causal(mu_bald, num_hypotheses=3), Propensity()):
        look = view(Effects(), POOL, generator=generator)
        with pytest.raises(ValueError, match=r"are -1.0 or 2.0, but one is 0.5"):
            look(torch.full((1, 4), 0.5))


@pytest.mark.parametrize("kind", ["classes", "amounts"])
def test_beliefs_about_anything_but_one_amount_are_refused(kind: str, generator: Generator) -> None:
    with pytest.raises(ValueError, match=r"effects are differences of one amount.*use bald"):
        POOL.scan(Causal(mu_bald, num_hypotheses=3)(Effects(kind), POOL, generator=generator))


def test_their_text_is_their_settings() -> None:
    assert repr(Causal(mu_rho_bald, 2)) == "Causal(score=mu_rho_bald, treatment=2, num_hypotheses=100)"
    assert repr(Propensity()) == "Propensity(treatment=None)"
