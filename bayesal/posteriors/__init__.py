"""Posteriors: one file per way of being unsure. Each gives K fixed functions by ``draw``.

Those that need Pyro, GPyTorch or BoTorch are imported when they are first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bayesal.posteriors.dirichlet_last_layer import DirichletLastLayer as DirichletLastLayer
from bayesal.posteriors.dropconnect import DropConnect as DropConnect
from bayesal.posteriors.dropout import MCDropout as MCDropout
from bayesal.posteriors.ensemble import DeepEnsemble as DeepEnsemble
from bayesal.posteriors.greedy_ensemble import GreedyEnsemble as GreedyEnsemble
from bayesal.posteriors.judged import JudgedNetwork as JudgedNetwork
from bayesal.posteriors.laplace import LastLayerLaplace as LastLayerLaplace
from bayesal.posteriors.last_layer import BayesianLastLayer as BayesianLastLayer
from bayesal.posteriors.network import NetworkHypotheses as NetworkHypotheses
from bayesal.posteriors.nomu import NOMU as NOMU
from bayesal.posteriors.nomu_parts.descent import Descent as Descent
from bayesal.posteriors.nomu_parts.nomu_calibration import NOMUCalibration as NOMUCalibration
from bayesal.posteriors.nomu_parts.training import NOMUTraining as NOMUTraining
from bayesal.posteriors.sgmcmc import SGMCMC as SGMCMC
from bayesal.posteriors.snapshots import Snapshots as Snapshots
from bayesal.posteriors.sngp import SNGP as SNGP
from bayesal.posteriors.sum_product import SumProductNetwork as SumProductNetwork
from bayesal.posteriors.swag import SWAG as SWAG
from bayesal.posteriors.temporal import TemporalNetwork as TemporalNetwork
from bayesal.posteriors.trained import TrainedNetwork as TrainedNetwork
from bayesal.posteriors.twins import TwinsDropout as TwinsDropout
from bayesal.posteriors.weight_walks.langevin import Langevin as Langevin
from bayesal.posteriors.weight_walks.weight_moments import WeightMoments as WeightMoments

if TYPE_CHECKING:
    from bayesal.posteriors.bnn import BayesianNetwork as BayesianNetwork
    from bayesal.posteriors.deep_kernel_gp import DeepKernelGP as DeepKernelGP
    from bayesal.posteriors.dirichlet_gp import DirichletGP as DirichletGP
    from bayesal.posteriors.fully_bayesian_gp import FullyBayesianGP as FullyBayesianGP
    from bayesal.posteriors.gp import ExactGP as ExactGP
    from bayesal.posteriors.pyro_model import PyroPosterior as PyroPosterior
    from bayesal.posteriors.pyro_models.fit import fit_nuts as fit_nuts
    from bayesal.posteriors.pyro_models.fit import fit_svi as fit_svi
    from bayesal.posteriors.pyro_models.weight_prior import Prior as Prior
    from bayesal.posteriors.variational_gp import VariationalGP as VariationalGP
    from bayesal.posteriors.variational_gp import VariationalGPOfAmounts as VariationalGPOfAmounts

_LATER: dict[str, str] = {
    "DeepKernelGP": "deep_kernel_gp",
    "DirichletGP": "dirichlet_gp",
    "VariationalGP": "variational_gp",
    "VariationalGPOfAmounts": "variational_gp",
    "ExactGP": "gp",
    "FullyBayesianGP": "fully_bayesian_gp",
    "BayesianNetwork": "bnn",
    "Prior": "pyro_models.weight_prior",
    "fit_nuts": "pyro_models.fit",
    "fit_svi": "pyro_models.fit",
    "PyroPosterior": "pyro_model",
}
"""By name, the module of this room that has it."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"bayesal.posteriors.{_LATER[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LATER])
