"""How names and numbers are said: the same on the terminal, in the report and in the plots."""

import math

from bayesal.bench.curves import Metric
from bayesal.bench.reach import Bounds, Level

SPELLED = {
    "acs_fw": "ACS-FW",
    "adversarial_bim": "adversarial BIM",
    "adversarial_deepfool": "DeepFool",
    "alc": "ALC",
    "alfamix": "ALFA-Mix",
    "badge": "BADGE",
    "bait": "BAIT",
    "bald": "BALD",
    "bait_kernel": "BAIT by a kernel",
    "balance": "BALanCe",
    "balance_clustering": "BALanCe-Clustering",
    "balentacq": "BalEntAcq",
    "batch_balance": "Batch-BALanCe",
    "batchbald": "BatchBALD",
    "ceal": "CEAL",
    "class_balanced": "class-balanced entropy",
    "cluster_margin": "Cluster-Margin",
    "coreset": "core-set",
    "coreset_pca": "core-set (PCA)",
    "dacs": "DACS",
    "dalbt": "DALBT-style",
    "egl": "EGL",
    "epig": "EPIG",
    "featuresim": "FeatureSim",
    "frank_wolfe": "Frank-Wolfe",
    "fre": "FRE",
    "gradnorm_entropy": "GradNorm",
    "gradnorm_expected": "GradNorm (expected)",
    "jepig": "JEPIG",
    "jepig_retrained": "JEPIG by retraining",
    "joint_bald": "joint BALD",
    "kbald": "k-BALD",
    "kmeans": "k-means",
    "kmeanspp": "k-means++",
    "lcmd": "LCMD",
    "max_diag": "max-diag",
    "maxdet": "MaxDet",
    "mean_std": "mean SD",
    "mlmoc": "MLMOC",
    "mu_bald": "µ-BALD",
    "mu_rho_bald": "µρ-BALD",
    "poal": "POAL",
    "power_balance": "PowerBALanCe",
    "powerbald": "PowerBALD",
    "probcover": "ProbCover",
    "rho_bald": "ρ-BALD",
    "rho_loss": "RHO-LOSS",
    "similar": "SIMILAR",
    "softmaxbald": "SoftmaxBALD",
    "softrankbald": "SoftrankBALD",
    "tau_bald": "τ-BALD",
    "tod": "TOD",
    "typiclust": "TypiClust",
    "vaal": "VAAL",
    "waal": "WAAL",
}
"""Methods whose papers write them otherwise than as words."""


def spell(method: str) -> str:
    """The method's name in prose; a user's own ``module:name`` stays as it is."""
    return SPELLED.get(method, method if ":" in method else method.replace("_", " "))


def begin(text: str) -> str:
    """With a capital if the first word has none at all: "variance reached ..." but not "k-BALD reached ..."."""
    first = text.split(" ", 1)[0]
    return text[:1].upper() + text[1:] if first.islower() and ":" not in first else text


def tell(value: float, metric: Metric) -> str:
    """A value of the metric: 91.3 %, 0.412, 55.2, 5312."""
    if metric.is_share:
        return f"{100 * value:.1f} %"
    return minus(f"{value:.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip("."))


def tell_level(level: Level, metric: Metric) -> str:
    """A level as it stands in a sentence: 90 %, RMSE 55.2."""
    return f"{100 * level.value:g} %" if metric.is_share else f"{metric.name} {level.value:g}"


def tell_difference(mean: float, low: float | None, high: float | None, metric: Metric) -> str:
    """A difference and its interval: "+3.1 points [1.9, 4.4]". No end of an interval is rounded onto zero."""
    scale = 100 if metric.is_share else 1
    numbers = [scale * number for number in (mean, low, high) if number is not None]
    decimals = _decimals(numbers, digits=1 if metric.is_share else 2, at_least=1 if metric.is_share else 0)
    unit = " points" if metric.is_share else ""
    said = minus(f"{numbers[0]:+.{decimals}f}") + unit
    if len(numbers) == 1:
        return said
    return f"{said} [{', '.join(minus(f'{number:.{decimals}f}') for number in numbers[1:])}]"


def tell_labels(bounds: Bounds) -> str:
    """A number of labels: 58, more than 100."""
    return f"{bounds.low:g}" if bounds.known else f"more than {bounds.low:g}"


def tell_saved(bounds: Bounds) -> str:
    """Labels saved: 38, at least 42, at most −12, or not known."""
    if bounds.known:
        return minus(f"{bounds.low:g}")
    if math.isinf(bounds.low) and math.isinf(bounds.high):
        return "not known"
    if math.isinf(bounds.high):
        return f"at least {minus(f'{bounds.low:g}')}"
    if math.isinf(bounds.low):
        return f"at most {minus(f'{bounds.high:g}')}"
    return f"{minus(f'{bounds.low:g}')} to {minus(f'{bounds.high:g}')}"


def tell_p(p_value: float) -> str:
    if p_value < 0.001:
        return "p < 0.001"
    return f"p = {p_value:.2f}" if p_value >= 0.1 else f"p = {p_value:.1g}"


def listed(words: list[str]) -> str:
    """a, b and c."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1] if words else ""]))


def minus(number: str) -> str:
    """With a minus sign for the hyphen, and none before a zero."""
    return (number.lstrip("+-") if float(number) == 0 else number).replace("-", "−")


def _decimals(numbers: list[float], digits: int, at_least: int) -> int:
    """So many digits of the interval's half width (of the number where there is none), and no end shown as zero."""
    width = (numbers[2] - numbers[1]) / 2 if len(numbers) == 3 else abs(numbers[0])
    decimals = at_least if width == 0 else max(at_least, digits - 1 - math.floor(math.log10(width)))
    while decimals < 6 and any(number != 0 and float(f"{number:.{decimals}f}") == 0 for number in numbers[1:]):
        decimals += 1
    return min(decimals, 6)
