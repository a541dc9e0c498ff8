"""Looking ahead: how much predictions would change if a network were retrained with one more label, by kernels.

Retraining from where the network stands is kernel regression with its tangent kernel Θ, the same for each of C outputs:
f⁺(x) = f(x) + Θ(x, X⁺)(Θ(X⁺, X⁺) + λI)⁻¹(Y⁺ - f(X⁺)) (Mohamadi, Bae and Sutherland, NeurIPS 2022).
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from bayesal.acquisitions.lookahead_door import check_choice, checked

LABELS = ("likely", "expected")
OBJECTIVES = ("change", "agreement")
KNOWN = 1e-10  # of its prior variance: where less is left of a candidate, its label would teach nothing
ELEMENTS = 2**22  # numbers in one block: 32 MiB


@dataclass(frozen=True, eq=False)
class LookAhead:
    """What retraining on the labels known makes of U points, and what one more label among them would change.

    ``covariance`` K(x, x') = Θ(x, x') - Θ(x, L)(Θ_LL + λI)⁻¹Θ(L, x'), ``prior`` Θ(x, x); ``retrained``: the outputs
    after retraining on what is labelled; ``current``: those to compare with; ``own``: λ for a candidate.
    """

    covariance: Float[Tensor, "U U"]
    prior: Float[Tensor, "U"]
    retrained: Float[Tensor, "U C"]
    current: Float[Tensor, "U C"]
    own: float

    @classmethod
    def of(
        cls,
        labelled_kernel: Tensor,
        cross_kernel: Tensor,
        kernel: Tensor,
        labelled_outputs: Tensor,
        labels: Tensor,
        outputs: Tensor,
        *,
        regularisation: float | int = 0.0,
        own: float | int | None = None,
    ) -> "LookAhead":
        """From Θ_LL ``L L``, Θ_LU ``L U`` and Θ_UU ``U U``, the outputs f ``L C`` and ``U C``, and the labels ``L C``,
        one-hot. ``regularisation``: λ on the diagonal of Θ_LL; ``own``: on that of a candidate, by default the same.

        In float64. Raises ValueError for blocks that do not fit together or hold NaN, λ below 0, and a Θ_LL + λI that
        is not positive definite.
        """
        own = regularisation if own is None else own
        blocks = checked(labelled_kernel, cross_kernel, kernel, labelled_outputs, labels, outputs, regularisation, own)
        labelled_kernel, cross_kernel, kernel, labelled_outputs, labels, outputs = blocks
        factor, failed = torch.linalg.cholesky_ex(labelled_kernel + regularisation * torch.eye(len(labels)).to(kernel))
        if int(failed):
            raise ValueError(
                f"the kernel of the {len(labels)} labelled points is not positive definite with a regularisation of "
                f"{regularisation:.3g}: some are alike; raise it"
            )
        weights = torch.cholesky_solve(cross_kernel, factor)
        retrained = outputs + weights.mT @ (labels - labelled_outputs)
        covariance = torch.addmm(kernel, cross_kernel.mT, weights, alpha=-1)
        return cls(covariance, kernel.diagonal().clone(), retrained, outputs, float(own))

    def scores(self, labels: str = "likely", objective: str = "change") -> Float[Tensor, "U"]:
        """A_j = Σ_x ‖f⁺_j(x) - f(x)‖ for every candidate j at once, f⁺_j(x) = f_lin(x) + G_xj e_j with f_lin the
        retrained outputs, G_xj = K(x, j) / (K(j, j) + λ) and e_j = y'_j - f_lin(j) (MLMOC).

        ``labels``: y' is the "likely" label, argmax f(j), or A_j is "expected" over all labels, weighted by the outputs
        f(j) clipped at 0 and scaled to the sum 1, evenly if none is above 0 (EMOC; Freytag et al., 2014).
        ``objective``: "change", or "agreement", the number of points whose argmax changes (what the authors' code
        ranks by). A candidate that what is labelled determines scores 0. Memory: one block beside U x U.
        """
        check_choice("labels", labels, LABELS)
        check_choice("objective", objective, OBJECTIVES)
        count, classes = self.current.shape
        step = max(1, ELEMENTS // max(1, count * (classes if objective == "agreement" else 1)))
        scores = self.prior.new_empty(count)
        for start in range(0, count, step):
            columns = slice(start, start + step)
            scores[columns] = self._some(columns, labels, objective)
        return scores.masked_fill_(self.known, 0)

    @property
    def known(self) -> Bool[Tensor, "U"]:
        """Whose outputs what is labelled determines."""
        return self.covariance.diagonal() <= KNOWN * self.prior

    @property
    def guesses(self) -> Float[Tensor, "U C"]:
        """The likely labels, one-hot; of equal outputs the first."""
        return torch.zeros_like(self.current).scatter_(1, self.current.argmax(1, keepdim=True), 1.0)

    def answered(self, position: int, label: Float[Tensor, "C"]) -> "LookAhead":
        """Retrained with this label too, which is a rank-one change; what follows is compared with the new outputs."""
        row = self.covariance[position]
        gain = torch.zeros_like(row) if bool(self.known[position]) else row / (row[position] + self.own)
        retrained = torch.addr(self.retrained, gain, label.to(self.retrained) - self.retrained[position])
        covariance = torch.addr(self.covariance, gain, row, alpha=-1)
        return replace(self, covariance=covariance, retrained=retrained, current=retrained)

    def retrained_with(self, position: int, label: Float[Tensor, "C"]) -> Float[Tensor, "U C"]:
        """f⁺ for one candidate and a label of it."""
        return self.answered(position, label).retrained

    def _some(self, columns: slice, labels: str, objective: str) -> Float[Tensor, "b"]:
        own = self.covariance.diagonal()[columns] + self.own
        gain = self.covariance[:, columns] / own.masked_fill(self.known[columns], torch.inf)
        measure = self._change if objective == "change" else self._disagreement
        if labels == "likely":
            return measure(gain, self.guesses[columns] - self.retrained[columns])
        weights = self.current[columns].clamp_min(0)
        total = weights.sum(1, keepdim=True)
        weights = torch.where(total > 0, weights / total.where(total > 0, 1.0), 1 / weights.shape[1])
        classes = torch.eye(weights.shape[1]).to(weights)
        parts = [measure(gain, label - self.retrained[columns]) for label in classes]
        return (weights.mT * torch.stack(parts)).sum(0)

    def _change(self, gain: Float[Tensor, "U b"], news: Float[Tensor, "b C"]) -> Float[Tensor, "b"]:
        """Σ_x ‖a_x + G_xj e_j‖, a = f_lin - f, from inner products."""
        apart = self.retrained - self.current
        squared = (apart @ news.mT).mul_(2).addcmul_(gain, news.square().sum(1)).mul_(gain)
        return squared.add_(apart.square().sum(1, keepdim=True)).clamp_min_(0).sqrt_().sum(0)

    def _disagreement(self, gain: Float[Tensor, "U b"], news: Float[Tensor, "b C"]) -> Float[Tensor, "b"]:
        after = torch.addcmul(self.retrained[:, None], gain[..., None], news)
        return (after.argmax(2) != self.current.argmax(1, keepdim=True)).sum(0).double()
