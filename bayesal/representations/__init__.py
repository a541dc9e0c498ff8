"""Predictions, features and gradients to rows: what a rule chooses from, and what kernels make of it."""

from bayesal.representations.represented import Represented as Represented
from bayesal.representations.represented import Transform as Transform
