"""The literature as a table: each function is one published method, as view × rule.

A method called without arguments has the defaults of its paper. Its docstring's last lines are its row in the table
that ``bayesal methods`` prints. There is no registry: on the command line a method is a name of this module or any
``module:name`` of the user's own.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from bayesal.methods.adversarial import adversarial_bim, adversarial_deepfool
from bayesal.methods.amounts import mu_bald, mu_rho_bald, propensity, rho_bald, rho_loss, tau_bald, variance
from bayesal.methods.balancing import balance, balance_clustering, batch_balance, power_balance
from bayesal.methods.barlow import dalbt
from bayesal.methods.clusters import cluster_margin, kmeans, probcover, typiclust
from bayesal.methods.contrastive import class_balanced, featuresim, fre
from bayesal.methods.densities import spn_entropy, spn_variation_ratio
from bayesal.methods.density import dacs
from bayesal.methods.deterministic import softmax_entropy, softmax_least_confidence, softmax_margin
from bayesal.methods.gradients import egl, fisher_trace, gradnorm_entropy, gradnorm_expected
from bayesal.methods.jointly import batchbald, joint_bald, kbald
from bayesal.methods.judged import loss_prediction, vaal, waal
from bayesal.methods.kernels import bait_kernel, coreset, coreset_pca, frank_wolfe, kmeanspp, lcmd, max_diag, maxdet
from bayesal.methods.last_layers import badge, bait
from bayesal.methods.looking_ahead import mlmoc
from bayesal.methods.mixing import alfamix
from bayesal.methods.pareto import poal
from bayesal.methods.points import bald, balentacq, entropy, least_confidence, margin, mean_std, random, variation_ratio
from bayesal.methods.predicting import alc, epig, jepig, jepig_retrained
from bayesal.methods.pseudo import ceal
from bayesal.methods.similar import similar
from bayesal.methods.sparse import acs_fw, sparse_approximation
from bayesal.methods.stochastic import powerbald, softmaxbald, softrankbald
from bayesal.methods.temporal import tod
from bayesal.strategies import Strategy

__all__ = [
    "acs_fw",
    "adversarial_bim",
    "adversarial_deepfool",
    "alc",
    "alfamix",
    "badge",
    "bait",
    "bait_kernel",
    "balance",
    "balance_clustering",
    "bald",
    "balentacq",
    "batch_balance",
    "batchbald",
    "ceal",
    "class_balanced",
    "cluster_margin",
    "coreset",
    "coreset_pca",
    "dacs",
    "dalbt",
    "egl",
    "entropy",
    "epig",
    "featuresim",
    "fisher_trace",
    "frank_wolfe",
    "fre",
    "gradnorm_entropy",
    "gradnorm_expected",
    "jepig",
    "jepig_retrained",
    "joint_bald",
    "kbald",
    "kmeans",
    "kmeanspp",
    "lcmd",
    "least_confidence",
    "loss_prediction",
    "margin",
    "max_diag",
    "maxdet",
    "mean_std",
    "mlmoc",
    "mu_bald",
    "mu_rho_bald",
    "poal",
    "power_balance",
    "powerbald",
    "probcover",
    "propensity",
    "random",
    "rho_bald",
    "rho_loss",
    "similar",
    "softmax_entropy",
    "softmax_least_confidence",
    "softmax_margin",
    "softmaxbald",
    "softrankbald",
    "sparse_approximation",
    "spn_entropy",
    "spn_variation_ratio",
    "tau_bald",
    "tod",
    "typiclust",
    "vaal",
    "variance",
    "variation_ratio",
    "waal",
]


class Row(NamedTuple):
    """A method's row in the table."""

    name: str
    summary: str
    tasks: str
    needs: str
    paper: str


def describe() -> list[Row]:
    """The table of methods, read off the docstrings above."""
    return [_row(name, getattr(sys.modules[__name__], name)) for name in __all__]


def named(name: str) -> Callable[..., Strategy[Any]]:
    """The method of this name, or the user's own at ``module:name``. Raises ValueError with what there is."""
    if ":" in name:
        module, _, attribute = name.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"cannot load the method {name!r}: {error}") from error
    if name not in __all__:
        raise ValueError(f"there is no method {name!r}; there are {', '.join(__all__)}, or your own as module:name")
    return getattr(sys.modules[__name__], name)


def _row(name: str, method: Callable[..., Any]) -> Row:
    text = " ".join((method.__doc__ or "").split())
    body, _, facts = text.rpartition("Tasks: ")
    tasks, _, facts = facts.partition(". Needs: ")
    needs, _, paper = facts.partition(". Paper: ")
    return Row(name, body.split(". ")[0].strip().rstrip("."), tasks, needs, paper.rstrip("."))
