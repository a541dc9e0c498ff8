"""Deep kernels: the process is the head's, the features are the network's, and far points stay unknown."""

from functools import partial

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, Normal

from bayesal.data.pool import Pool
from bayesal.learning import (
    BinaryCrossEntropy,
    CrossEntropy,
    GaussianLoss,
    SquaredLoss,
    Staged,
    Training,
)
from bayesal.networks import MLP, ResidualMLP, soft_spectral_norm
from bayesal.posteriors.deep_kernel_gp import DeepKernelGP, DeepKernelGPOfAmounts
from bayesal.testing import check_posterior
from bayesal.types import Embeds, Moments

TRAINING = Training(max_epochs=5, epoch_size=256, progress=False)


def seed(number: int) -> Generator:
    return Generator().manual_seed(number)


def network(outputs: int) -> nn.Module:
    return soft_spectral_norm(ResidualMLP(2, outputs, width=16, depth=2, dropout=0.1))


@pytest.fixture(scope="module")
def data():
    inputs = torch.randn(60, 2, generator=seed(0))
    classes = (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0.5).long()
    return inputs, classes, 100 + 30 * inputs[:, 0]


def learned(inputs: Tensor, labels: Tensor, outputs: int, loss, **settings):
    pool = Pool.of(inputs, labels=dict(enumerate(labels.tolist())))
    fit = partial(DeepKernelGP.fit, num_steps=40, num_frequencies=512, **settings)
    return Staged(network=partial(network, outputs), fit=fit, loss=loss, training=TRAINING)(pool, seed(1))


@pytest.fixture(scope="module")
def classifier(data):
    return learned(data[0], data[1], 3, CrossEntropy())


@pytest.fixture(scope="module")
def regressor(data):
    return learned(data[0], data[2], 1, SquaredLoss())


def test_the_beliefs_keep_the_laws(data, classifier, regressor):
    for belief in (classifier, regressor):
        check_posterior(belief, data[0][:9])
        check_posterior(belief, data[0][:9].double())
        assert isinstance(belief, Embeds)
        assert belief.draw(1, generator=seed(0))(data[0][:0]).batch_shape == (0, 1)
    assert isinstance(regressor, Moments)
    assert not isinstance(classifier, Moments)


def test_a_moving_network_keeps_the_laws_and_learns(data):
    classifier = learned(data[0], data[1], 3, CrossEntropy(), joint=True)
    regressor = learned(data[0], data[2], 1, SquaredLoss(), joint=True)
    check_posterior(classifier, data[0][:9])
    check_posterior(regressor, data[0][:9])
    assert (classifier.draw(50, generator=seed(0))(data[0]).probs.mean(1).argmax(-1) == data[1]).float().mean() > 0.8
    assert (regressor.mean(data[0]) - data[2]).abs().mean() < 10
    assert not any(module.training for module in classifier.rows.first.modules())


def test_the_belief_is_the_process_on_the_networks_features(data):
    inputs, labels, _ = data
    net = MLP(2, 3, hidden=(8,)).eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    belief = DeepKernelGP.fit(net, inputs, labels, loss=CrossEntropy(), generator=seed(0), num_steps=5)
    features = net.body(inputs).detach()
    torch.testing.assert_close(belief.embed(inputs), features)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.head.weight.requires_grad
    mean_distance = torch.pdist(features).mean()
    assert 0.5 < belief.parts[0].kernel.lengths[0, 0] / mean_distance < 2  # where it starts; 5 steps move little
    drawn = belief.draw(3, generator=seed(2))
    values = sum(path(features.double()) for path in drawn.paths)
    torch.testing.assert_close(drawn(inputs).probs, values.permute(1, 2, 0).softmax(-1).float(), atol=1e-5, rtol=0)
    with torch.no_grad():
        net.head.weight.zero_()
        net.body[0].weight.zero_()  # the belief is a copy
    torch.testing.assert_close(belief.embed(inputs), features)


def test_draws_of_amounts_have_the_closed_form_moments(data, regressor):
    others = torch.randn(5, 2, generator=seed(4))
    drawn = regressor.draw(4_000, generator=seed(0))(others)
    size = regressor.variance(others).max().item()
    torch.testing.assert_close(drawn.loc.mean(1), regressor.mean(others), atol=0.1 * size**0.5, rtol=0)
    torch.testing.assert_close(torch.cov(drawn.loc), regressor.covariance(others, others), atol=0.1 * size, rtol=0)
    torch.testing.assert_close(regressor.variance(others), regressor.covariance(others, others).diagonal())
    assert (regressor.mean(data[0]) - data[2]).abs().mean() < 5  # labels run over ± 60


def test_what_is_far_is_unknown(data, regressor):
    near = regressor.variance(data[0]).mean()
    far = regressor.variance(torch.tensor([[30.0, 0.0], [0.0, -30.0], [-30.0, 30.0]])).min()
    assert far > 5 * near


@pytest.mark.parametrize(
    ("inputs", "labels", "outputs"),
    [
        (torch.ones(1, 2), torch.tensor([1]), 3),
        (torch.randn(6, 2), torch.full((6,), 2), 3),
        (torch.zeros(5, 2), torch.tensor([0, 1, 0, 1, 1]), 2),
        (torch.randn(12, 2), torch.arange(12) % 10, 10),
        (torch.ones(1, 2), torch.tensor([5.0]), 1),
        (torch.randn(6, 2), torch.full((6,), 7.0), 1),
    ],
    ids=["1 label", "1 class", "same points", "12 of 10", "1 amount", "same amounts"],
)
@pytest.mark.parametrize("joint", [False, True])
def test_a_few_odd_labels_are_enough(inputs: Tensor, labels: Tensor, outputs: int, joint: bool):
    loss = SquaredLoss().fit(labels) if outputs == 1 else CrossEntropy()
    settings = {"joint": joint, "num_steps": 5, "generator": seed(0)}
    belief = DeepKernelGP.fit(network(outputs).eval(), inputs, labels, loss=loss, **settings)
    drawn = belief.draw(2, generator=seed(0))(torch.randn(4, 2, generator=seed(1)))
    assert isinstance(drawn, Normal if outputs == 1 else Categorical)
    assert isinstance(belief, DeepKernelGPOfAmounts) == (outputs == 1)
    assert drawn.batch_shape == (4, 2)


def test_other_losses_and_networks_and_bad_inputs_are_refused(data, classifier):
    inputs, labels, _ = data
    for loss in (GaussianLoss(), BinaryCrossEntropy()):
        with pytest.raises(ValueError, match=f"not {type(loss).__name__}"):
            DeepKernelGP.fit(network(3), inputs, labels, loss=loss, generator=seed(0))
    with pytest.raises(ValueError, match="take the part of it that ends in the logits"):
        DeepKernelGP.fit(
            nn.Sequential(nn.Linear(2, 3), nn.Softmax(-1)), inputs, labels, loss=CrossEntropy(), generator=seed(0)
        )
    with pytest.raises(ValueError, match="num_hypotheses is 0"):
        classifier.draw(0, generator=seed(0))
    with pytest.raises(ValueError, match="must have the shape"):
        classifier.embed(torch.randn(3, 3))
    with pytest.raises(ValueError, match="1 of 2 points hold NaN"):
        classifier.embed(torch.tensor([[0.0, torch.nan], [0.0, 0.0]]))
