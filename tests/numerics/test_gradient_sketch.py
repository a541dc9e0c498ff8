"""Sketched gradients against the formula written out, and their inner products against the kernel."""

import copy

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal.numerics.autodiff import gradients_by_point
from bayesal.numerics.gradient_sketch import GradientSketch
from bayesal.numerics.gradients import Gradients, PointGradients
from tests.numerics.test_gradients import gradients_of, one_by_one
from tests.numerics.toy_networks import NETWORKS, made


def total(outputs: Tensor) -> Tensor:
    return outputs.sum(1)


def drawn(gradients: PointGradients, points: Tensor, dimension: int, seed: int = 0) -> GradientSketch:
    uses = gradients(points).uses
    generator = Generator().manual_seed(seed)
    return GradientSketch.draw(uses, gradients.state, gradients.names, dimension, generator=generator)


def test_a_layer_is_the_product_of_the_sketches_of_its_inputs_and_of_its_gradients() -> None:
    network, points = made("mlp")
    gradients = gradients_of(network)
    sketch = drawn(gradients, points, 6)
    hidden = torch.relu(network[0](points)).detach()
    above = network[2].weight.detach().sum(0) * (hidden > 0)  # ∂ Σ_c f_c / ∂ the first layer's outputs
    first, last = sketch.matrices["0.weight"], sketch.matrices["2.weight"]
    row = sketch.vectors["0.bias"] / first.outer  # the row of the matrix of inputs that belongs to the constant 1
    torch.testing.assert_close(row, row[:1].expand_as(row))
    widened = torch.cat([points, torch.ones(7, 1, dtype=torch.float64)], 1) @ torch.cat([first.inner, row[:1]])
    expected = widened * (above @ first.outer) + (hidden @ last.inner) * (torch.ones(7, 3).double() @ last.outer)
    torch.testing.assert_close(sketch(gradients(points).gradients(total)), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_sketch_is_the_same_however_gradients_are_come_by(name: str) -> None:
    network, points = made(name)
    gradients = gradients_of(network)
    for dimension in (2, 300):  # where layers are sketched place by place, and where they are written down first
        sketch = drawn(gradients, points, dimension)
        written = gradients_by_point(gradients.forward, gradients.state, points, total, gradients.names)
        seen = sketch(gradients(points).gradients(total))
        torch.testing.assert_close(seen, sketch(Gradients(7, {}, written)), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", ["mlp", "tied", "used twice", "convolutions"])
def test_inner_products_are_those_of_the_gradients_on_average_and_close_for_many_dimensions(name: str) -> None:
    network, points = made(name)
    gradients = gradients_of(network)
    jacobian = torch.cat([value.flatten(1) for value in one_by_one(copy.deepcopy(network), points, total).values()], 1)
    kernel = jacobian @ jacobian.T
    found = gradients(points).gradients(total)
    errors = []
    for dimension in (32, 2048):
        rows = [drawn(gradients, points, dimension, seed)(found) for seed in range(40)]
        grams = torch.stack([row @ row.T for row in rows])
        spread = grams.std(0) / 40**0.5
        assert bool(((grams.mean(0) - kernel).abs() < 5 * spread + 1e-9).all())
        errors.append(float((grams - kernel).square().mean().sqrt() / kernel.norm()))
    assert 4 < errors[0] / errors[1] < 16  # √(2048 / 32) = 8


def test_one_seed_is_one_sketch_in_any_precision() -> None:
    sketches = []
    for dtype in (torch.float32, torch.float64):
        network, points = made("mlp", dtype)
        gradients = gradients_of(network)
        sketches.append(drawn(gradients, points, 8)(gradients(points).gradients(total)).double())
    torch.testing.assert_close(sketches[0], sketches[1], rtol=1e-4, atol=1e-5)


def test_a_bias_whose_weight_is_frozen_is_sketched_by_itself() -> None:
    network = nn.Linear(3, 2).double()
    state = {"weight": network.weight.detach(), "bias": network.bias.detach().requires_grad_()}
    gradients = PointGradients(lambda state, x: torch.func.functional_call(network, state, (x,)), state)
    points = torch.ones(2, 3, dtype=torch.float64)
    sketch = drawn(gradients, points, 5)
    assert set(sketch.vectors) == {"bias"}
    assert not sketch.matrices
    rows = sketch(gradients(points).gradients(total))
    torch.testing.assert_close(rows, sketch.vectors["bias"].sum(0).expand(2, 5))
