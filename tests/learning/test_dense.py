"""Masks as labels, from a pool of images to a belief, its scores and how good it is."""

import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal import Pool, methods
from bayesal.bench.evaluation import evaluate
from bayesal.bench.masks import confusion, mask_metrics, overlaps
from bayesal.bench.tasks import Labelled
from bayesal.learning import DenseCrossEntropy, Supervised, Temporal, Training
from bayesal.loop import Study
from bayesal.networks import SmallUNet
from bayesal.posteriors import MCDropout, TemporalNetwork
from bayesal.testing import check_posterior
from bayesal.types import Id, Label

QUICK = Training(learning_rate=2e-2, batch_size=4, epoch_size=16, max_epochs=4, patience=None, progress=False)


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def squares(n: int = 16) -> tuple[Tensor, np.ndarray]:
    """Images whose left or right half is bright, and where it is."""
    masks = np.zeros((n, 8, 12), dtype=np.int64)
    for i in range(n):
        masks[i, :, : 6 if i % 2 else None][..., -6:] = 1
    noise = torch.randn(n, 1, 8, 12, generator=seed())
    return torch.from_numpy(masks)[:, None] + 0.3 * noise, masks


def pool(known: int = 8) -> Pool:
    images, masks = squares()
    return Pool.of(images, labels={i: masks[i] for i in range(known)}, progress=False)


def test_the_loss_is_the_mean_over_pixels_in_plain_python() -> None:
    outputs = torch.randn(2, 3, 2, 2, generator=seed(), dtype=torch.float64)
    masks = torch.tensor([[[0, 1], [2, 1]], [[1, 1], [0, 0]]])
    expected, wrong = [], []
    for point, mask in zip(outputs.tolist(), masks.tolist(), strict=True):
        losses, errors = [], []
        for i in range(2):
            for j in range(2):
                z = [point[c][i][j] for c in range(3)]
                losses.append(math.log(sum(math.exp(value) for value in z)) - z[mask[i][j]])
                errors.append(z.index(max(z)) != mask[i][j])
        expected.append(sum(losses) / 4)
        wrong.append(sum(errors) / 4)
    loss = DenseCrossEntropy()
    assert loss(outputs, masks).tolist() == pytest.approx(expected)
    assert loss.error(outputs, masks).tolist() == pytest.approx(wrong)


def test_labels_that_are_no_masks_of_these_classes_are_refused() -> None:
    loss = DenseCrossEntropy()
    assert loss.prepare(torch.ones(2, 4, 4, dtype=torch.bool), 2).dtype == torch.int64
    with pytest.raises(ValueError, match=r"labels of 3 points have shape \(3,\); for one class a point use Cross"):
        loss.prepare(torch.zeros(3), 2)
    with pytest.raises(ValueError, match=r"the classes 0 \.\.\. 1 that .* stand for, but there is 255"):
        loss.prepare(torch.full((1, 2, 2), 255), 2)
    with pytest.raises(ValueError, match=r"but there is 0\.5"):
        loss.prepare(torch.full((1, 2, 2), 0.5), 2)
    with pytest.raises(ValueError, match="at least two outputs a pixel, not 1"):
        loss.prepare(torch.zeros(1, 2, 2), 1)
    with pytest.raises(ValueError, match=r"maps of the size \(4, 4\), but the masks have \(2, 2\)"):
        loss(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 2, dtype=torch.int64))


@pytest.mark.parametrize("width", [4, 8])
def test_the_network_gives_a_map_of_logits_of_the_images_size(width: int) -> None:
    network = SmallUNet(3, 2, width=width)
    assert network(torch.zeros(2, 2, 8, 12)).shape == (2, 3, 8, 12)
    with pytest.raises(ValueError, match=r"multiples of 4 to be halved twice, but it is 8 x 10; pad it"):
        network(torch.zeros(2, 2, 8, 10))


def learned(kind: str) -> MCDropout | TemporalNetwork:
    network = partial(SmallUNet, 2, width=4)
    if kind == "dropout":
        return Supervised(network, MCDropout, DenseCrossEntropy(), QUICK)(pool(), seed())
    return Temporal(network, TemporalNetwork, 4, 4, loss=DenseCrossEntropy(), training=QUICK)(pool(), seed())


@pytest.mark.parametrize("kind", ["dropout", "temporal"])
def test_masks_are_learned_and_chosen_by_every_method_for_maps(kind: str) -> None:
    belief = learned(kind)
    images, masks = squares()
    check_posterior(belief, images[:6], num_hypotheses=4)
    test = Labelled(images[8:], torch.from_numpy(masks[8:]))
    found = evaluate(belief, test, num_hypotheses=4, generator=seed())
    assert found["iou"] > 0.8
    assert found["dice"] > found["iou"]
    own = methods.tod() if kind == "temporal" else methods.bald(4)
    for strategy in (methods.entropy(4), methods.gradnorm_expected(), own):
        chosen = strategy(belief, pool(), 3, generator=seed())
        assert len(set(chosen.ids) - set(range(8))) == 3
        assert bool((chosen.scores > 0).all())


class PerPixel(nn.Module):
    """A little network for maps, differentiated by autograd below."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(1, 3, 3, padding=1)
        self.head = nn.Conv2d(3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).relu())


def test_the_gradient_norm_of_a_map_is_that_of_its_mean_entropy() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = PerPixel().double()
    images = squares()[0].double()
    belief = TemporalNetwork(network, network.state_dict())
    chosen = methods.gradnorm_expected()(belief, Pool.of(images, progress=False), 16, generator=seed())
    for position, score in zip(chosen.positions.tolist(), chosen.scores.tolist(), strict=True):
        log_p = network(images[position][None]).log_softmax(1)
        entropy = -(log_p.exp() * log_p).sum(1).mean()
        gradients = torch.autograd.grad(entropy, list(network.parameters()))
        assert score == pytest.approx(sum(float(gradient.norm()) for gradient in gradients))


def test_overlaps_in_plain_python() -> None:
    masks = torch.tensor([[[0, 0, 1], [1, 1, 2]]])
    chosen = torch.tensor([[[0, 1, 1], [1, 2, 2]]])
    counts = confusion(chosen, masks, 4)
    assert counts.tolist() == [[1, 1, 0, 0], [0, 2, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    found = overlaps(counts)
    assert found["iou"] == pytest.approx((1 / 2 + 2 / 4 + 1 / 2) / 3)
    assert found["dice"] == pytest.approx((2 / 3 + 4 / 6 + 2 / 3) / 3)
    sure = torch.nn.functional.one_hot(chosen, 4).double() * 50
    whole = mask_metrics(sure.log_softmax(-1), masks)
    assert whole["accuracy"] == pytest.approx(4 / 6)
    assert whole["nll"] == pytest.approx(50 * 2 / 6)
    assert math.isnan(overlaps(torch.zeros(2, 2, dtype=torch.int64))["iou"])


def test_a_study_of_masks_asks_by_discrepancy_and_continues(tmp_path: Path) -> None:
    images, masks = squares()
    learner = Temporal(
        partial(SmallUNet, 2, width=4), TemporalNetwork, 4, 3, loss=DenseCrossEntropy(), training=QUICK, weight=0.0
    )

    def run(folder: str, *budgets: int) -> list[Id]:
        labels: dict[Id, Label] = {}
        for budget in budgets:
            pool = Pool.of(images, progress=False)
            with Study.open(tmp_path / folder, pool=pool, learner=learner, method=methods.tod()) as study:
                study.run(lambda ids: {i: masks[i] for i in ids}, first=4, batch_size=3, budget=budget)
                labels = study.labels
        assert len(labels) == 10
        assert all(np.array_equal(label, masks[i]) for i, label in labels.items())
        return list(labels)

    assert run("one", 10) == run("two", 7, 10)
