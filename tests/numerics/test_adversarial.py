"""Small perturbations that change a label: worked numbers, linear classifiers exactly, a plain loop."""

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal.numerics.adversarial import bim, deepfool

W = torch.tensor([[1, 0], [-0.5, 1], [0, -1]], dtype=torch.float64)
B = torch.tensor([0.2, 0, -0.1], dtype=torch.float64)
X = torch.tensor([[0.6, 0.1]], dtype=torch.float64)


def worked(points: Tensor) -> Tensor:
    return points @ W.T.to(points) + B.to(points)


def small_network(classes: int = 3, features: int = 4) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(features, 16), nn.Tanh(), nn.Linear(16, classes)).double().eval()


def points(n: int = 20, features: int = 4) -> Tensor:
    return torch.randn(n, features, dtype=torch.float64, generator=Generator().manual_seed(1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_worked_deepfool(dtype: torch.dtype):
    found = deepfool(worked, X.to(dtype))
    assert found.squared.item() == pytest.approx(0.307692, rel=3e-6)
    assert (found.steps.item(), found.flipped.item()) == (1, True)
    assert worked(X).tolist()[0] == pytest.approx([0.8, -0.2, -0.2])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_worked_bim(dtype: torch.dtype):
    found = bim(worked, X.to(dtype))
    assert (found.steps.item(), found.flipped.item()) == (9, True)
    assert found.perturbations[0].tolist() == pytest.approx([-0.45, 0.4], rel=1e-5)
    assert found.squared.item() == pytest.approx(0.3625, rel=1e-5)


def test_of_a_linear_classifier_deepfool_is_the_exact_distance():
    generator = Generator().manual_seed(2)
    weights, biases = torch.randn(5, 3, generator=generator).double(), torch.randn(5, generator=generator).double()
    given = torch.randn(30, 3, generator=generator).double()
    found = deepfool(lambda x: x @ weights.T + biases, given)
    for point, squared in zip(given.tolist(), found.squared.tolist(), strict=True):
        f = [sum(w * x for w, x in zip(row, point, strict=True)) + b
             for row, b in zip(weights.tolist(), biases.tolist(), strict=True)]  # fmt: skip
        c = max(range(5), key=f.__getitem__)
        apart = [sum((a - b) ** 2 for a, b in zip(weights[k].tolist(), weights[c].tolist(), strict=True))
                 for k in range(5)]  # fmt: skip
        assert squared == pytest.approx(min((f[c] - f[k]) ** 2 / apart[k] for k in range(5) if k != c), rel=1e-9)
    assert found.steps.tolist() == [1] * 30


def one_deepfool(network: nn.Module, x: Tensor, overshoot: float, steps: int) -> tuple[float, bool]:
    """A loop over steps and classes, one point."""
    label, r = int(network(x[None]).argmax()), torch.zeros_like(x)
    for _ in range(steps):
        at = (x + (1 + overshoot) * r).requires_grad_()
        f = network(at[None])[0]
        if int(f.argmax()) != label:
            return float(r @ r), True
        best = None
        for other in range(len(f)):
            if other != label:
                (w,) = torch.autograd.grad(f[other] - f[label], at, retain_graph=True)
                distance = float((f[label] - f[other]).detach()) / float(w.norm())
                if best is None or distance < best[0]:
                    best = (distance, w)
        assert best is not None
        r = r + best[0] * best[1] / best[1].norm()
    return float(r @ r), int(network((x + (1 + overshoot) * r)[None]).argmax()) != label


@pytest.mark.parametrize("steps", [1, 2, 50])
def test_deepfool_agrees_with_a_loop_over_points_and_classes(steps: int):
    network = small_network()
    found = deepfool(network, points(), max_steps=steps)
    expected = [one_deepfool(network, x, 0.02, steps) for x in points()]
    assert found.flipped.tolist() == [flipped for _, flipped in expected]
    assert found.squared.tolist() == pytest.approx([squared for squared, _ in expected], rel=1e-8)


@pytest.mark.parametrize("steps", [1, 5, 200])
def test_bim_agrees_with_a_loop_over_points(steps: int):
    network = small_network()
    found = bim(network, points(), step=0.03, max_steps=steps)
    for x, squared, flipped in zip(points(), found.squared.tolist(), found.flipped.tolist(), strict=True):
        label, r = network(x[None]).argmax(1), torch.zeros_like(x)
        for _ in range(steps):
            at = (x + r).requires_grad_()
            f = network(at[None])
            if int(f.argmax()) != int(label):
                break
            (gradient,) = torch.autograd.grad(nn.functional.cross_entropy(f, label), at)
            r = r + 0.03 * gradient.sign()
        assert squared == pytest.approx(float(r @ r), rel=1e-9)
        assert flipped == (int(network((x + r)[None]).argmax()) != int(label))


def test_a_point_that_is_certain_is_moved_as_any_other():
    certain = bim(lambda x: 1000 * worked(x), X.float())
    assert certain.perturbations[0].tolist() == pytest.approx([-0.45, 0.4], rel=1e-5)


def test_the_label_has_changed_where_it_is_said_to_have():
    network = small_network()
    for found, factor in ((deepfool(network, points()), 1.02), (bim(network, points()), 1.0)):
        changed = network(points() + factor * found.perturbations).argmax(1) != network(points()).argmax(1)
        assert changed.tolist() == found.flipped.tolist()


def test_points_do_not_depend_on_their_batch_mates(monkeypatch: pytest.MonkeyPatch):
    network = small_network()
    for attack in (deepfool, bim):
        whole = attack(network, points())
        alone = torch.cat([attack(network, x[None]).squared for x in points()])
        torch.testing.assert_close(whole.squared, alone, rtol=1e-9, atol=1e-12)
        monkeypatch.setattr("bayesal.numerics.adversarial.ELEMENTS", 40)
        torch.testing.assert_close(attack(network, points()).squared, alone, rtol=1e-9, atol=1e-12)


def test_images_two_classes_and_no_points():
    network = nn.Sequential(nn.Flatten(), small_network(2, 12))
    images = points(6, 12).view(6, 3, 2, 2)
    flat = deepfool(small_network(2, 12), points(6, 12))
    assert deepfool(network, images).perturbations.shape == images.shape
    torch.testing.assert_close(deepfool(network, images).squared, flat.squared)
    assert bim(network, images).squared.shape == (6,)
    assert len(deepfool(network, images[:0]).squared) == len(bim(network, images[:0]).steps) == 0


def test_a_point_that_cannot_move_stays_and_one_on_the_boundary_is_there():
    still = deepfool(lambda x: torch.stack([x.sum(1) * 0 + 1, x.sum(1) * 0], 1), points(3), max_steps=4)
    assert (still.squared.tolist(), still.flipped.tolist(), still.steps.tolist()) == ([0] * 3, [False] * 3, [4] * 3)
    there = deepfool(lambda x: torch.stack([x[:, 0], x[:, 0]], 1), points(3))
    assert (there.squared.tolist(), there.flipped.tolist(), there.steps.tolist()) == ([0] * 3, [True] * 3, [0] * 3)
    held = bim(lambda x: torch.stack([x.sum(1) * 0 + 1, x.sum(1) * 0], 1), points(3), max_steps=4)
    assert (held.squared.tolist(), held.flipped.tolist()) == ([0] * 3, [False] * 3)


def test_what_cannot_be_moved_gets_a_sentence():
    with pytest.raises(ValueError, match="floating point"):
        deepfool(worked, torch.ones(2, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"two classes or more, but the logits .* \(1,\)"):
        bim(lambda x: x[:, :1], points())
    with pytest.raises(ValueError, match="logits of 20 of 20 points are not finite"):
        bim(lambda x: x * torch.nan, points())
    for call in (lambda: bim(worked, X, step=0), lambda: deepfool(worked, X, overshoot=-1.0)):
        with pytest.raises(ValueError, match="must be"):
            call()
    with pytest.raises(ValueError, match="max_steps must be at least 1"):
        bim(worked, X, max_steps=0)
