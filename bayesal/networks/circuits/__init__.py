"""Probabilistic circuits: sum-product networks whose every marginal is one pass."""

from bayesal.networks.circuits.circuit import Circuit as Circuit
from bayesal.networks.circuits.counts import dirichlet_logits as dirichlet_logits
from bayesal.networks.circuits.counts import expected_counts as expected_counts
from bayesal.networks.circuits.leaves import CategoricalLeaves as CategoricalLeaves
from bayesal.networks.circuits.leaves import GaussianLeaves as GaussianLeaves
