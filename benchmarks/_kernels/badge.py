"""BADGE: k-means++ over last-layer gradients, kept as factors."""

from typing import Any

import numpy as np
import torch
from scipy.stats import rv_discrete
from torch import Generator, Tensor

from bayesal.representations import badge_embedding
from bayesal.selection import kmeans_plus_plus
from benchmarks._compare import Job
from benchmarks._device import Work
from benchmarks._kernels.inputs import logits_and_features
from benchmarks._subjects.subject import Case, Setting, Size, Subject, numpy_peer

STYLE, FACTORED, SCIKIT = "badge-style, NumPy and SciPy", "formula, factored, one pass a pick", "scikit-activeml"
SIZE = {"N": 10_000, "D": 512, "C": 10, "B": 100}


def build(size: Size, device: torch.device) -> Case:
    """Draws cannot agree; that they follow the same law is tested elsewhere."""
    logits, features = logits_and_features(size, device)
    batch, n, d, c = (size[letter] for letter in "BNDC")
    peers: dict[str, Job] = {FACTORED: lambda: factored(logits, features, batch)}
    if device.type == "cpu":
        peers[STYLE] = lambda: badge_style(logits, features, batch)
    if skactiveml := numpy_peer("skactiveml", device):
        peers[SCIKIT] = scikit(skactiveml, logits, features, batch)
    return Case(
        lambda: kmeans_plus_plus(badge_embedding(logits, features), batch, generator=Generator().manual_seed(0)),
        {
            "factors read once a pick": Work(functions=n * c, bytes=4 * n * (c + d) * batch),
            "factors read once": Work(functions=n * c, bytes=4 * n * (c + d)),
        },
        peers,
        other=frozenset(peers),
    )


def factored(logits: Tensor, features: Tensor, batch: int) -> list[int]:
    """‖g_i - g_j‖² = ‖q_i‖²‖h_i‖² + ‖q_j‖²‖h_j‖² - 2 (q_i · q_j)(h_i · h_j), q = p - e_ŷ; the first has the largest
    norm, the next is drawn by the squared distance to the nearest."""
    generator = torch.Generator(logits.device).manual_seed(0)
    doubts = logits.softmax(1)
    doubts[torch.arange(len(doubts)), doubts.argmax(1)] -= 1
    norms = doubts.square().sum(1) * features.square().sum(1)
    chosen = [int(norms.argmax())]
    nearest = torch.full_like(norms, torch.inf)
    while True:
        last = chosen[-1]
        shared = (doubts @ doubts[last]) * (features @ features[last])
        nearest = torch.minimum(nearest, (norms + norms[last] - 2 * shared).clamp(min=0))
        nearest[chosen] = 0
        if len(chosen) == batch:
            return chosen
        chosen.append(int(torch.multinomial(nearest.double(), 1, generator=generator)))


def badge_style(logits: Tensor, features: Tensor, batch: int) -> list[int]:
    """The same with the tools of the authors' released code, whose licence is not known: NumPy arrays, and a SciPy
    distribution made for each draw. Written anew from the formula."""
    draws = np.random.default_rng(0)
    doubts, seen = logits.softmax(1).numpy(), features.numpy()
    doubts[np.arange(len(doubts)), doubts.argmax(1)] -= 1
    norms = np.square(doubts).sum(1) * np.square(seen).sum(1)
    chosen, nearest = [int(norms.argmax())], np.full(len(norms), np.inf)
    while True:
        last = chosen[-1]
        squared = norms + norms[last] - 2 * (doubts @ doubts[last]) * (seen @ seen[last])
        nearest = np.minimum(nearest, squared.astype(np.float64).clip(min=0))
        nearest[chosen] = 0
        if len(chosen) == batch:
            return chosen
        law = rv_discrete(values=(np.arange(len(norms)), nearest / nearest.sum()))
        chosen.append(int(law.rvs(random_state=draws)))


def scikit(skactiveml: Any, logits: Tensor, features: Tensor, batch: int) -> Job:
    """Its query, of a classifier that was fitted before and knows these points' probabilities and features."""
    from skactiveml.base import SkactivemlClassifier
    from skactiveml.pool import Badge

    probabilities, array = logits.softmax(1).numpy(), features.numpy()

    class Known(SkactivemlClassifier):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "Known":
            return self

        def predict_proba(self, X: Any, embeddings: bool = False, **_: Any) -> Any:
            return (probabilities, array) if embeddings else probabilities

    query = Badge(random_state=0, clf_embedding_flag_name="embeddings").query
    unlabelled = np.full(len(array), np.nan)
    known = Known(classes=list(range(probabilities.shape[1])))
    return lambda: query(array, unlabelled, known, fit_clf=False, batch_size=batch)


BADGE = Subject(
    name="badge",
    title="BADGE",
    build=build,
    small={"N": 200, "D": 16, "C": 4, "B": 10},
    settings=[Setting(SIZE, goals={FACTORED: 1.5, SCIKIT: 30})],
    base=SIZE,
    growth={"N": (5_000, 10_000, 20_000), "D": (128, 256, 512), "C": (10, 30, 100), "B": (50, 100, 200)},
)
