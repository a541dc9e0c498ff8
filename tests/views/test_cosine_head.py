"""Directions trained on labels: of length 1, alike within a class, and without a trace in the belief."""

from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import normalize

from bayesal.data.pool import Pool
from bayesal.likelihoods import Likelihood, bernoulli, categorical, dense_categorical, gaussian
from bayesal.networks import MLP
from bayesal.posteriors import MCDropout
from bayesal.representations import ntk
from bayesal.views import CosineHead, Embedded, Inputs
from bayesal.views.cosine_head import HEAD, CosineHeadLook

N, L = 200, 40
BRIEF = replace(HEAD, max_epochs=2)


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


class Shown:
    """A belief that shows its inputs as features, and may predict."""

    def __init__(self, likelihood: Likelihood = categorical, outputs: tuple[int, ...] = (3,)) -> None:
        self.likelihood = likelihood
        self.outputs = outputs

    def embed(self, inputs: Tensor, /) -> Tensor:
        return inputs


class Predicts(Shown):
    def draw(self, num_hypotheses: int, *, generator: Generator):
        return lambda inputs: self.likelihood(torch.zeros(len(inputs), num_hypotheses, *self.outputs))


def classes() -> tuple[Tensor, Tensor]:
    """Three classes that differ a little in two numbers, beside 10 that say nothing and are larger; off centre."""
    labels = torch.arange(N) % 3
    points = 5 + torch.randn(N, 12, generator=seed(1))
    centres = torch.tensor([[0.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    points[:, :2] = 0.3 * centres[labels] + 0.03 * torch.randn(N, 2, generator=seed(2))
    return points, labels


def pool_of(points: Tensor, labels: Tensor, known: int = L, chunk_size: int = 64) -> Pool:
    answers = [label.numpy() if label.ndim else label.item() for label in labels[:known]]
    return Pool.of(points, labels=dict(enumerate(answers)), chunk_size=chunk_size, progress=False)


def look_of(pool: Pool, belief=None, view: CosineHead | None = None, number: int = 0) -> CosineHeadLook:
    return (view or CosineHead())(belief or Shown(), pool, generator=seed(number))


def margin(rows: Tensor, labels: Tensor) -> float:
    """The mean cosine within a class minus that between classes."""
    rows = normalize(rows.double())
    cosines, same = rows @ rows.T, labels[:, None] == labels
    same_others = same & ~torch.eye(len(rows), dtype=torch.bool)
    return float(cosines[same_others].mean() - cosines[~same].mean())


def test_points_not_seen_are_nearer_to_their_class_than_raw_features_are():
    points, labels = classes()
    look = look_of(pool_of(points, labels))
    rows = look(points)
    assert rows.shape == (N, 16)
    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(N))
    centred = points - points.mean(0)
    assert margin(rows[L:], labels[L:]) > max(margin(points[L:], labels[L:]), margin(centred[L:], labels[L:])) + 0.3
    logits = look.head(look.scale(points))
    assert bool((logits[:L].argmax(1) == labels[:L]).all())
    assert float((logits[L:].argmax(1) == labels[L:]).double().mean()) > 0.9
    centres = next(look.head[1].parameters())
    torch.testing.assert_close(logits, rows.double() @ normalize(centres).T / 0.1, atol=1e-5, rtol=1e-5)


def test_equal_generators_give_equal_rows_and_nothing_else_is_drawn():
    points, labels = classes()
    pool, view = pool_of(points, labels), CosineHead(training=BRIEF)
    before = torch.get_rng_state()
    rows = pool.scan(look_of(pool, view=view))
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert torch.equal(pool.scan(look_of(pool, view=view)), rows)
    assert not torch.equal(pool.scan(look_of(pool, view=view, number=1)), rows)
    chunks = pool_of(points, labels, chunk_size=7)
    torch.testing.assert_close(chunks.scan(look_of(chunks, view=view)), rows)
    assert look_of(pool, view=view)(points[:0]).shape == (0, 16)


def test_the_belief_stays_as_it_is():
    points, labels = classes()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MLP(12, 3, hidden=(8,), dropout=0.5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    training, requires = network.training, [p.requires_grad for p in network.parameters()]
    rows = look_of(pool_of(points, labels), MCDropout(network), CosineHead(width=4, training=BRIEF))(points)
    assert rows.shape == (N, 4)
    assert not rows.requires_grad
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert network.training == training
    assert [p.requires_grad for p in network.parameters()] == requires
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize("whole", [False, True])
def test_amounts_are_told_from_directions(whole: bool):
    points, _ = classes()
    amounts = 100 + 50 * points[:, 2]
    labels = amounts.round().long() if whole else amounts.double()
    look = look_of(pool_of(points, labels), Predicts(gaussian, (2,)) if whole else Shown())
    assert isinstance(look.head[1], nn.Linear)
    torch.testing.assert_close(look(points).norm(dim=1), torch.ones(N))
    standardised = (amounts - amounts[:L].mean()) / amounts[:L].std(correction=0)
    assert float((look.head(look.scale(points))[:L, 0] - standardised[:L]).square().mean()) < 0.1


def test_several_labels_have_a_logit_each():
    points, _ = classes()
    labels = (points[:, 2:4] > 5).long()
    for belief in (Shown(), Predicts(bernoulli, (2,))):
        look = look_of(pool_of(points, labels), belief, CosineHead(training=replace(HEAD, max_epochs=8)))
        said = look.head(look.scale(points))[:L] > 0
        assert bool((said == labels[:L].bool()).all())


def test_only_classes_that_are_labelled_count():
    points, labels = classes()
    look = look_of(pool_of(points, labels * 4), Predicts(categorical, (10,)), CosineHead(training=BRIEF))
    assert look.head(look.scale(points)).shape == (N, 3)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_the_scale_of_features_does_not_matter_nor_does_their_type(dtype: torch.dtype):
    points, labels = classes()
    rows = look_of(pool_of(points.double(), labels), view=CosineHead(training=BRIEF))(points.double())
    assert rows.dtype == torch.float64
    scaled = (points.double() * 64 - 512).to(dtype)
    found = look_of(pool_of(scaled, labels), view=CosineHead(training=BRIEF))(scaled)
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    tolerance = 0.2 if dtype == torch.float16 else 1e-3
    torch.testing.assert_close(found.double(), rows, atol=tolerance, rtol=0)


def test_constant_features_have_one_direction_and_copies_the_same():
    points, labels = classes()
    same = 1e6 + 0.1 * torch.ones(N, 5)
    same[::2] = torch.nextafter(same[::2], torch.tensor(torch.inf))  # rounding, not information
    rows = look_of(pool_of(same, labels), view=CosineHead(training=BRIEF))(same)
    torch.testing.assert_close(rows, rows[:1].expand_as(rows), atol=0.2, rtol=0)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(N))
    twice = points[torch.arange(N) % 10]
    rows = look_of(pool_of(twice, labels), view=CosineHead(training=BRIEF))(twice)
    torch.testing.assert_close(rows[:10].repeat(20, 1), rows)


def test_what_it_cannot_learn_from_gets_a_sentence():
    points, labels = classes()
    with pytest.raises(ValueError, match="nothing is labelled yet, so a head has nothing to learn from"):
        look_of(pool_of(points, labels, 0))
    for same in (torch.ones(N).long(), torch.full((N,), 2.5), torch.ones(N, 2).long()):
        with pytest.raises(ValueError, match="the labels of all 5 labelled points are equal"):
            look_of(pool_of(points, same, 5))
    maps = torch.zeros(N, 2, 2).long()
    maps[0] = 1
    with pytest.raises(ValueError, match="is a map of them"):
        look_of(pool_of(points, maps))
    with pytest.raises(ValueError, match="is a map of them"):
        look_of(pool_of(points, labels), Predicts(dense_categorical, (3, 2, 2)))
    with pytest.raises(ValueError, match=r"amounts need one number a point, but the labels are \(40, 2\)"):
        look_of(pool_of(points, points[:, :2]), Predicts(gaussian, (2,)))
    broken = points.clone()
    broken[3, 2] = torch.nan
    with pytest.raises(ValueError, match="those of 1 of 40 points are not"):
        look_of(pool_of(broken, labels))
    with pytest.raises(ValueError, match=r"features of shape \(N, D\), but these are torch.int64"):
        look_of(pool_of(points.long(), labels))
    with pytest.raises(ValueError, match="shows no features"):
        look_of(pool_of(points, labels), "nothing")


def test_views_that_are_no_plain_features_and_settings_out_of_range_are_refused():
    points, labels = classes()
    with pytest.raises(ValueError, match="trained on plain rows of features"):
        look_of(pool_of(points, labels), view=CosineHead(features=Inputs(ntk())))
    packed = CosineHead(features=Embedded(lambda logits, features: features))
    with pytest.raises(ValueError, match="trained on plain rows of features"):
        look_of(pool_of(points, labels), MCDropout(MLP(12, 3, hidden=(4,), dropout=0.5)), packed)
    with pytest.raises(ValueError, match="width must be at least 2, for directions to differ, but it is 1"):
        CosineHead(width=1)
    for temperature in (0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="temperature must be a number above 0"):
            CosineHead(temperature=temperature)
    assert look_of(pool_of(points, labels), view=CosineHead(features=Inputs(), training=BRIEF))(points).shape == (N, 16)
    assert repr(CosineHead()).startswith(
        "CosineHead(width=16, temperature=0.1, features=Features(), training=Training("
    )
