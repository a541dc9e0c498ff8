"""Label configurations: what the points taken so far could turn out to be, and what each would teach."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from bayesal.selection.resampling import thin
from bayesal.selection.rows import log_probabilities

ELEMENTS = 2**19  # numbers in one scratch array
BLOCK = 512  # configurations in one matrix product: wide enough for the product, few enough to stay in the cache


@dataclass(frozen=True, eq=False)
class Configurations:
    """M weighted label configurations y_m of the points taken so far, each with the belief it would lead to.

    ``posteriors[m, k]`` = p(w_k | y_m): every row is a distribution over the K hypotheses, so nothing underflows
    however many points are taken. ``weights[m]`` = p(y_m) while every configuration of positive probability is listed
    (``exact``); after that Σ_m weights[m] f(y_m) is an unbiased estimate of E f(y).
    """

    posteriors: Float[Tensor, "M K"]
    weights: Float[Tensor, "M"]
    exact: bool = True

    @classmethod
    def none_taken(cls, num_hypotheses: int, *, dtype: torch.dtype, device: torch.device) -> "Configurations":
        """One empty configuration, under which every hypothesis is as likely as any other."""
        uniform = torch.full((1, num_hypotheses), 1 / num_hypotheses, dtype=dtype, device=device)
        return cls(uniform, torch.ones(1, dtype=torch.float64, device=device))

    def __len__(self) -> int:
        return len(self.weights)

    def extended(self, point: Float[Tensor, "K C"], most: int, *, generator: Generator) -> "Configurations":
        """With the label of one more point, whose probability of class c under hypothesis k is ``point[k, c]``.

        p(y_m, c) = p(y_m) Σ_k p(w_k | y_m) p(c | w_k). Impossible labels are dropped, and if more than ``most``
        configurations are left then, they are thinned.
        """
        labels = self.posteriors @ point
        labels.masked_fill_(labels < torch.finfo(labels.dtype).tiny, 0)
        weights = (self.weights[:, None] * labels).flatten()
        weights /= weights.sum()
        kept, kept_weights = thin(weights, most, generator=generator)
        exact = self.exact and len(kept) == int(weights.count_nonzero())
        configuration, label = kept // point.shape[1], kept % point.shape[1]
        posteriors = self.posteriors[configuration].mul_(point.T[label])
        return Configurations(posteriors.div_(posteriors.sum(1, keepdim=True)), kept_weights, exact)

    def thinned(self, most: int, *, generator: Generator) -> "Configurations":
        """At most ``most`` of them, weighted so that every mean stays right on average."""
        kept, weights = thin(self.weights, most, generator=generator)
        return Configurations(self.posteriors[kept], weights, self.exact and len(kept) == len(self))

    def merged(self, most: int) -> "Configurations":
        """At most ``most`` groups of configurations that lead to similar beliefs.

        The name of the group tells less than the configuration does, so what is left to learn, and ``information`` of
        every row, can only grow: these are upper bounds, and close ones. Groups form around the heaviest
        configurations by one round of k-means on the square roots of the posteriors (Hellinger distance).
        """
        if len(self) <= most:
            return self
        roots = self.posteriors.sqrt()
        groups = self._grouped((roots @ roots[self.weights.topk(most).indices].T).argmax(1), most)
        return self._grouped((roots @ groups.posteriors.sqrt().T).argmax(1), most)

    def _grouped(self, group: Int[Tensor, "M"], num_groups: int) -> "Configurations":
        weights = self.weights.new_zeros(num_groups).index_add_(0, group, self.weights)
        posteriors = self.weights.new_zeros(num_groups, self.posteriors.shape[1])
        posteriors.index_add_(0, group, self.weights[:, None] * self.posteriors.double())
        posteriors = posteriors[weights > 0].div_(weights[weights > 0, None])
        return Configurations(posteriors.to(self.posteriors.dtype), weights[weights > 0], exact=False)

    @cached_property
    def hypotheses(self) -> Float[Tensor, "K"]:
        """Σ_m weights[m] p(w_k | y_m): 1/K each if exact, close to that if sampled."""
        return self.weights @ self.posteriors.double()

    def remaining(self) -> float:
        """H(w | y) = Σ_m weights[m] H(w | y_m), in nats: what the points taken leave open about the hypotheses."""
        return float(self.weights @ torch.special.entr(self.posteriors.double()).sum(1))

    def information(self, log_probabilities: Float[Tensor, "n K C"]) -> Float[Tensor, "n"]:
        """I(y_n; w | y) = Σ_m weights[m] [ H(y_n | y_m) - Σ_k p(w_k | y_m) H(y_n | w_k) ], in nats.

        Each bracket is an information, at least 0 and at most H(w | y_m). Weighing the second term by the same
        posteriors as the first, instead of 1/K, cuts the standard deviation of sampled sums by up to 4.
        """
        n, num_hypotheses, num_classes = log_probabilities.shape
        probabilities = log_probabilities.exp()
        given_hypothesis = -probabilities.mul(log_probabilities.clamp_min(-1e4)).sum(2)  # exp(-1e4) is 0: 0 log 0 = 0
        known = given_hypothesis.double() @ self.hypotheses

        flat = probabilities.transpose(1, 2).reshape(n * num_classes, num_hypotheses)
        uncertain = torch.zeros(n * num_classes, dtype=torch.float64, device=flat.device)
        for posteriors, weights in zip(self.posteriors.split(BLOCK), self.weights.split(BLOCK), strict=True):
            labels = (flat @ posteriors.T).clamp_min_(torch.finfo(flat.dtype).tiny)  # p(c | y_m)
            uncertain -= labels.mul_(labels.log()) @ weights.to(labels.dtype)  # 3 times faster than torch.special.entr
        return uncertain.view(n, num_classes).sum(1) - known

    def information_at(self, rows: Float[Tensor, "N K C"], positions: Int[Tensor, "R"]) -> Float[Tensor, "R"]:
        """``information`` of the log-probabilities at these positions, in any float dtype, some rows at a time."""
        _, num_hypotheses, num_classes = rows.shape
        step = max(1, ELEMENTS // (num_classes * max(num_hypotheses, BLOCK)))
        return torch.cat([self.information(log_probabilities(rows[some])) for some in positions.split(step)])


def rounding(rows: Tensor) -> float:
    """Informations, and differences of them, below this mean nothing."""
    return 1e-12 if rows.dtype == torch.float64 else 1e-6
