"""Density-aware core-sets, alone and with uncertainty."""

import pytest
import torch
from torch import Generator, Tensor

import bayesal as bal
from bayesal import methods
from bayesal.networks import MLP
from bayesal.posteriors import MCDropout
from bayesal.representations import Represented, principal, unit
from bayesal.selection import DensityKCenter, KCenter, grow
from bayesal.views import CosineHead


def belief() -> MCDropout:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MCDropout(MLP(4, 3, hidden=(16,), dropout=0.5))


def pool() -> bal.Pool:
    rows = torch.randn(80, 4, generator=Generator().manual_seed(0))
    return bal.Pool.of(rows, ids=[f"p{i}" for i in range(80)], labels={"p0": 0, "p7": 1}, progress=False)


def ids(strategy, batch_size: int = 10) -> list[str]:
    return list(strategy(belief(), pool(), batch_size, generator=Generator().manual_seed(1)).ids)


def rows_of(components: int | None) -> tuple[Tensor, Tensor]:
    """Labelled and open features as the method sees them."""
    with torch.no_grad():
        known, rows = (belief().embed(pool().gather(some)) for some in (pool().labelled, pool().unlabelled))
    seen = Represented(known, rows)
    for transform in (unit(), *([principal(components)] if components else [])):
        seen = transform(seen, generator=Generator())
    return seen.known, seen.rows


@pytest.mark.parametrize("components", [32, 3, None])
def test_it_is_the_rule_on_short_features(components: int | None):
    known, rows = rows_of(components)
    expected = grow(DensityKCenter("exact"), rows, 10, given=known, generator=Generator())
    found = ids(methods.dacs(density="exact", components=components))
    assert found == pool().unlabelled[expected.positions.numpy()].tolist()


def test_with_uncertainty_first_or_last():
    wide = methods.dacs("features", "exact")
    last = ids(methods.dacs(density="exact", combine="dacs_first", beta=2))
    assert set(last) <= set(ids(wide, 20))
    first = ids(methods.dacs(density="exact", combine="uncertainty_first", beta=2))
    assert set(first) <= set(ids(methods.entropy(), 20))
    assert len(set(first)) == len(set(last)) == 10
    assert ids(methods.dacs(density="exact", combine="uncertainty_first", beta=1)) != ids(methods.entropy(), 10)


def test_with_the_head_it_is_the_rule_on_directions_as_they_are():
    generator = Generator().manual_seed(1)
    look = CosineHead()(belief(), pool(), generator=generator)
    known, rows = (look(pool().gather(some)) for some in (pool().labelled, pool().unlabelled))
    expected = grow(DensityKCenter("exact"), rows, 10, given=known, generator=generator)
    found = ids(methods.dacs(density="exact", head=True))
    assert found == pool().unlabelled[expected.positions.numpy()].tolist()
    assert found != ids(methods.dacs(density="exact"))
    assert len(set(ids(methods.dacs(head=True, combine="dacs_first")))) == 10


def test_settings_that_are_not_there_get_a_sentence():
    with pytest.raises(ValueError, match="combine is None, dacs_first or uncertainty_first, but it is 'both'"):
        methods.dacs(combine="both")
    with pytest.raises(ValueError, match="there are no features 'pixels'"):
        methods.dacs("pixels")
    with pytest.raises(ValueError, match="unit needs features"):
        ids(methods.dacs("laplace"))
    with pytest.raises(ValueError, match="a head is trained on plain rows of features"):
        ids(methods.dacs("laplace", head=True))


def test_coreset_starts_at_the_centre_and_may_see_principal_components():
    labelled, open_ = (belief().embed(pool().gather(some)).detach() for some in (pool().labelled, pool().unlabelled))
    centre = int((open_ - open_.mean(0)).square().sum(1).argmin())
    assert ids(methods.coreset(given=False))[0] == pool().unlabelled[centre]
    seen = principal(3)(Represented(labelled, open_), generator=Generator())
    expected = grow(KCenter(), seen.rows, 10, given=seen.known, generator=Generator())
    assert ids(methods.coreset(components=3)) == pool().unlabelled[expected.positions.numpy()].tolist()
    assert ids(methods.coreset(components=3)) != ids(methods.coreset(components=1))
    far = int(grow(KCenter(), open_, 1, given=labelled, generator=Generator()).positions[0])
    assert ids(methods.coreset())[0] == pool().unlabelled[far]
    assert ids(methods.coreset(outliers=1))[0] != pool().unlabelled[far]
