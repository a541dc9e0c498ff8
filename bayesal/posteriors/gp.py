"""Exact Gaussian process regression."""

from gpytorch import models
from jaxtyping import Float, Shaped
from torch import Generator, Tensor, nn

from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.processes.amounts import amounts_of
from bayesal.posteriors.processes.drawn_amounts import DrawnAmounts, Part
from bayesal.posteriors.processes.exact_fit import MAX_ITERATIONS, MakeKernel, fitted, matern
from bayesal.posteriors.processes.exact_models import read, tensors_of
from bayesal.posteriors.processes.paths import NUM_FREQUENCIES
from bayesal.posteriors.processes.priors import NOISE_LOCATION, NOISE_SPREAD
from bayesal.posteriors.processes.rows import Rows
from bayesal.types import Inputs


class ExactGP:
    """A fitted GPyTorch model of exact regression, BoTorch's ``SingleTaskGP`` included, as a belief.

    ``mean``, ``covariance`` and ``variance`` are those of the function given the labels, in closed form and the labels'
    units; ``noise`` is the variance of a label around it (its mean, where the noise of each label was given).
    ``draw`` takes K functions by Matheron's rule: prior functions of ``num_frequencies`` random waves, each corrected
    exactly at the labels (Wilson et al., 2020), in whatever chunks and processes they are evaluated, in O(N (F + L) K)
    time. The covariance of any points is the closed form's within the error of the waves, which is small beside the
    prior variance: where labels left a quarter of the prior's standard deviation, those of draws were right within 3 %;
    where they left 3 to 4 %, as in tables with next to no noise, single points were off by up to a quarter.

    The model is read once (see ``processes.exact_models.read``) and computed with in double precision; nothing done to
    it afterwards is seen. ``scale`` is applied to points first, which are flattened then; labels are
    ``shift + unit`` times the model's. ``shape``: that of a point, if others are to be refused.

    Raises ValueError for models it cannot read, and for labels whose covariance is singular even with jitter; ``draw``
    for kernels other than squared-exponential and Matérn ones.
    """

    def __init__(
        self,
        model: models.ExactGP,
        *,
        scale: nn.Module | None = None,
        shift: float = 0.0,
        unit: float = 1.0,
        shape: tuple[int, ...] | None = None,
        num_frequencies: int = NUM_FREQUENCIES,
    ) -> None:
        known = read(model)
        first = frozen_copy(scale or nn.Identity())
        if not isinstance(known.change, nn.Identity):
            first = nn.Sequential(first, nn.Flatten(), known.change)
        self.process = known.process
        self.rows = Rows(first, known.process.inputs.shape[1], shape)
        self.shift, self.unit = shift + unit * known.shift, unit * known.unit
        self.num_frequencies = num_frequencies
        self.noise = float(self.process.noise.mean()) * self.unit**2 if len(self.process.inputs) else 0.0

    @classmethod
    def fit(
        cls,
        inputs: Shaped[Tensor, "L ..."],
        labels: Shaped[Tensor, "L ..."],
        *,
        scale: nn.Module | None = None,
        generator: Generator,
        kernel: MakeKernel = matern,
        noise_prior: tuple[float, float] = (NOISE_LOCATION, NOISE_SPREAD),
        max_iterations: int = MAX_ITERATIONS,
        progress: bool = True,
        num_frequencies: int = NUM_FREQUENCIES,
    ) -> "ExactGP":
        """Constant mean, Matérn-5/2 kernel and noise by the largest product of marginal likelihood and priors (L-BFGS).

        ``inputs`` should have columns of standard deviation 1 after ``scale``; labels are standardised inside, constant
        ones only centred. ``kernel(num_columns)`` makes another GPyTorch kernel, with its priors.

        The priors are BoTorch's (Hvarfner et al., 2024): lengths that grow with the number of columns, and noise around
        e^-4 of the labels' variance, log-normal. In two tables whose labels are half noise, 20 to 80 of them took the
        noise for the function; there ``noise_prior=(-1.0, 1.0)``, mean and standard deviation of ln noise, did better.

        A step costs L³, and there are up to ``max_iterations`` and more: for 10 columns on one core, 20 s for 1,000
        labels and some 4 s a step for 2,000, so minutes; ``VariationalGP`` is for more.
        Raises ValueError for labels that are no finite amounts, for no labels, and for points without numbers.
        """
        known = amounts_of(inputs, labels, scale)
        model = fitted(
            known.inputs,
            known.targets,
            kernel,
            noise_prior=noise_prior,
            max_iterations=max_iterations,
            progress=progress,
            generator=generator,
        )
        return cls(
            model,
            scale=known.rows.first,
            shift=known.shift,
            unit=known.unit,
            shape=known.rows.shape,
            num_frequencies=num_frequencies,
        )

    def draw(self, num_hypotheses: int, *, generator: Generator) -> DrawnAmounts:
        """K functions. Raises ValueError for K < 1."""
        if num_hypotheses < 1:
            raise ValueError(f"at least one hypothesis must be drawn, but num_hypotheses is {num_hypotheses}")
        paths = self.process.draw(num_hypotheses, generator=generator, num_frequencies=self.num_frequencies)
        noise = self.process.noise.mean().expand(num_hypotheses).clone()
        return DrawnAmounts(self.rows, [Part(self.process.trend, paths)], noise, self.shift, self.unit)

    def mean(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        rows, points = self.rows(inputs)
        return (self.shift + self.unit * self.process.mean(rows)[0]).to(points.device, self.rows.dtype)

    def covariance(self, inputs: Inputs, others: Inputs, /) -> Float[Tensor, "N M"]:
        (here, points), (there, _) = self.rows(inputs), self.rows(others)
        return (self.unit**2 * self.process.covariance(here, there)[0]).to(points.device, self.rows.dtype)

    def variance(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        rows, points = self.rows(inputs)
        return (self.unit**2 * self.process.variance(rows)[0]).to(points.device, self.rows.dtype)

    @property
    def state(self) -> dict[str, Tensor]:
        """Kernel, noise, what is known and the weights of what comes before, by name."""
        return tensors_of(self.process, self.rows.first)
