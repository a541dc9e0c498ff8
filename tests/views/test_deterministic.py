"""A network's own answers and margins, as views and as methods; DeepAL+'s worked uncertainties."""

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.distributions import Categorical

from bayesal import acquisitions
from bayesal.data.pool import Pool
from bayesal.likelihoods import bernoulli, gaussian
from bayesal.methods.adversarial import adversarial_bim, adversarial_deepfool
from bayesal.methods.deterministic import softmax_entropy, softmax_least_confidence, softmax_margin
from bayesal.networks import MLP, SmallCNN
from bayesal.numerics.adversarial import deepfool
from bayesal.posteriors import DeepEnsemble, MCDropout
from bayesal.views.adversarial import AdversarialMargin
from bayesal.views.deterministic import Deterministic

METHODS = (softmax_entropy, softmax_least_confidence, softmax_margin, adversarial_deepfool, adversarial_bim)
each_method = pytest.mark.parametrize("method", METHODS)

ROWS = torch.tensor([[0.7, 0.2, 0.1], [0.34, 0.33, 0.33], [0.98, 0.01, 0.01]], dtype=torch.float64)
DROPPED = torch.tensor(
    [
        [[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.6, 0.1, 0.3]],
        [[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]],
    ],
    dtype=torch.float64,
)


def seed() -> Generator:
    return Generator().manual_seed(0)


def network(outputs: int = 3, number: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(number)
        return MLP(4, outputs, hidden=(8,), dropout=0.5)


def points(n: int = 24) -> Tensor:
    return torch.randn(n, 4, generator=Generator().manual_seed(3)) * torch.tensor([1.0, 10.0, 0.1, 1.0])


def pool_of(inputs: Tensor | None = None, chunk_size: int = 64) -> Pool:
    inputs = points() if inputs is None else inputs
    return Pool.of(inputs, labels={i: i % 2 for i in range(4)}, chunk_size=chunk_size, progress=False)


class Answers:
    """A belief whose network says these log-probabilities, whatever the point."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self.state: dict[str, Tensor] = {}

    def forward(self, state: dict[str, Tensor], inputs: Tensor, /) -> Tensor:
        return self.logits[inputs[:, 0].long()]


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (acquisitions.entropy, (0.801819, 1.09851, 0.111902)),
        (acquisitions.margin, (1 - 0.5, 1 - 0.01, 1 - 0.97)),
        (acquisitions.least_confidence, (0.3, 0.66, 0.02)),
    ],
)
def test_worked_numbers_of_a_network_itself(score, expected):
    look = Deterministic(score)(Answers(ROWS.log()), pool_of(torch.arange(6.0)[:, None] % 3), generator=seed())
    seen = look(torch.arange(3.0)[:, None])
    torch.testing.assert_close(seen, torch.tensor(expected, dtype=torch.float64), rtol=5e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (acquisitions.bald, (0.0404648, 0.419294)),
        (acquisitions.entropy, (0.950271, 1.08053)),
        (acquisitions.mean_std, (0.0816497, 0.309422)),
        (acquisitions.variation_ratio, (0.0, 0.666667)),
    ],
)
def test_worked_numbers_over_dropout(score, expected):
    seen = score(Categorical(logits=DROPPED.log()))
    torch.testing.assert_close(seen, torch.tensor(expected, dtype=torch.float64), rtol=5e-6, atol=1e-9)


def test_nothing_is_dropped_and_certain_answers_are_no_nan():
    belief = MCDropout(network())
    look = Deterministic(acquisitions.entropy)(belief, pool_of(), generator=seed())
    p = belief.network.eval()(points()).softmax(1)
    torch.testing.assert_close(look(points()), -(p * p.log()).sum(1), rtol=1e-5, atol=1e-6)
    certain = Deterministic(acquisitions.entropy)(
        Answers(torch.tensor([[2000.0, 0, 0]])), pool_of(torch.zeros(6, 1)), generator=seed()
    )
    assert certain(torch.zeros(2, 1)).tolist() == [0, 0]
    assert look(points()[:0]).shape == (0,)


def test_one_logit_is_two_classes_and_several_networks_are_their_mean():
    one = Answers(torch.tensor([[1.5], [0.0], [-3.0]]))
    look = Deterministic(acquisitions.least_confidence)(one, pool_of(torch.arange(6.0)[:, None] % 3), generator=seed())
    expected = torch.minimum(one.logits.sigmoid(), (-one.logits).sigmoid())[:, 0]
    torch.testing.assert_close(look(torch.arange(3.0)[:, None]), expected)
    networks = [network(number=k).eval() for k in (1, 2)]
    look = Deterministic(acquisitions.least_confidence)(DeepEnsemble(networks), pool_of(), generator=seed())
    mean = torch.stack([n(points()).softmax(1) for n in networks]).mean(0)
    torch.testing.assert_close(look(points()), 1 - mean.amax(1), rtol=1e-5, atol=1e-6)


@each_method
def test_every_method_chooses_whatever_the_chunks_and_the_batch(method):
    belief = DeepEnsemble([network(number=1), network(number=2)])
    chosen = [method()(belief, pool_of(chunk_size=c), 6, generator=seed()) for c in (9, 64)]
    assert list(chosen[0].ids) == list(chosen[1].ids)
    assert len(set(chosen[0].ids)) == 6
    assert bool((chosen[0].scores.diff() <= 0).all())
    belief = MCDropout(network(2))
    assert len(method()(belief, pool_of(), 20, generator=seed())) == 20
    assert len(method()(belief, pool_of(), 0, generator=seed())) == 0
    with pytest.raises(ValueError, match="only 20"):
        method()(belief, pool_of(), 21, generator=seed())


@each_method
def test_other_beliefs_and_labels_get_a_sentence(method):
    class Silent:
        def draw(self, num_hypotheses: int, *, generator: Generator) -> None: ...

    with pytest.raises(ValueError, match="Silent has no network"):
        method()(Silent(), pool_of(), 2, generator=seed())
    for likelihood in (bernoulli, gaussian):
        with pytest.raises(ValueError, match="one label among classes"):
            method()(MCDropout(network(2), likelihood), pool_of(), 2, generator=seed())


def test_margins_are_in_standard_deviations_of_the_pool_or_in_units_of_the_inputs():
    belief = MCDropout(network())
    own = AdversarialMargin(standardise=False)(belief, pool_of(), generator=seed())(points())
    still = belief.network.eval()
    torch.testing.assert_close(own[:, 0], deepfool(still, points()).squared, rtol=1e-4, atol=1e-9)
    scale = points().double().std(0, correction=0).float()
    scaled = deepfool(lambda x: still(x * scale), points() / scale).squared
    seen = AdversarialMargin()(belief, pool_of(), generator=seed())(points())
    torch.testing.assert_close(seen[:, 0], scaled, rtol=1e-3, atol=1e-7)
    assert bool(((seen[:, 1] == 0) | (seen[:, 1] == 1)).all())


def test_images_whole_numbers_and_points_that_are_no_tensor():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        belief = MCDropout(SmallCNN(3, 1, image_size=(8, 8)))
    images = torch.randn(12, 1, 8, 8, generator=seed())
    assert len(adversarial_bim(max_steps=5)(belief, pool_of(images), 3, generator=seed())) == 3
    whole = torch.randint(0, 9, (20, 4), generator=seed())
    assert len(adversarial_deepfool()(MCDropout(network()), pool_of(whole), 3, generator=seed())) == 3
    with pytest.raises(ValueError, match="attack must be one of"):
        AdversarialMargin("fgsm")


def test_points_whose_label_never_changes_stand_last_and_are_counted():
    class Half:
        """Answers 0 wherever the second column is negative, whatever is done to the first."""

        def __init__(self) -> None:
            self.state: dict[str, Tensor] = {}

        def forward(self, state: dict[str, Tensor], inputs: Tensor, /) -> Tensor:
            moves = (inputs[:, 1:2] > 0) * inputs[:, :1]
            return torch.cat([torch.ones_like(moves), moves], 1)

    inputs = torch.tensor([[0, 1.0], [0.5, 1], [0, -1], [-1, -1], [-3, 1], [0, 0], [0, 0]])
    pool = Pool.of(inputs, labels={5: 0, 6: 1}, progress=False)
    selection = adversarial_deepfool(standardise=False)(Half(), pool, 5, generator=seed())
    assert list(selection.ids) == [1, 0, 4, 2, 3]
    assert selection.notes == ("the label of 2 of 5 points never changed; they stand last",)
    assert selection.scores[:3].tolist() == pytest.approx([-0.25, -1, -16])
    assert bool((selection.scores[3:] < -16).all())
