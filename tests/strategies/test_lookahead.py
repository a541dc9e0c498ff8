"""Looking ahead at a pool against linear networks whose retraining is a least-squares problem."""

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal import Pool, methods
from bayesal.likelihoods import gaussian
from bayesal.networks import MLP
from bayesal.posteriors import DeepEnsemble, MCDropout
from bayesal.strategies import LookingAhead
from bayesal.views import Linearised


def linear(classes: int = 3) -> nn.Linear:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Linear(6, classes).double()


class Trained:
    """A network of one linear layer, as it is."""

    def __init__(self, network: nn.Linear) -> None:
        self.state = dict(network.named_parameters())

    def forward(self, state: dict[str, Tensor], inputs: Tensor, /) -> Tensor:
        return inputs @ state["weight"].T + state["bias"]


def points(count: int = 12) -> Tensor:
    return torch.randn(count, 6, generator=Generator().manual_seed(1), dtype=torch.float64)


def pool_of(count: int = 12, known: int = 3) -> Pool:
    return Pool.of(points(count), labels={n: n % 3 for n in range(known)}, progress=False)


def chosen(strategy, belief, pool: Pool, size: int, seed: int = 0):
    return strategy(belief, pool, size, generator=Generator().manual_seed(seed))


def by_least_squares(network: nn.Linear, pool: Pool, probabilities: bool) -> list[float]:
    """Σ_x ‖f⁺(x) - f(x)‖ for every candidate, by the least change of weights that fits its likely label too."""
    inputs = np.column_stack([points().numpy(), np.ones(12)])
    outputs = network(points()).detach()
    outputs = (outputs.softmax(1) if probabilities else outputs).numpy()
    scores = []
    for j in pool.unlabelled:
        rows = [*pool.labelled, j]
        labels = np.eye(3)[[0, 1, 2, outputs[j].argmax()]]
        moved = np.linalg.pinv(inputs[rows]) @ (labels - outputs[rows])
        scores.append(float(np.linalg.norm((inputs @ moved)[pool.unlabelled], axis=1).sum()))
    return scores


@pytest.mark.parametrize("outputs", ["probabilities", "raw"])
@pytest.mark.parametrize("kernel", ["sum", 1, "exact"])
def test_scores_are_those_of_retraining_the_network(outputs: str, kernel: str | int):
    """Outputs of a linear layer share no weight, so every kernel of them is the same."""
    network, pool = linear(), pool_of()
    strategy = LookingAhead(Linearised(kernel, outputs, 1e-12))
    selection = chosen(strategy, Trained(network), pool, 9)
    expected = by_least_squares(network, pool, outputs == "probabilities")
    np.testing.assert_allclose(selection.scores, np.array(expected)[selection.positions], rtol=1e-4)
    assert (selection.scores.diff() <= 0).all()
    assert selection.ids == pool.unlabelled[selection.positions.numpy()].tolist()


def test_a_subset_is_drawn_anew_and_a_seed_is_a_subset():
    belief, pool = Trained(linear()), pool_of()
    strategy = LookingAhead(subset=4)
    drawn = [tuple(sorted(chosen(strategy, belief, pool, 4, seed).ids)) for seed in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 1
    assert not {0, 1, 2} & set(sum(drawn, ()))
    with pytest.raises(ValueError, match="only 4 points are looked ahead at; raise subset"):
        chosen(strategy, belief, pool, 5)
    with pytest.raises(ValueError, match="only 9 unlabelled points are left"):
        chosen(strategy, belief, pool, 10)
    assert chosen(strategy, belief, pool, 0).ids == []


def test_hypothetical_labels_make_the_second_pick_another():
    """A copy of the first pick is as good alone, but nothing once that is believed to be known."""
    inputs = points()
    inputs[4] = inputs[5]
    pool = Pool.of(inputs, labels={n: n % 3 for n in range(3)}, progress=False)
    belief = Trained(linear())
    alone = chosen(LookingAhead(Linearised(regularisation=1e-9)), belief, pool, 9)
    both = [place for place, key in enumerate(alone.ids) if key in (4, 5)]
    assert both[1] == both[0] + 1
    believed = chosen(LookingAhead(Linearised(regularisation=1e-9), hypothetical=True), belief, pool, 9)
    apart = [place for place, key in enumerate(believed.ids) if key in (4, 5)]
    assert apart[1] > apart[0] + 1
    assert believed.ids[0] == alone.ids[0]
    assert float(believed.gains[0]) == pytest.approx(float(believed.scores[0]))


@pytest.mark.parametrize("objective", ["change", "agreement"])
@pytest.mark.parametrize("labels", ["likely", "expected"])
def test_every_variant_chooses_from_networks_with_hidden_layers(labels: str, objective: str):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        nets = [MLP(6, 3, hidden=(8,), dropout=0.5) for _ in range(2)]
    pool = Pool.of(points(20).float(), labels={n: n % 3 for n in range(5)}, progress=False)
    for belief in (MCDropout(nets[0]), DeepEnsemble(nets)):
        selection = chosen(methods.mlmoc(labels=labels, objective=objective), belief, pool, 6)
        assert len(set(selection.ids)) == 6
        assert bool(selection.scores.isfinite().all())


def test_kernels_and_outputs_of_several_networks_are_averaged():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        nets = [MLP(6, 3, hidden=(8,)) for _ in range(3)]
    pool = Pool.of(points(8).float(), labels={0: 1, 1: 0}, progress=False)
    ids = pool.unlabelled
    together = Linearised()(DeepEnsemble(nets), pool, ids, generator=Generator())
    apart = [
        Linearised()(MCDropout(nn.Sequential(net, nn.Dropout(0.5))), pool, ids, generator=Generator()) for net in nets
    ]
    torch.testing.assert_close(together.kernel, sum(each.kernel for each in apart) / 3)
    torch.testing.assert_close(together.outputs, sum(each.outputs for each in apart) / 3)
    assert together.regularisation == pytest.approx(1e-5 * float(together.labelled_kernel.diagonal().mean()))


def test_sketched_gradients_have_nearly_the_same_kernel():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        belief = DeepEnsemble([MLP(6, 3, hidden=(8,)) for _ in range(2)])
    pool = Pool.of(points().float(), labels={0: 1, 1: 0}, progress=False)
    exact, near = (
        Linearised(sketch=sketch)(belief, pool, pool.unlabelled, generator=Generator().manual_seed(0))
        for sketch in (None, 20_000)
    )
    assert float((exact.kernel - near.kernel).norm()) < 0.05 * float(exact.kernel.norm())
    torch.testing.assert_close(exact.outputs, near.outputs)
    assert len(chosen(methods.mlmoc(sketch=64), belief, pool, 4)) == 4


def test_nothing_needs_to_be_labelled():
    pool = Pool.of(points(), progress=False)
    assert len(chosen(LookingAhead(), Trained(linear()), pool, 5)) == 5
    assert len(chosen(LookingAhead(Linearised("exact")), Trained(linear()), pool, 5)) == 5


def test_what_cannot_be_looked_ahead_at_gets_a_sentence():
    pool, belief = pool_of(), Trained(linear())
    for settings in ({"kernel": "each"}, {"outputs": "logits"}):
        with pytest.raises(ValueError, match=r"must be 'sum', 'exact' or the number|must be 'probabilities' or 'raw'"):
            Linearised(**settings)  # pyright: ignore
    with pytest.raises(ValueError, match="a sketch is of one number a point"):
        Linearised("exact", sketch=10)
    with pytest.raises(ValueError, match="with the exact kernel of outputs only"):
        LookingAhead(Linearised("exact"), labels="expected")
    with pytest.raises(ValueError, match="the network has the outputs 0 to 2, but outputs is 3"):
        chosen(LookingAhead(Linearised(3)), belief, pool, 2)
    with pytest.raises(ValueError, match="looking ahead needs labels that are classes from 0 to 2"):
        chosen(LookingAhead(), belief, pool.with_labels({4: 3}), 2)
    with pytest.raises(ValueError, match="a dict has no network that can be differentiated"):
        chosen(LookingAhead(), {}, pool, 2)
    amounts = MCDropout(MLP(6, 2, hidden=(4,), dropout=0.5), gaussian)
    with pytest.raises(ValueError, match="the model predicts Normal"):
        chosen(LookingAhead(), amounts, Pool.of(points().float(), progress=False), 2)
