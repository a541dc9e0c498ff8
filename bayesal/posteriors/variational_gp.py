"""Sparse variational Gaussian processes: a few inducing points stand for all labels."""

from typing import Any

from jaxtyping import Shaped
from torch import Generator, Tensor, nn

from bayesal.learning.losses import CrossEntropy, SquaredLoss
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.processes.elbo import train_inducing_gp
from bayesal.posteriors.processes.paths import NUM_FREQUENCIES
from bayesal.posteriors.processes.rows import Rows
from bayesal.posteriors.processes.sparse_process import SparseProcess, SparseProcessOfAmounts


class VariationalGP(SparseProcess):
    """A trained GPyTorch model with inducing points as a belief (Titsias, 2009; Hensman et al., 2015).

    q(f) = ∫ p(f | u) q(u) du, u = f(Z), trained by maximising Σ_i E_q[log p(y_i | f_i)] - KL(q(u) ‖ p(u)), which never
    exceeds log p(y). ``draw`` takes one u for each of K functions and extends it over all points as a path,
    f(x) = prior(x) + k(x, Z) K_ZZ⁻¹ (u - prior(Z)) (Wilson et al., 2020): the covariance of any two points is that of
    ``model`` within the error of ``num_frequencies`` random frequencies, in whatever chunks the points come.

    ``VariationalGP(model, likelihood)`` is for models of your own (``SparseProcess`` says which), where the moments of
    one amount a point are in ``VariationalGPOfAmounts(model, likelihood)``; ``fit`` makes either.
    """

    @classmethod
    def fit(
        cls,
        inputs: Shaped[Tensor, "L ..."],
        labels: Shaped[Tensor, "L ..."],
        *,
        scale: nn.Module | None = None,
        generator: Generator,
        num_classes: int | None = None,
        num_inducing: int = 64,
        ard: bool = False,
        per_class: bool = False,
        num_steps: int = 300,
        batch_size: int = 128,
        learning_rate: float = 0.05,
        num_frequencies: int = NUM_FREQUENCIES,
    ) -> "VariationalGP":
        """Squared exponential kernel; Z starts at k-means centres of the inputs and ℓ at half their median distance.

        ``num_classes``: labels are 0 ... C-1, with a function each under one kernel (or, ``per_class``, a kernel each),
        and softmax of them; whether a class is among the labels does not matter. None: labels are amounts, which are
        standardised, with Gaussian noise, where q is set to its closed-form optimum at the end. ``ard``: a length-scale
        for each column. A step of B points costs M³ + B M² for M inducing points; everything is float64.

        Raises ValueError for labels that are neither, for inputs that are not finite, and for a diverged fit.
        """
        if len(inputs) == 0 or len(inputs) != len(labels):
            raise ValueError(
                f"each point needs a label, and there must be one at least: got {len(inputs)} points and "
                f"{len(labels)} labels"
            )
        shift, unit = 0.0, 1.0
        if num_classes is None:
            targets = SquaredLoss().prepare(labels, 1)
            loss = SquaredLoss().fit(targets)
            shift, unit = loss.shift, loss.scale
            targets = (targets - shift) / unit
        else:
            targets = CrossEntropy().prepare(labels, num_classes)
        scale = frozen_copy(scale or nn.Identity())
        rows = Rows.of(scale, inputs)
        points, _ = rows(inputs)
        model, likelihood = train_inducing_gp(
            points,
            targets.to(points.device),
            features=nn.Identity(),
            num_classes=num_classes,
            num_inducing=num_inducing,
            num_steps=num_steps,
            batch_size=batch_size,
            learning_rate=learning_rate,
            generator=generator,
            ard=ard,
            per_class=per_class,
        )
        settings: dict[str, Any] = {"scale": scale, "shape": rows.shape, "num_frequencies": num_frequencies}
        if num_classes is None:
            return VariationalGPOfAmounts(model, likelihood, shift=shift, unit=unit, **settings)
        return VariationalGP(model, likelihood, **settings)


class VariationalGPOfAmounts(SparseProcessOfAmounts, VariationalGP):
    """The same for one amount a point, with its moments."""
