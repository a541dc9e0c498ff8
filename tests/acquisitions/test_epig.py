"""EPIG of classes: worked numbers, enumeration, and the laws of an information between labels."""

import math
import warnings
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Categorical, Independent, Normal, StudentT

from bayesal.acquisitions import bald, epig
from bayesal.numerics import class_pairs
from bayesal.testing.acquisition import examine_acquisition
from tests.oracles import FIXTURE, POOL, Point, mixture

TARGETS = [FIXTURE["t0"], FIXTURE["t1"]]
WORKED = {
    "t0": (0.142922, 0.142922, 0.00479691, 0.0585291, 0.459580),
    "t1": (0.00918141, 0.00918141, 0.000374473, 0.00363145, 0.0378356),
    "mean": (0.0760517, 0.0760517, 0.00258569, 0.0310803, 0.248708),
    "weighted": (0.109487, 0.109487, 0.00369130, 0.0448047, 0.354144),
}
seeds = st.integers(0, 2**32)
precisions = pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])


def pair_information(point: Point, target: Point) -> float:
    """I(y; y*) by enumerating the labels of both."""
    p, q = mixture(point), mixture(target)
    terms = []
    for c, d in product(range(len(p)), range(len(q))):
        joint = math.fsum(row[c] * other[d] for row, other in zip(point, target, strict=True)) / len(point)
        if joint > 0:
            terms.append(joint * math.log(joint / (p[c] * q[d])))
    return math.fsum(terms)


def of(points: list, dtype: torch.dtype = torch.float64) -> Categorical:
    return Categorical(probs=torch.tensor(points, dtype=dtype))


def draw(seed: int, n: int, k: int, c: int, sharpness: float = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, k, c, dtype=torch.float64, generator=generator).mul_(sharpness).log_softmax(-1)


def classes(logits: torch.Tensor) -> Categorical:
    return Categorical(logits=logits, validate_args=False)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(
    ("name", "targets", "weights"),
    [
        ("t0", TARGETS[:1], None),
        ("t1", TARGETS[1:], None),
        ("mean", TARGETS, None),
        ("weighted", TARGETS, (1.5, 0.5)),
        ("weighted", TARGETS, (3, 1)),
    ],
)
def test_worked_numbers_of_the_fixture(name, targets, weights, dtype):
    seen = epig(of(POOL, dtype), of(targets, dtype), None if weights is None else torch.tensor(weights))
    assert seen.dtype == dtype
    tolerance = {"rtol": 5e-6, "atol": 0} if dtype == torch.float64 else {"rtol": 0, "atol": 1e-6}
    torch.testing.assert_close(seen, torch.tensor(WORKED[name], dtype=dtype), **tolerance)


@given(
    seed=seeds,
    k=st.integers(2, 6),
    c=st.integers(1, 5),
    d=st.integers(1, 4),
    t=st.integers(1, 4),
    sharpness=st.floats(0, 30),
)
def test_random_predictions_agree_with_enumeration(seed, k, c, d, t, sharpness):
    points, targets = classes(draw(seed, 3, k, c, sharpness)), classes(draw(seed + 1, t, k, d, sharpness))
    weights = torch.rand(t, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.1
    exact = [
        math.fsum(w * pair_information(x, y) for w, y in zip(weights.tolist(), targets.probs.tolist(), strict=True))
        / math.fsum(weights.tolist())
        for x in points.probs.tolist()
    ]
    torch.testing.assert_close(epig(points, targets, weights).tolist(), exact, rtol=1e-9, atol=1e-11)


@given(seed=seeds, k=st.integers(2, 8), c=st.integers(1, 8), t=st.integers(1, 4), sharpness=st.floats(0, 100))
def test_a_label_tells_at_most_what_either_side_knows_of_the_hypotheses(seed, k, c, t, sharpness):
    """The data processing inequality: y - w - y*."""
    points, targets = classes(draw(seed, 5, k, c, sharpness)), classes(draw(seed + 1, t, k, c, sharpness))
    scores = epig(points, targets)
    assert (scores >= 0).all()
    assert (scores <= bald(points) + 1e-12).all()
    assert (scores <= bald(targets).mean() + 1e-12).all()


@given(seed=seeds)
def test_points_and_targets_tell_the_same_about_each_other(seed):
    a, b = draw(seed, 1, 5, 4), draw(seed + 1, 1, 5, 3)
    torch.testing.assert_close(epig(classes(a), classes(b)), epig(classes(b), classes(a)), rtol=1e-10, atol=1e-14)


def test_a_label_that_tells_the_hypothesis_tells_all_the_target_knows_of_it():
    targets = of(TARGETS)
    seen = torch.cat([epig(of([FIXTURE["x4"]]), of([target])) for target in TARGETS])
    torch.testing.assert_close(seen, bald(targets), rtol=1e-12, atol=1e-14)


@precisions
def test_agreeing_hypotheses_at_either_side_are_worth_nothing(dtype, tolerance):
    agree, differ = draw(0, 6, 1, 4).expand(6, 7, 4).to(dtype), draw(1, 6, 7, 4).to(dtype)
    for points, targets in ((agree, differ), (differ, agree), (agree, agree)):
        scores = epig(classes(points), classes(targets))
        assert (scores >= 0).all()
        torch.testing.assert_close(scores, torch.zeros(6, dtype=dtype), rtol=0, atol=tolerance)


@precisions
def test_what_depends_on_other_parts_of_the_hypothesis_tells_nothing(dtype, tolerance):
    """12 hypotheses as a 3 × 4 grid: the points see the row, the targets the column."""
    points = draw(0, 5, 3, 4).repeat_interleave(4, dim=1).to(dtype)
    targets = draw(1, 5, 4, 4).repeat(1, 3, 1).to(dtype)
    scores = epig(classes(points), classes(targets))
    torch.testing.assert_close(scores, torch.zeros(5, dtype=dtype), rtol=0, atol=tolerance)


def test_hypotheses_have_names_that_points_and_targets_share():
    points, targets = draw(0, 4, 6, 3), draw(1, 5, 6, 3)
    scores, order = epig(classes(points), classes(targets)), torch.tensor([3, 1, 5, 0, 4, 2])
    torch.testing.assert_close(epig(classes(points[:, order]), classes(targets[:, order])), scores)
    assert ((epig(classes(points), classes(targets[:, order])) - scores).abs() > 1e-3).all()


def test_unrelated_certain_hypotheses_share_information_by_chance():
    """(C - 1)² / 2K to first order; 0.475 measured for C = 10 and K = 100."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(10, (2, 60, 100), generator=generator)
    points, targets = (torch.nn.functional.one_hot(x, 10).double() for x in labels)
    by_chance = float(epig(Categorical(probs=points), Categorical(probs=targets)).mean())
    assert by_chance == pytest.approx(0.475, abs=0.01)
    halves = [torch.nn.functional.one_hot(torch.randint(2, (60, 1000), generator=generator), 2) for _ in range(2)]
    by_chance = float(epig(*(Categorical(probs=x.double()) for x in halves)).mean())
    assert by_chance == pytest.approx(1 / 2000, rel=0.1)


@given(seed=seeds)
def test_the_pool_as_its_own_target_is_the_row_mean_of_pairs(seed):
    pool = draw(seed, 4, 5, 3)
    pairs = torch.stack([epig(classes(pool), classes(target[None])) for target in pool], dim=1)
    torch.testing.assert_close(epig(classes(pool), classes(pool)), pairs.mean(1))
    torch.testing.assert_close(pairs, pairs.T)


@given(seed=seeds)
def test_copies_of_hypotheses_points_and_targets_change_nothing(seed):
    points, targets = draw(seed, 4, 5, 3), draw(seed + 1, 2, 5, 3)
    scores = epig(classes(points), classes(targets))
    torch.testing.assert_close(epig(classes(points.repeat(1, 2, 1)), classes(targets.repeat(1, 2, 1))), scores)
    torch.testing.assert_close(epig(classes(points.repeat(2, 1, 1)), classes(targets)), scores.repeat(2))
    torch.testing.assert_close(epig(classes(points), classes(targets.repeat(3, 1, 1))), scores)
    doubled = epig(classes(points), classes(targets[[0, 0, 1]]))
    torch.testing.assert_close(epig(classes(points), classes(targets), torch.tensor([2, 1])), doubled)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", ["ROWS", "COLUMNS", "PREPARED", "RETAINED"])
@pytest.mark.parametrize("size", [1, 7, 60])
def test_blocks_do_not_matter(name, size, dtype, monkeypatch):
    points, targets = classes(draw(0, 7, 6, 5).to(dtype)), classes(draw(1, 4, 6, 3).to(dtype))
    weights = torch.tensor([1.0, 2.0, 0.0, 3.0])
    whole = epig(points, targets, weights)
    monkeypatch.setattr(class_pairs, name, size)
    torch.testing.assert_close(
        epig(points, targets, weights), whole, rtol=0, atol=1e-14 if dtype.itemsize == 8 else 1e-7
    )


@pytest.mark.parametrize("sharpness", [0.001, 0.1, 3, 100])
def test_single_precision_agrees_with_double_to_a_millionth(sharpness):
    points, targets = draw(0, 40, 50, 10, sharpness), draw(1, 20, 50, 10, sharpness)
    double = epig(classes(points), classes(targets))
    single = epig(classes(points.float()), classes(targets.float()))
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-6)
    assert epig(classes(points.float()), classes(targets)).dtype == torch.float64


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_single(dtype):
    points, targets = draw(0, 40, 50, 10).to(dtype), draw(1, 20, 50, 10).to(dtype)
    seen = epig(classes(points), classes(targets))
    assert seen.dtype == torch.float32
    exact = epig(classes(points.double()), classes(targets.double()))
    torch.testing.assert_close(seen.double(), exact, rtol=0, atol=2e-3)


@precisions
def test_certain_hypotheses_that_disagree_are_worth_all_there_is_to_know(dtype, tolerance):
    one_hot = torch.eye(8, dtype=dtype).expand(3, 8, 8)
    for form in (Categorical(probs=one_hot), classes(one_hot.log())):
        torch.testing.assert_close(epig(form, form), torch.full((3,), math.log(8), dtype=dtype))
    half = one_hot[:, :, :4] + one_hot[:, :, 4:]
    torch.testing.assert_close(
        epig(Categorical(probs=half), Categorical(probs=one_hot)), torch.full((3,), math.log(4), dtype=dtype)
    )


@precisions
def test_a_class_that_cannot_be_adds_nothing(dtype, tolerance):
    points, targets = draw(0, 5, 6, 3).to(dtype), draw(1, 4, 6, 3).to(dtype)
    impossible = torch.full((5, 6, 1), -torch.inf, dtype=dtype)
    scores = epig(classes(points), classes(targets))
    padded = epig(classes(torch.cat([impossible, points], dim=2)), classes(targets))
    torch.testing.assert_close(padded, scores, rtol=0, atol=tolerance)
    rare = epig(classes(torch.cat([impossible.clamp_min(-95), points], dim=2)), classes(targets))
    torch.testing.assert_close(rare, scores, rtol=0, atol=tolerance)


@pytest.mark.parametrize("zeros", [False, True])
def test_a_bernoulli_is_a_categorical_of_two_classes(zeros, generator):
    yes, no = torch.rand(2, 6, 5, dtype=torch.float64, generator=generator)
    if zeros:
        yes, no = yes.round(), no.round()
    two = [Categorical(probs=torch.stack([1 - p, p], dim=-1)) for p in (yes, no)]
    expected = epig(*two)
    torch.testing.assert_close(epig(Bernoulli(probs=yes), Bernoulli(probs=no)), expected)
    torch.testing.assert_close(epig(Bernoulli(probs=yes), two[1]), expected)
    torch.testing.assert_close(epig(two[0], Bernoulli(probs=no)), expected)


def test_many_labels_are_the_sum_over_pairs_of_labels(generator):
    points = Independent(Bernoulli(logits=torch.randn(4, 5, 3, generator=generator)), 1)
    targets = Independent(Categorical(logits=torch.randn(2, 5, 2, 6, generator=generator)), 1)
    pairs = [
        epig(Bernoulli(logits=points.base_dist.logits[:, :, i]), Categorical(logits=targets.base_dist.logits[:, :, j]))
        for i in range(3)
        for j in range(2)
    ]
    torch.testing.assert_close(epig(points, targets), torch.stack(pairs).sum(0), rtol=1e-5, atol=1e-6)


def test_a_class_without_a_rival_tells_nothing_and_cannot_be_told_of():
    targets = classes(draw(1, 4, 6, 3))
    certain = classes(draw(0, 5, 6, 1))
    for pair in ((certain, targets), (targets, certain)):
        assert epig(*pair).tolist() == pytest.approx([0] * len(pair[0].logits), abs=1e-15)


def test_an_empty_pool_has_no_scores():
    nothing = classes(torch.empty(0, 6, 4))
    assert epig(nothing, classes(draw(1, 4, 6, 3))).shape == (0,)
    labels = Independent(Bernoulli(logits=torch.empty(0, 6, 4), validate_args=False), 1)
    assert epig(labels, classes(draw(1, 4, 6, 3))).shape == (0,)


def test_a_single_hypothesis_is_zero_with_a_warning():
    with pytest.warns(UserWarning, match="draw more hypotheses"):
        scores = epig(classes(draw(0, 7, 1, 4)), classes(draw(1, 3, 1, 4)))
    torch.testing.assert_close(scores, torch.zeros(7, dtype=torch.float64), rtol=0, atol=1e-12)


def test_gradients_are_left_behind_and_predictions_alone():
    logits = draw(0, 5, 6, 3).requires_grad_()
    predictions = Categorical(logits=logits)
    before = (set(vars(predictions)), predictions.logits.clone())
    assert not epig(predictions, predictions).requires_grad
    assert set(vars(predictions)) == before[0]
    torch.testing.assert_close(predictions.logits, before[1], rtol=0, atol=0)


def test_the_laws_of_acquisitions_hold_except_that_hypotheses_are_named():
    targets = classes(draw(1, 4, 6, 3))
    findings = examine_acquisition(lambda p: epig(p, targets), tasks=("classification", "multilabel"))
    broken = {finding.law for finding in findings if not finding.passed}
    assert "order of hypotheses" in broken
    assert broken <= {"order of hypotheses", "one hypothesis"}  # one hypothesis is refused: the targets have six
    assert {"chunks", "order of points", "no points", "float32"} <= {finding.law for finding in findings}


def test_other_hypotheses_are_refused():
    with pytest.raises(ValueError, match=r"same hypotheses, but the points have 5 and the targets 6; draw"):
        epig(classes(draw(0, 4, 5, 3)), classes(draw(1, 4, 6, 3)))


def test_no_targets_are_refused():
    with pytest.raises(ValueError, match="at least one target"):
        epig(classes(draw(0, 4, 5, 3)), classes(torch.empty(0, 5, 3)))


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ([1.0, 1.0], r"one weight for each of 3 targets, but got shape \(2,\)"),
        ([[1.0, 1.0, 1.0]], r"one weight for each of 3 targets, but got shape \(1, 3\)"),
        ([1.0, -1.0, 1.0], "at least 0"),
        ([0.0, 0.0, 0.0], "not all 0"),
        ([1.0, math.nan, 1.0], "finite"),
        ([1.0, math.inf, 1.0], "finite"),
    ],
)
def test_weights_that_do_not_weigh_are_refused(weights, sentence):
    with pytest.raises(ValueError, match=sentence):
        epig(classes(draw(0, 4, 5, 3)), classes(draw(1, 3, 5, 3)), torch.tensor(weights))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("block", [1, 2**20])
def test_what_is_not_a_distribution_is_refused_with_its_point(bad, block, monkeypatch):
    monkeypatch.setattr(class_pairs, "PREPARED", block)
    monkeypatch.setattr(class_pairs, "RETAINED", block)
    holed, whole = draw(0, 7, 5, 4), classes(draw(1, 7, 5, 4))
    holed[4, 2, 1] = bad
    for form in ({"logits": holed}, {"probs": holed}):
        with pytest.raises(ValueError, match=r"for point 4 .*NaN"):
            epig(Categorical(**form, validate_args=False), whole)
        with pytest.raises(ValueError, match=r"for target point 4 .*NaN"):
            epig(whole, Categorical(**form, validate_args=False), torch.tensor([1, 1, 1, 1, 0, 1, 1]))


def test_negative_probabilities_are_refused():
    probs = draw(0, 7, 5, 4).exp()
    probs[4, 2, 1] = -0.1
    with pytest.raises(ValueError, match=r"point 4 .*below 0"):
        epig(Categorical(probs=probs, validate_args=False), classes(draw(1, 3, 5, 4)))


def test_maps_are_sent_to_what_suits_them(generator):
    maps = Independent(Categorical(logits=torch.randn(3, 5, 2, 2, 4, generator=generator)), 2)
    points = classes(draw(0, 4, 5, 3))
    for pair in ((maps, points), (points, maps), (maps.base_dist, points)):
        with pytest.raises(ValueError, match=r"maps of shape \(2, 2\).*pixels.*bald"):
            epig(*pair)


def test_numbers_and_classes_do_not_mix():
    numbers, points = Normal(torch.zeros(4, 5), 1.0), classes(draw(0, 4, 5, 3))
    for pair in ((numbers, points), (points, numbers), (points, StudentT(torch.ones(4, 5)))):
        with pytest.raises(ValueError, match="classes that tell about classes"):
            epig(*pair)


def test_predictions_without_hypotheses_are_refused():
    with pytest.raises(ValueError, match=r"axes \(points N, hypotheses K\)"):
        epig(classes(draw(0, 7, 5, 4)[:, 0]), classes(draw(0, 7, 5, 4)))
    with pytest.raises(ValueError, match=r"axes \(points N, hypotheses K\)"):
        epig(classes(draw(0, 7, 5, 4)), classes(draw(0, 7, 5, 4)[:, 0]))


def test_memory_does_not_grow_with_pairs(monkeypatch):
    """No tensor that epig makes is larger than a tile or a block of posteriors."""
    largest = 0

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                largest = max(largest, out.numel())
            return out

    for name, size in {"ROWS": 64, "COLUMNS": 64, "PREPARED": 2048, "RETAINED": 2048}.items():
        monkeypatch.setattr(class_pairs, name, size)
    points, targets = classes(draw(0, 300, 8, 4)), classes(draw(1, 200, 8, 4))
    with Watch():
        epig(points, targets)
    inputs = 300 * 8 * 4
    assert largest <= max(inputs, 2 * 64 * 64)


def test_no_warning_is_given_without_need():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        epig(classes(draw(0, 7, 2, 4)), classes(draw(1, 3, 2, 4)))
