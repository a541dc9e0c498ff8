"""What GPyTorch's models with inducing points have in common as beliefs."""

from typing import cast

from gpytorch.likelihoods import Likelihood
from gpytorch.models import ApproximateGP
from jaxtyping import Float
from torch import Generator, Tensor, nn

from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.processes.draws import ProcessHypotheses
from bayesal.posteriors.processes.gpytorch_likelihoods import labels_of
from bayesal.posteriors.processes.gpytorch_models import inducing_of
from bayesal.posteriors.processes.labels import Amounts
from bayesal.posteriors.processes.paths import NUM_FREQUENCIES
from bayesal.posteriors.processes.rows import Rows
from bayesal.types import Inputs


class SparseProcess:
    """A trained model and its likelihood, read once and computed with in double precision (see ``inducing_of``,
    ``labels_of``); nothing done to them afterwards is seen.

    ``scale``: a layer or a network for points before the model, flattened after it. ``shift + unit·f`` is in the
    labels' units. ``shape``: that of a point, if others are to be refused.
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

    def draw(self, num_hypotheses: int, *, generator: Generator) -> ProcessHypotheses:
        """K functions. Raises ValueError for K < 1."""
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


class SparseProcessOfAmounts(SparseProcess):
    """One function with Gaussian noise, and its moments in closed form, in the labels' units."""

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
        super().__init__(
            model, likelihood, scale=scale, shift=shift, unit=unit, shape=shape, num_frequencies=num_frequencies
        )
        outputs = sum(len(part.mean) for part in self.parts)
        if not isinstance(self.labels, Amounts) or outputs > 1:
            raise ValueError(
                "moments of labels are those of one function with a GaussianLikelihood, but the model has "
                f"{outputs} output(s) with a {type(likelihood).__name__}"
            )
        self.shift, self.unit = shift, unit
        self.noise = self.labels.noise * unit**2

    def mean(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        rows, points = self.rows(inputs)
        values = self.parts[0].expected(rows)[0] + self.prior_mean(rows).reshape(-1)
        return (self.shift + self.unit * values).to(points.device, self.rows.dtype)

    def covariance(self, inputs: Inputs, others: Inputs, /) -> Float[Tensor, "N M"]:
        (here, points), (there, _) = self.rows(inputs), self.rows(others)
        return (self.unit**2 * self.parts[0].covariance(here, there)[0]).to(points.device, self.rows.dtype)

    def variance(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        rows, points = self.rows(inputs)
        return (self.unit**2 * self.parts[0].variance(rows)[0]).to(points.device, self.rows.dtype)
