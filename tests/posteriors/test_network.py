"""Network hypotheses: one vmap over the states that vary equals one network after the other."""

import copy
import pickle
import threading
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor, nn
from torch.nn.utils import parametrizations

from bayesal.likelihoods import categorical
from bayesal.posteriors import NetworkHypotheses
from bayesal.posteriors.network import one_by_one
from bayesal.posteriors.points import Points


def outputs(hypotheses: NetworkHypotheses, inputs: Any) -> Tensor:
    return hypotheses.outputs(Points.prepare(inputs, hypotheses.network))


def loaded(network: nn.Module, states: dict[str, Tensor], inputs: Tensor) -> Tensor:
    """N K C by loading each state into a network of its own."""
    rows = []
    for k in range(len(next(iter(states.values())))):
        own = copy.deepcopy(network).eval()
        own.load_state_dict({name: state[k] for name, state in states.items()}, strict=False)
        with torch.no_grad():
            rows.append(own(inputs.clone()))
    return torch.stack(rows, dim=1)


def drawn(network: nn.Module, names: list[str], k: int = 4, seed: int = 0) -> dict[str, Tensor]:
    generator, own = torch.Generator().manual_seed(seed), network.state_dict()
    return {
        name: torch.randn(k, *own[name].shape, generator=generator).abs().to(own[name].dtype) + 0.1 for name in names
    }


def perceptron() -> nn.Sequential:
    return nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, 3)).double()


def points(n: int = 6) -> Tensor:
    return torch.randn(n, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 3).double()

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x)
        return y if y.sum().item() > 0 else -y


class WritesOnItsInput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 5).double()

    def forward(self, x: Tensor) -> Tensor:
        x += self.linear(x)
        return x.relu_()


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Linear(5, 5, bias=False).double(), nn.Linear(5, 5, bias=False).double()
        self.decode.weight = self.encode.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(torch.tanh(self.encode(x)))


@given(
    names=st.sets(st.sampled_from(list(perceptron().state_dict())).filter(lambda n: "num" not in n), min_size=1),
    k=st.integers(1, 5),
    n=st.integers(0, 4),
)
def test_any_part_of_the_state_may_vary(names: set[str], k: int, n: int) -> None:
    network = perceptron()
    states = drawn(network, sorted(names), k)
    seen = outputs(NetworkHypotheses(network, states, categorical), points(n))
    assert seen.shape == (n, k, 3)
    torch.testing.assert_close(seen, loaded(network, states, points(n)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "name"), [(Branching, "linear.weight"), (WritesOnItsInput, "linear.weight"), (Tied, "encode.weight")]
)
def test_what_vmap_cannot_take_is_looped_with_the_same_result(make: Any, name: str) -> None:
    network, x = make(), points()
    states = {name: drawn(network, [name])[name] - 1}
    hypotheses, given_points = NetworkHypotheses(network, states, categorical), x.clone()
    expected = loaded(network, states, x)
    for _ in range(2):
        torch.testing.assert_close(outputs(hypotheses, x), expected, rtol=1e-12, atol=1e-12)
    assert torch.equal(x, given_points)
    assert hypotheses._vectorises == (make is Tied)


def convolutions() -> nn.Sequential:
    layers = (nn.Conv2d(2, 4, 3, stride=2, groups=2), nn.ReLU(), nn.Conv2d(4, 6, 3, bias=False), nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(6, 3)).double()


@pytest.mark.parametrize(
    ("names", "looped"),
    [
        (["0.weight", "0.bias", "2.weight", "4.weight", "4.bias"], True),
        (["0.weight", "2.weight"], True),
        (["2.weight", "4.weight"], False),  # the first convolution is shared: vmap computes it once
        (["0.bias", "4.weight"], False),
    ],
)
def test_convolutions_that_all_differ_are_looped_beyond_the_cache_with_the_same_result(
    names: list[str], looped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, x = convolutions(), torch.randn(6, 2, 7, 7, generator=torch.Generator().manual_seed(1)).double()
    states, called = drawn(network, names), []
    hypotheses = NetworkHypotheses(network, states, categorical)

    def counted(*given: Any) -> Tensor:
        called.append(given)
        return one_by_one(*given)

    monkeypatch.setattr("bayesal.posteriors.network.one_by_one", counted)
    together = outputs(hypotheses, x)
    assert not called
    monkeypatch.setattr("bayesal.posteriors.network.CACHE_BYTES", 6 * 4 * 9 * 8)  # of one network's activation
    torch.testing.assert_close(outputs(hypotheses, x), together, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(together, loaded(network, states, x), rtol=1e-12, atol=1e-12)
    assert bool(called) == looped
    assert hypotheses._vectorises


def test_chunks_of_hypotheses_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    network = perceptron()
    hypotheses = NetworkHypotheses(network, drawn(network, ["0.weight"], 7), categorical)
    whole = outputs(hypotheses, points())
    monkeypatch.setattr("bayesal.posteriors.network.ACTIVATION_BYTES", 6 * 7 * 8 * 2)
    torch.testing.assert_close(outputs(hypotheses, points()), whole, rtol=1e-12, atol=1e-12)


def test_chunks_order_and_repetition_of_points_change_nothing() -> None:
    network, x = perceptron().train(), points(9)
    hypotheses = NetworkHypotheses(network, drawn(network, ["0.weight", "3.bias"]), categorical)
    whole = outputs(hypotheses, x)
    assert torch.equal(outputs(hypotheses, x), whole)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(outputs(hypotheses, x[order]), whole[order], rtol=1e-12, atol=1e-12)
    parts = torch.cat([outputs(hypotheses, part) for part in x.split(2)])
    torch.testing.assert_close(parts, whole, rtol=1e-12, atol=1e-12)


def test_what_does_not_vary_is_computed_once() -> None:
    class Trunk(nn.Linear):
        rows = 0

        def forward(self, input: Tensor) -> Tensor:
            output = super().forward(input)
            Trunk.rows += len(output)
            assert output.shape == (len(input), 7)
            return output

    network = nn.Sequential(Trunk(5, 7), nn.Linear(7, 3)).double()
    hypotheses = NetworkHypotheses(network, drawn(network, ["1.weight"], 50), categorical)
    outputs(hypotheses, points())
    Trunk.rows = 0
    outputs(hypotheses, points())
    assert Trunk.rows == 6


def test_nothing_outside_is_touched_and_training_later_changes_nothing() -> None:
    network = perceptron().train()
    network[3].eval()
    states = drawn(network, ["0.weight"])
    hypotheses = NetworkHypotheses(network, states, categorical)
    before, flags = copy.deepcopy(network.state_dict()), [module.training for module in network.modules()]
    expected, generator = outputs(hypotheses, points()), torch.get_rng_state()
    assert not expected.requires_grad
    assert [module.training for module in network.modules()] == flags
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert torch.equal(torch.get_rng_state(), generator)
    with torch.no_grad():
        states["0.weight"].zero_()
        for tensor in network.state_dict().values():
            tensor.zero_()
    assert torch.equal(outputs(hypotheses, points()), expected)


def test_pickled_hypotheses_are_the_same_functions_and_hold_what_varies_once() -> None:
    network = nn.Linear(200, 200)
    states = {"weight": torch.randn(3, 200, 200, generator=torch.Generator().manual_seed(0))}
    hypotheses, x = NetworkHypotheses(network, states, categorical), torch.ones(2, 200)
    sent = pickle.dumps(hypotheses)
    assert torch.equal(outputs(pickle.loads(sent), x), outputs(hypotheses, x))
    assert len(sent) < 4 * 200 * 200 * 3.5


def test_derived_weights_and_parametrisations_are_copied() -> None:
    for normalise in (nn.utils.weight_norm, parametrizations.weight_norm):
        with pytest.warns(FutureWarning) if normalise is nn.utils.weight_norm else _silence():
            network = nn.Sequential(normalise(nn.Linear(5, 7)), nn.Linear(7, 3)).double()
        network(points())
        states = drawn(network, ["1.weight"])
        seen = outputs(NetworkHypotheses(network, states, categorical), points())
        own = nn.Sequential(*network)
        expected = []
        for weight in states["1.weight"]:
            own[1].weight.data = weight
            expected.append(own(points()).detach())
        torch.testing.assert_close(seen, torch.stack(expected, dim=1), rtol=1e-12, atol=1e-12)


class _silence:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def test_predictions_are_the_likelihood_of_the_outputs() -> None:
    network = perceptron()
    hypotheses = NetworkHypotheses(network, drawn(network, ["0.weight"]), categorical)
    predictions = hypotheses(points())
    assert predictions.batch_shape == (6, 4)
    torch.testing.assert_close(predictions.logits, outputs(hypotheses, points()).log_softmax(-1))
    assert hypotheses(points(0)).batch_shape == (0, 4)


def test_inputs_of_other_number_types_are_cast_once() -> None:
    network = perceptron()
    hypotheses = NetworkHypotheses(network, drawn(network, ["0.weight"]), categorical)
    whole = torch.arange(10).reshape(2, 5)
    for same in (whole, whole.float(), whole.numpy(), whole.to(torch.int16)):
        assert torch.equal(outputs(hypotheses, same), outputs(hypotheses, whole.double()))
    embedding = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(20, 3))
    looked_up = NetworkHypotheses(embedding, drawn(embedding, ["2.weight"]), categorical)
    assert looked_up(whole).batch_shape == (2, 4)


@pytest.mark.parametrize(
    ("states", "message"),
    [
        ({}, "no states that vary"),
        ({"weights": torch.ones(2, 3, 5)}, "no parameter or buffer named 'weights'"),
        ({"weight": torch.ones(0, 3, 5)}, r"K >= 1 hypotheses, but there are \[0\]"),
        ({"weight": torch.ones(2, 5, 3)}, r"shape \(K, 3, 5\), but have \(2, 5, 3\)"),
        ({"weight": torch.ones(2, 3, 5), "bias": torch.ones(3, 3)}, r"there are \[2, 3\]"),
    ],
)
def test_states_that_do_not_fit_are_refused(states: dict[str, Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NetworkHypotheses(nn.Linear(5, 3), states, categorical)


class Returns(nn.Module):
    def __init__(self, change: Any) -> None:
        super().__init__()
        self.linear, self.change = nn.Linear(5, 3), change

    def forward(self, x: Tensor) -> Any:
        return self.change(self.linear(x))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: {"logits": y}, "for 1 points it gave dict"),
        (lambda y: y.argmax(-1), "gave torch.int64"),
        (lambda y: y.sum(), r"gave torch.float32 of \(\)"),
        (lambda y: y + torch.rand(1), "draws random numbers in evaluation mode"),
        (lambda y: y.log(), "NaN or infinite for 4 of 4 points"),
        (lambda y: y.missing, "the network fails on points of shape .5,. torch.float32"),
    ],
)
def test_networks_that_are_no_function_of_the_point_are_refused(change: Any, message: str) -> None:
    network = Returns(change)
    hypotheses = NetworkHypotheses(network, {"linear.bias": -torch.ones(2, 3) * 1e6}, categorical)
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match=message):
        hypotheses(torch.zeros(4, 5))
    assert torch.equal(torch.get_rng_state(), before)


def test_inputs_that_are_not_points_are_refused() -> None:
    hypotheses = NetworkHypotheses(nn.Linear(5, 3), {"bias": torch.ones(2, 3)}, categorical)
    broken = torch.zeros(3, 5)
    broken[1] = torch.nan
    for inputs, message in (
        (broken, "1 of 3 points hold NaN or infinite"),
        (torch.zeros(3, 4), "the network fails on points of shape .4,."),
        (torch.tensor(1.0), "single number"),
        ([1.0], "a list"),
    ):
        with pytest.raises(ValueError, match=message):
            hypotheses(inputs)


def test_a_network_that_cannot_be_copied_is_refused() -> None:
    network = nn.Linear(5, 3)
    network.lock = threading.Lock()
    with pytest.raises(ValueError, match=r"\(Linear\) cannot be copied: cannot pickle '_thread.lock' object"):
        NetworkHypotheses(network, {"bias": torch.ones(2, 3)}, categorical)
    with pytest.raises(ValueError, match="cannot be copied: weight has no shape yet"):
        NetworkHypotheses(nn.LazyLinear(3), {"weight": torch.ones(2, 3)}, categorical)


def test_what_is_shared_is_computed_once_a_point_however_small_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting(nn.Linear):
        rows = 0

        def forward(self, x: Tensor) -> Tensor:
            Counting.rows += len(x)
            return super().forward(x)

    generator = Generator().manual_seed(0)
    network = nn.Sequential(Counting(6, 50), nn.ReLU(), nn.Linear(50, 3))
    states = {"2.weight": torch.randn(20, 3, 50, generator=generator)}
    points = torch.randn(33, 6, generator=generator)
    whole = NetworkHypotheses(network, states, categorical)(points).logits
    monkeypatch.setattr("bayesal.posteriors.network.ACTIVATION_BYTES", 20 * 50 * 4 * 4)  # four points
    hypotheses = NetworkHypotheses(network, states, categorical)
    hypotheses(points[:1])
    Counting.rows = 0
    torch.testing.assert_close(hypotheses(points).logits, whole)
    assert Counting.rows == 33
