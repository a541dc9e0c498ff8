"""Learners whose hypotheses differ in their last layer."""

import math
from collections import OrderedDict
from functools import partial

import torch
from torch import nn

from bayesal.bench.defaults import LARGEST_SIDE, TABLE_DROPOUT, Given, point_shape
from bayesal.learning import Staged
from bayesal.networks import RandomFourierFeatures, ResidualCNN, ResidualMLP, soft_spectral_norm
from bayesal.networks.random_features import PROJECTION
from bayesal.posteriors import SNGP, BayesianLastLayer, DirichletLastLayer, LastLayerLaplace

SMALL_SIDE = 16  # of images whose residual network looks at every pixel; larger ones are halved first
IMAGE_BOUND, TABLE_BOUND = 3.0, 0.95  # of the layers; a table's blocks then keep any two points apart
SMOOTH = 4.0  # times the usual length scale for amounts: a few dozen of them carry no finer function


def laplace(given: Given) -> Staged:
    return Staged(fit=LastLayerLaplace.fit, **given.recipe(squared=True))


def bayesian_last_layer(given: Given) -> Staged:
    belief = BayesianLastLayer if given.kind == "regression" else DirichletLastLayer
    return Staged(fit=belief.fit, **given.recipe(squared=True))


def sngp(given: Given) -> Staged:
    outputs = 1 if given.kind == "regression" else given.num_classes
    network = partial(distance_aware, point_shape(given.data), outputs, amounts=given.kind == "regression")
    return Staged(fit=partial(SNGP.fit, precision="softmax"), **{**given.recipe(squared=True), "network": network})


def distance_aware(shape: tuple[int, ...], outputs: int, *, amounts: bool) -> nn.Module:
    """A residual trunk with bounded layers, random features, and a linear layer; larger images are averaged down."""
    points = torch.zeros(1, *shape)
    if len(shape) == 3:
        large = max(shape[1:]) > LARGEST_SIDE
        residual = ResidualCNN(channels=shape[0], stride=2 if max(shape[1:]) > SMALL_SIDE else 1)
        trunk = nn.Sequential(nn.AdaptiveAvgPool2d(LARGEST_SIDE) if large else nn.Identity(), residual)
        soft_spectral_norm(trunk, IMAGE_BOUND, points=points)
    else:
        trunk = soft_spectral_norm(ResidualMLP(math.prod(shape), depth=1, dropout=TABLE_DROPOUT), TABLE_BOUND)
    width = trunk(points).shape[1]
    length_scale = SMOOTH * math.sqrt(PROJECTION) if amounts else None
    features = RandomFourierFeatures(width, projection=PROJECTION, length_scale=length_scale)
    dropout = nn.Dropout(TABLE_DROPOUT if amounts else 0.0)  # the random features are enough to fit any amounts
    head = nn.Linear(features.num_features, outputs)
    return nn.Sequential(OrderedDict(trunk=trunk, features=features, dropout=dropout, head=head))
