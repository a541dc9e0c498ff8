"""MC dropout: K functions, equal to the naive loop, for any network and whatever way they are evaluated."""

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.distributions import Normal

from bayesal.likelihoods import categorical
from bayesal.networks import MLP, MnistCNN
from bayesal.posteriors import MCDropout
from bayesal.posteriors.dropout_masks.masked import Way
from bayesal.posteriors.points import Points
from bayesal.testing import check_posterior
from tests.posteriors.oracles_dropout import naive
from tests.posteriors.zoo import ZOO, DropsInPlace, Functional, Net, Sentences, images, rows, tokens

K = 12


@pytest.fixture(autouse=True)
def _share_also_where_it_does_not_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayesal.posteriors.dropout_masks.pending.BASIS_COST", 0)


def seeded(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def built(make: Any, dtype: torch.dtype = torch.float64) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = make().to(dtype)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(torch.linspace(-1, 1, 6))
            module.running_var.copy_(torch.linspace(0.5, 2, 6))
    return network


def outputs(hypotheses: Any, inputs: Any) -> Tensor:
    return hypotheses.outputs(Points.prepare(inputs, hypotheses.network))


def assert_equal(seen: Tensor, expected: Tensor, tolerance: float) -> None:
    assert seen.shape == expected.shape
    assert seen.dtype == expected.dtype
    torch.testing.assert_close(seen, expected, rtol=0, atol=tolerance * max(1.0, float(expected.abs().max())))


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_equals_the_naive_loop(name: str, dtype: torch.dtype, tolerance: float) -> None:
    make, points = ZOO[name]
    network, x = built(make, dtype), points()
    hypotheses = MCDropout(network).draw(K, generator=seeded())
    seen = outputs(hypotheses, x)
    x = x.to(dtype) if x.is_floating_point() else x
    assert_equal(seen, naive(network, hypotheses, x), tolerance)


@pytest.mark.parametrize("name", ZOO)
def test_every_way_that_takes_a_network_gives_the_same(name: str) -> None:
    make, points = ZOO[name]
    hypotheses = MCDropout(built(make)).draw(K, generator=seeded())
    chosen = outputs(hypotheses, points())
    for way in range(hypotheses._way, Way.ONE_BY_ONE + 1):
        hypotheses._use(Way(way))
        assert_equal(outputs(hypotheses, points()), chosen, 1e-12)


@pytest.mark.parametrize("name", ZOO)
def test_the_fastest_way_that_takes_a_network_is_chosen(name: str) -> None:
    make, points = ZOO[name]
    hypotheses = MCDropout(built(make)).draw(K, generator=seeded())
    hypotheses(points())
    if name in ("adds in place to what is shared", "drops in place and looks", "data-dependent branch"):
        expected = Way.ONE_BY_ONE  # vmap cannot
    elif name in ("residual", "viewed, then changed in place") or "group norm" in name:
        expected = Way.TOGETHER  # vmap cannot with channels last in memory, or a view would be a copy there
    else:
        expected = Way.CHANNELS_LAST
    assert hypotheses._way is expected


@pytest.mark.parametrize("name", ZOO)
def test_chunks_order_duplicates_and_repetition_change_nothing(name: str) -> None:
    make, points = ZOO[name]
    x = points(9)
    hypotheses = MCDropout(built(make)).draw(K, generator=seeded())
    whole = outputs(hypotheses, x)
    assert torch.equal(outputs(hypotheses, x), whole)
    for size in (1, 4):
        assert_equal(torch.cat([outputs(hypotheses, part) for part in x.split(size)]), whole, 1e-12)
    order = torch.randperm(9, generator=seeded(1))
    assert_equal(outputs(hypotheses, x[order]), whole[order], 1e-12)
    assert_equal(outputs(hypotheses, torch.cat([x, x[:2]]))[9:], whole[:2], 1e-12)
    assert outputs(hypotheses, x[:0]).shape == (0, *whole.shape[1:])


@pytest.mark.parametrize("name", ["residual", "data-dependent branch", "rectified in place", "tokens"])
def test_passes_the_public_laws(name: str) -> None:
    make, points = ZOO[name]
    check_posterior(MCDropout(built(make)), points(9))


@pytest.mark.parametrize("name", ZOO)
def test_a_seed_is_a_draw_and_earlier_hypotheses_do_not_change(name: str) -> None:
    make, points = ZOO[name]
    posterior, x = MCDropout(built(make)), points()
    first = posterior.draw(K, generator=seeded(5))
    expected = outputs(first, x)
    other = outputs(posterior.draw(K, generator=seeded(6)), x)
    assert torch.equal(outputs(posterior.draw(K, generator=seeded(5)), x), expected)
    assert torch.equal(outputs(first, x), expected)
    assert torch.equal(other, expected) == name.startswith("all dropped")
    generator = seeded(5)
    posterior.draw(K, generator=generator)
    assert not torch.equal(outputs(posterior.draw(K, generator=generator), x), expected) or "all dropped" in name


@pytest.mark.parametrize("name", ZOO)
def test_nothing_outside_is_touched(name: str) -> None:
    make, points = ZOO[name]
    network = built(make)
    network.train()
    next(iter(network.children())).eval()
    next(network.parameters()).requires_grad_(False)
    calls: list[int] = []
    network.register_forward_hook(lambda *_: calls.append(1))
    x = points().double() if points().is_floating_point() else points()

    def state() -> tuple[Any, ...]:
        return (
            [module.training for module in network.modules()],
            [
                (tensor._version, tensor.requires_grad, tensor.data_ptr())
                for tensor in network.state_dict(keep_vars=True).values()
            ],
            [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules()],
            [parameter.grad for parameter in network.parameters()],
            sorted(key for module in network.modules() for key in vars(module)),
        )

    before, weights, given, generator = state(), copy.deepcopy(network.state_dict()), x.clone(), torch.get_rng_state()
    predictions = outputs(MCDropout(network).draw(K, generator=seeded()), x)
    assert state() == before
    assert all(torch.equal(value, weights[key]) for key, value in network.state_dict().items())
    assert torch.equal(x, given)
    assert torch.equal(torch.get_rng_state(), generator)
    assert not predictions.requires_grad


def test_nothing_is_touched_when_the_network_fails() -> None:
    class Fails(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.drop = nn.BatchNorm1d(5), nn.Dropout(0.5)

        def forward(self, x: Tensor) -> Tensor:
            torch.rand(1)
            self.drop(self.norm(x))
            raise RuntimeError("on purpose")

    network, generator = Fails().train(), torch.get_rng_state()
    mean = network.norm.running_mean.clone()
    hypotheses = MCDropout(network, deterministic=[""]).draw(3, generator=seeded())
    for _ in range(2):
        with pytest.raises(ValueError, match="on purpose"):
            hypotheses(rows())
    assert network.training
    assert network.norm.training
    assert torch.equal(network.norm.running_mean, mean)
    assert torch.equal(torch.get_rng_state(), generator)


def test_training_the_network_later_does_not_change_drawn_hypotheses() -> None:
    network = built(lambda: MLP(5, 3))
    hypotheses = MCDropout(network).draw(K, generator=seeded())
    expected = outputs(hypotheses, rows())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)
    assert torch.equal(outputs(hypotheses, rows()), expected)


@pytest.mark.parametrize("name", ["plain", "tokens", "data-dependent branch"])
@pytest.mark.parametrize("used", [False, True])
def test_a_pickled_draw_is_the_same_functions(name: str, used: bool) -> None:
    make, points = ZOO[name]
    hypotheses = MCDropout(built(make)).draw(K, generator=seeded())
    if used:
        hypotheses(points())
    sent = pickle.loads(pickle.dumps(hypotheses))
    assert torch.equal(outputs(sent, points()), outputs(hypotheses, points()))


def test_fewer_hypotheses_are_the_first_of_more() -> None:
    posterior = MCDropout(built(Net))
    few, many = (outputs(posterior.draw(k, generator=seeded()), images()) for k in (1, 9))
    assert_equal(few, many[:, :1], 1e-12)


def test_groups_of_hypotheses_and_blocks_of_points_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    hypotheses = MCDropout(built(Net)).draw(K, generator=seeded())
    whole = outputs(hypotheses, images(9))
    monkeypatch.setattr("bayesal.posteriors.dropout_masks.masked.ACTIVATION_BYTES", 5 * hypotheses._varying_bytes)
    monkeypatch.setattr("bayesal.posteriors.dropout_masks.masked.CACHE_BYTES", 11 * hypotheses._varying_bytes)
    assert_equal(outputs(hypotheses, images(9)), whole, 1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 5e-7), (torch.float64, 1e-12)])
def test_the_batchbald_network_equals_the_naive_loop(dtype: torch.dtype, tolerance: float) -> None:
    network, x = built(MnistCNN, dtype), torch.randn(3, 1, 28, 28, generator=seeded(1)).to(dtype)
    hypotheses = MCDropout(network).draw(20, generator=seeded())
    assert_equal(outputs(hypotheses, x), naive(network, hypotheses, x), tolerance)
    assert hypotheses._way is Way.CHANNELS_LAST


class Counted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.head = nn.Linear(5, 5), nn.Sequential(nn.Dropout(0.5), nn.Linear(5, 3))
        self.rows: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.rows.append(x.numel() // 5)
        return self.head(self.trunk(x))


def test_what_comes_before_the_first_mask_is_computed_once_a_point() -> None:
    hypotheses = MCDropout(built(Counted)).draw(50, generator=seeded())
    hypotheses(rows(9))
    hypotheses.network.rows.clear()
    hypotheses(rows(9))
    assert sum(hypotheses.network.rows) == 9


# ── the law of the masks ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_linear_layer_has_the_covariance_of_the_card() -> None:
    """Cov(y(x), y(x')) = p / (1 - p) Σ_i w_i² x_i x'_i: mean -2, variance 8.35714, covariance -1.5."""
    layer = nn.Linear(4, 1, bias=False)
    layer.weight.data = torch.tensor([[1.0, -2.0, 0.5, 3.0]])
    x = torch.tensor([[1.0, 2.0, -1.0, 0.5], [0.5, -1.0, 2.0, 1.0]])
    posterior = MCDropout(nn.Sequential(nn.Dropout(0.3), layer), lambda y: Normal(y.squeeze(-1), 1.0))
    k = 100_000
    y = posterior.draw(k, generator=seeded()).__call__(x).mean.double()
    first, second = y - y.mean(1, keepdim=True)
    assert abs(float(y[0].mean()) + 2) < 4 * math.sqrt(8.35714 / k)
    for seen, expected in ((first**2, 8.35714), (first * second, -1.5)):
        assert abs(float(seen.mean()) - expected) < 4 * float(seen.std()) / math.sqrt(k)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("kind", [nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d])
def test_masks_have_mean_one_and_are_constant_within_channels(kind: Any, p: float) -> None:
    shape = {nn.Dropout1d: (40, 5), nn.Dropout2d: (40, 3, 2), nn.Dropout3d: (40, 2, 3, 2)}.get(kind, (40, 3, 2))
    posterior = MCDropout(nn.Sequential(kind(p), nn.Identity()), lambda y: Normal(y, 1.0))
    masks = posterior.draw(500, generator=seeded())(torch.ones(2, *shape)).mean[0]
    assert set(masks.unique().tolist()) == {0.0, torch.tensor(1 / (1 - p)).item()}
    units = masks.flatten(2)[:, :, 0] if kind is not nn.Dropout else masks.flatten(1)
    assert abs(units.mean().item() - 1) < 4 * math.sqrt(p / ((1 - p) * units.numel()))
    if kind is not nn.Dropout:
        assert (masks.flatten(2) == masks.flatten(2)[:, :, :1]).all()


@pytest.mark.parametrize("kind", [nn.AlphaDropout, nn.FeatureAlphaDropout])
def test_alpha_dropout_keeps_mean_and_variance(kind: Any) -> None:
    x = torch.randn(400, 500, generator=seeded(2))
    posterior = MCDropout(nn.Sequential(kind(0.3), nn.Identity()), lambda y: Normal(y, 1.0))
    y = posterior.draw(20, generator=seeded())(x).mean
    assert abs(y.mean().item()) < 0.05
    assert abs(y.var().item() - 1) < 0.05


# ── at the door ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_network_without_dropout_is_refused() -> None:
    for network in (nn.Linear(5, 3), nn.Sequential(nn.Linear(5, 3), nn.Dropout(0.0))):
        with pytest.raises(ValueError, match="a single function"):
            MCDropout(network)
    for network in (MLP(5, 3, dropout=0.0), Branchless()):
        with pytest.raises(ValueError, match="a single function"):
            MCDropout(network).draw(3, generator=seeded())(rows())


class Branchless(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.dropout(self.linear(x), 0.0, True)


def test_no_hypotheses_are_refused() -> None:
    with pytest.raises(ValueError, match="num_hypotheses is 0"):
        MCDropout(MLP(5, 3)).draw(0, generator=seeded())


def test_other_shapes_than_the_first_are_refused_and_the_first_still_served() -> None:
    hypotheses = MCDropout(built(Sentences)).draw(K, generator=seeded())
    expected = outputs(hypotheses, tokens(length=6))
    with pytest.raises(ValueError, match=r"dropout call 1 met dropout of units of \(7, 8"):
        hypotheses(tokens(length=7))
    assert torch.equal(outputs(hypotheses, tokens(length=6)), expected)


def test_another_number_of_dropout_calls_is_refused() -> None:
    class Moody(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.drop = nn.Linear(5, 3), nn.Dropout(0.5)

        def forward(self, x: Tensor) -> Tensor:
            y = self.linear(self.drop(x))
            return self.drop(y) if x[0, 0] > 0 else y

    low, high = torch.full((2, 5), -1.0), torch.full((2, 5), 1.0)
    for first, then, message in ((low, high, "no more dropout"), (high, low, "called 1 times")):
        hypotheses = MCDropout(Moody()).draw(3, generator=seeded())
        hypotheses(first)
        with pytest.raises(ValueError, match=message):
            hypotheses(then)
        hypotheses(first)


def test_dropout_where_the_first_axis_is_not_the_point_is_refused() -> None:
    with pytest.raises(ValueError, match="the first axis must be the point"):
        MCDropout(Sentences(batch_first=False)).draw(3, generator=seeded())(tokens())
    with pytest.raises(ValueError, match="the first axis must be the point"):
        MCDropout(nn.Sequential(nn.Linear(5, 3), nn.Dropout1d(0.5))).draw(3, generator=seeded())(rows())


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True)
        self.memory = nn.LSTM(8, 8, num_layers=2, dropout=0.2, batch_first=True)
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.attention(x, x, x, need_weights=False)[0]
        return self.head(self.drop(self.memory(x)[0].mean(1)))


def test_what_masks_cannot_reach_is_refused_by_name_unless_accepted() -> None:
    with pytest.raises(ValueError, match=r"attention \(MultiheadAttention\), memory \(LSTM\)"):
        MCDropout(Attention())
    with pytest.raises(ValueError, match=r"in: memory \(LSTM\)"):
        MCDropout(Attention(), deterministic=["attention"])
    with pytest.raises(ValueError, match="no such modules"):
        MCDropout(Attention(), deterministic=["nothing"])
    network = built(Attention)
    x = torch.randn(4, 6, 8, generator=seeded(), dtype=torch.float64)
    hypotheses = MCDropout(network, deterministic=["attention", "memory"]).draw(K, generator=seeded())
    assert_equal(outputs(hypotheses, x), naive(network, hypotheses, x), 1e-12)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_transformer_encoder_drops_in_its_plain_layers(layers: int) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=True)
    encoder = nn.TransformerEncoder(layer, layers)
    network = built(lambda: nn.Sequential(nn.Linear(5, 8), encoder, nn.Flatten(), nn.Linear(48, 3)))
    names = [f"1.layers.{i}.self_attn" for i in range(layers)]
    x = torch.randn(4, 6, 5, generator=seeded(), dtype=torch.float64)
    hypotheses = MCDropout(network, deterministic=names).draw(K, generator=seeded())
    seen = outputs(hypotheses, x)
    torch.backends.mha.set_fastpath_enabled(False)  # for the oracle: torch's fused layer leaves dropout out
    try:
        assert_equal(seen, naive(network, hypotheses, x), 1e-12)
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    assert len(hypotheses.sites) == 3 * layers


def test_compiled_and_scripted_networks_are_refused() -> None:
    network = nn.Sequential(nn.Linear(5, 3), nn.Dropout(0.5))
    with pytest.raises(ValueError, match="the network itself"):
        MCDropout(torch.compile(network, backend="eager"))
    with pytest.raises(ValueError, match="0"):
        MCDropout(nn.Sequential(torch.compile(network, backend="eager")))


class HandWritten(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.bernoulli(torch.full_like(x, 0.5)) if self.training else x


class Fused(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        x = x[:, None]
        p = 0.5 if self.training else 0.0
        return nn.functional.scaled_dot_product_attention(x, x, x, dropout_p=p)[:, 0]


class Silenced(nn.Module):
    """As transformers write it: in evaluation mode the probability itself is zero."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x.tanh(), 0.2 if self.training else 0.0, self.training)


@pytest.mark.parametrize("layer", [HandWritten, Fused, Silenced])
def test_noise_that_evaluation_mode_would_silence_is_refused_unless_accepted(layer: Any) -> None:
    network = nn.Sequential(nn.Linear(5, 5), nn.Sequential(layer()), nn.BatchNorm1d(5), nn.Dropout(0.5))
    hypotheses = MCDropout(network).draw(3, generator=seeded())
    for _ in range(2):
        with pytest.raises(ValueError, match=rf"in: 1.0 \({layer.__name__}\)"):
            hypotheses(rows())
    for name in ("1.0", "1", ""):
        accepted = MCDropout(network, deterministic=[name]).draw(3, generator=seeded())
        assert_equal(outputs(accepted, rows()), naive(network, accepted, rows()), 1e-6)


def test_noise_in_evaluation_mode_is_refused() -> None:
    class Noisy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.randn_like(x)

    network = nn.Sequential(Noisy(), nn.Dropout(0.5))
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="draws random numbers in evaluation mode"):
        MCDropout(network, deterministic=["0"]).draw(3, generator=seeded())(rows())
    assert torch.equal(torch.get_rng_state(), before)


def test_bad_inputs_get_a_sentence() -> None:
    hypotheses = MCDropout(MLP(5, 3)).draw(3, generator=seeded())
    broken = rows()
    broken[1, 2] = math.nan
    broken[3, 0] = math.inf
    with pytest.raises(ValueError, match="2 of 5 points hold NaN or infinite inputs"):
        hypotheses(broken)
    with pytest.raises(ValueError, match="this MLP takes 5 numbers"):
        hypotheses(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="tensors or arrays"):
        hypotheses([[1.0] * 5])
    with pytest.raises(ValueError, match="single number"):
        hypotheses(torch.tensor(1.0))


def test_outputs_that_are_not_finite_are_counted() -> None:
    class Logarithm(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.log()

    hypotheses = MCDropout(nn.Sequential(Logarithm(), nn.Dropout(0.5))).draw(3, generator=seeded())
    with pytest.raises(ValueError, match="NaN or infinite for 2 of 4 points"):
        hypotheses(torch.tensor([[1.0], [-1.0], [2.0], [0.0]]).repeat(1, 9))


def test_inputs_of_other_number_types_are_cast_once() -> None:
    hypotheses = MCDropout(built(lambda: MLP(5, 3), torch.float32)).draw(3, generator=seeded())
    whole = torch.arange(10).reshape(2, 5)
    expected = hypotheses(whole.float()).logits
    for same in (whole, whole.to(torch.uint8), whole.double(), whole.numpy()):
        assert torch.equal(hypotheses(same).logits, expected)


def test_named_inputs_are_keyword_arguments() -> None:
    network = built(Sentences)
    given = {"tokens": tokens(), "mask": tokens() < 8}
    hypotheses = MCDropout(network).draw(K, generator=seeded())
    assert_equal(outputs(hypotheses, given), naive(network, hypotheses, given), 1e-12)
    assert hypotheses(given).batch_shape == (5, K)
    with pytest.raises(ValueError, match=r"\[4, 5\] rows"):
        hypotheses({"tokens": tokens(5), "mask": tokens(4) < 8})


def test_state_is_the_networks_own() -> None:
    network = Net()
    state = MCDropout(network).state
    assert state.keys() == network.state_dict().keys()
    assert state["head.weight"].data_ptr() == network.head.weight.data_ptr()
    assert not any(value.requires_grad for value in state.values())


def test_predictions_are_the_likelihood_of_the_outputs() -> None:
    hypotheses = MCDropout(built(Functional), categorical).draw(K, generator=seeded())
    predictions = hypotheses(rows())
    assert predictions.batch_shape == (5, K)
    torch.testing.assert_close(predictions.logits, outputs(hypotheses, rows()).log_softmax(-1))


def test_dropout_in_place_spares_the_inputs() -> None:
    x = rows()
    given = x.clone()
    MCDropout(nn.Sequential(nn.Dropout(0.5, inplace=True), DropsInPlace(looked_at=True))).draw(3, generator=seeded())(x)
    assert torch.equal(x, given)


@pytest.mark.parametrize(
    ("make", "shape"), [(lambda: MLP(5, 3), (5,)), (lambda: MnistCNN(3), (1, 28, 28))], ids=["mlp", "images"]
)
def test_points_can_be_differentiated_without_slowing_down_the_rest(
    make: Callable[[], nn.Module], shape: tuple[int, ...], generator: Generator
) -> None:
    points = torch.randn(3, *shape, generator=generator, dtype=torch.float64)
    hypotheses = MCDropout(make().double()).draw(30, generator=generator)

    def some(inputs: Tensor) -> Tensor:
        return hypotheses(inputs).logits.softmax(-1)[..., 0].sum()

    expected, way = some(points), hypotheses._way
    assert not expected.requires_grad
    moving = points.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(some(moving), moving)
    direction = torch.randn(points.shape, generator=generator, dtype=torch.float64)
    numeric = (some(points + 1e-6 * direction) - some(points - 1e-6 * direction)) / 2e-6
    torch.testing.assert_close((gradient * direction).sum(), numeric, rtol=1e-5, atol=1e-7)
    assert hypotheses._way is way
    assert torch.equal(some(points), expected)
