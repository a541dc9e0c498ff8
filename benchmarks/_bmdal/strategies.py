"""The methods of the comparison, as the card of the paper names them, with the published means of log RMSE."""

from typing import Any, NamedTuple

from bayesal import methods
from bayesal.representations import posterior, scale
from bayesal.strategies import Strategy


class Method(NamedTuple):
    """``published``: the mean log RMSE over 15 tables and 16 batches of 256 with ReLU networks of width 512."""

    strategy: Strategy[Any]
    published: float


NOISE = 1e-3  # σ² = 1e-6
POSTERIOR = (scale(), posterior(NOISE))
RANDOM = "Random"
OWN = "LCMD-TP, grad→rp512"
BAIT = "Bait-F-P, grad→rp512→train"
LAST_LAYER_BAIT = "Bait-FB-P, ll→train (BAIT)"
MAX_DIAG = "MaxDiag, ll→train (BALD)"

METHODS: dict[str, Method] = {
    OWN: Method(methods.lcmd(), -1.589),
    BAIT: Method(methods.bait_kernel(noise=NOISE, over_selection=1), -1.585),
    "KMeansPP-TP, grad→rp512": Method(methods.kmeanspp(), -1.567),
    "LCMD-TP, ll": Method(methods.lcmd("last_layer"), -1.544),
    LAST_LAYER_BAIT: Method(methods.bait_kernel("last_layer", noise=NOISE), -1.541),
    "KMeansPP-P, ll→train (BADGE)": Method(methods.kmeanspp("last_layer", POSTERIOR, given=False), -1.530),
    "MaxDet-P, grad→rp512→train": Method(methods.maxdet(noise=NOISE), -1.512),
    "MaxDist-TP, ll (Core-Set)": Method(methods.coreset("last_layer"), -1.490),
    "MaxDet-P, ll→train (BatchBALD)": Method(methods.maxdet("last_layer", noise=NOISE), -1.463),
    "FW-P, ll→acs-rf-hyper512 (ACS-FW)": Method(methods.frank_wolfe("last_layer"), -1.439),
    RANDOM: Method(methods.random(), -1.401),
    MAX_DIAG: Method(methods.max_diag("last_layer", noise=NOISE), -1.285),
}
"""In the published order, the best first."""
