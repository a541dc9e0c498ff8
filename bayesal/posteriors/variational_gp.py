"""Sparse variational Gaussian processes: a few inducing points stand for all labels."""

from collections.abc import Callable
from typing import cast

import torch
from gpytorch.likelihoods import Likelihood
from gpytorch.models import ApproximateGP
from jaxtyping import Shaped
from torch import Generator, Tensor, nn

from bayesal.learning.losses import CrossEntropy, SquaredLoss
from bayesal.posteriors.elbo import train_inducing_gp
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.gpytorch_likelihoods import labels_of
from bayesal.posteriors.gpytorch_models import inducing_of
from bayesal.posteriors.paths import NUM_FREQUENCIES
from bayesal.posteriors.process_draws import ProcessHypotheses
from bayesal.posteriors.process_labels import Amounts
from bayesal.posteriors.process_moments import ProcessMoments
from bayesal.posteriors.rows import Rows


class VariationalGP:
    """A trained GPyTorch model with inducing points as a belief (Titsias, 2009; Hensman et al., 2015).

    q(f) = ∫ p(f | u) q(u) du, u = f(Z), trained by maximising Σ_i E_q[log p(y_i | f_i)] - KL(q(u) ‖ p(u)), which never
    exceeds log p(y). ``draw`` takes one u for each of K functions and extends it over all points as a path,
    f(x) = prior(x) + k(x, Z) K_ZZ⁻¹ (u - prior(Z)) (Wilson et al., 2020): the covariance of any two points is that of
    ``model`` within the error of 2·``num_frequencies`` waves, in whatever chunks the points come. Models of
    ``inducing_of`` with likelihoods of ``labels_of`` will do; they are copied into double precision.

    ``scale`` is applied to points first, which are flattened then. ``shift + unit·f`` is in the labels' units.
    For one amount a point the belief has ``Moments`` too: ``mean``, ``covariance``, ``variance`` and ``noise``.
    ``shape``: that of a point, if others are to be refused.
    """

    def __init__(
        self,
        model: ApproximateGP,
        likelihood: Likelihood,
        *,
        scale: nn.Module | None = None,
        shift: float = 0.0,
        unit: float = 1.0,
        shape: tuple[int, ...] | None = None,
        num_frequencies: int = NUM_FREQUENCIES,
    ) -> None:
        self.parts = inducing_of(model)
        self.prior_mean = frozen_copy(cast(nn.Module, model.mean_module)).double()
        self.labels = labels_of(likelihood, sum(len(part.mean) for part in self.parts), shift, unit)
        self.rows = Rows(frozen_copy(scale or nn.Identity()), self.parts[0].points.shape[1], shape)
        self.num_frequencies = num_frequencies
        if isinstance(self.labels, Amounts) and len(self.parts) == len(self.parts[0].mean) == 1:
            moments = ProcessMoments(self.rows, self.parts[0], self.prior_mean, self.labels)
            self.mean, self.covariance = moments.mean, moments.covariance
            self.variance, self.noise = moments.variance, moments.noise

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
        average: Callable[[Tensor], Tensor] = torch.median,
        num_frequencies: int = NUM_FREQUENCIES,
    ) -> "VariationalGP":
        """Squared exponential kernel; Z starts at the k-means centres of the inputs and ℓ at their median distance.

        ``num_classes``: labels are 0 ... C-1, with a function each under one kernel (or, ``per_class``, a kernel each),
        and softmax of them; whether a class is among the labels does not matter. None: labels are amounts, which are
        standardised, with Gaussian noise, where q is set to its closed-form optimum at the end. ``ard``: a length-scale
        for each column. A step costs ``num_inducing``³ + B·``num_inducing``²; everything is float64.

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
            features=_as_they_are,
            num_classes=num_classes,
            num_inducing=num_inducing,
            num_steps=num_steps,
            batch_size=batch_size,
            learning_rate=learning_rate,
            generator=generator,
            average=average,
            ard=ard,
            per_class=per_class,
        )
        return cls(
            model, likelihood, scale=scale, shift=shift, unit=unit, shape=rows.shape, num_frequencies=num_frequencies
        )

    def draw(self, num_hypotheses: int, *, generator: Generator) -> ProcessHypotheses:
        """K functions, each with one u."""
        if num_hypotheses < 1:
            raise ValueError(f"at least one hypothesis must be drawn, but num_hypotheses is {num_hypotheses}")
        paths = [
            part.draw(num_hypotheses, generator=generator, num_frequencies=self.num_frequencies) for part in self.parts
        ]
        return ProcessHypotheses(self.rows, paths, self.prior_mean, self.labels)

    @property
    def state(self) -> dict[str, Tensor]:
        """What the processes know, and the weights of what comes before them, by name."""
        found = {f"first.{name}": value for name, value in self.rows.first.state_dict().items()}
        found |= {f"mean.{name}": value for name, value in self.prior_mean.state_dict().items()}
        for p, part in enumerate(self.parts):
            found |= {f"{p}.points": part.points, f"{p}.mean": part.mean, f"{p}.root": part.root}
            found |= {f"{p}.lengths": part.kernel.lengths, f"{p}.amplitude": part.kernel.amplitude}
        return found


def _as_they_are(points: Tensor) -> Tensor:
    return points
