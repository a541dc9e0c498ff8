"""Classes by exact Gaussian processes: regression on the logarithms of Dirichlet-distributed probabilities."""

import math

import torch
from jaxtyping import Shaped
from torch import Generator, Tensor, nn

from bayesal.posteriors.dirichlet_last_layer import dirichlet_targets
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.processes.conditioned import Conditioned, Level
from bayesal.posteriors.processes.dirichlet_fit import fitted_kernel
from bayesal.posteriors.processes.distances import typical_distance
from bayesal.posteriors.processes.draws import ProcessHypotheses
from bayesal.posteriors.processes.kernels import Stationary
from bayesal.posteriors.processes.labels import Softmax
from bayesal.posteriors.processes.paths import NUM_FREQUENCIES
from bayesal.posteriors.processes.rows import Rows


class DirichletGP:
    """p(y | x) = softmax(f_1(x), ..., f_C(x)), f_c exact Gaussian processes given labels (Milios et al., 2018).

    A label says of class c: α = α_ε, + 1 for the class itself, so that log Gamma(α) is about N(log α - s²/2, s²) with
    s² = log(1 + 1/α). These are C regressions with known noise, with no bound and no sampling: the covariance between
    points is exact, and ``draw`` takes paths from it, one for each function. Targets count from their mean over
    classes, which the softmax does not see, so before any label all classes are equally probable.

    ``process``: C processes given such targets, as ``fit`` makes it; ``scale`` is applied to points before,
    which are flattened then. ``shape``: that of a point, if others are to be refused.
    """

    def __init__(
        self,
        process: Conditioned,
        *,
        scale: nn.Module | None = None,
        shape: tuple[int, ...] | None = None,
        num_frequencies: int = NUM_FREQUENCIES,
    ) -> None:
        self.process = process
        self.rows = Rows(frozen_copy(scale or nn.Identity()), process.inputs.shape[1], shape)
        self.num_frequencies = num_frequencies

    @classmethod
    def fit(
        cls,
        inputs: Shaped[Tensor, "L ..."],
        labels: Shaped[Tensor, "L"],
        *,
        scale: nn.Module | None = None,
        generator: Generator,
        num_classes: int,
        alpha: float = 0.01,
        smoothness: float = math.inf,
        ard: bool = False,
        per_class: bool = False,
        num_fit: int = 300,
        max_labels: int = 4000,
        num_frequencies: int = NUM_FREQUENCIES,
    ) -> "DirichletGP":
        """Lengths ℓ and amplitudes by marginal likelihood (L-BFGS), for all classes together or each its own.

        Their priors are LogNormal(log median distance of the inputs, 1) and LogNormal(log mean square of the targets,
        1): they say little beside a hundred labels. A step costs C·L³, so hyper-parameters are fitted on ``num_fit``
        labels at random; all labels count for the functions. ``alpha``: α_ε. ``smoothness``: of the Matérn kernel, ∞
        for the squared exponential. ``ard``: a length for each column. Classes without a label are classes.

        Raises ValueError for labels that are no classes, and for more than ``max_labels``.
        """
        if not 1 <= len(inputs) <= max_labels:
            raise ValueError(
                f"an exact process needs 1 to {max_labels} labels, since its cost grows with their cube, but there are "
                f"{len(inputs)}; use VariationalGP for more, or raise max_labels if the memory holds C·L² numbers"
            )
        if not alpha > 0:
            raise ValueError(f"alpha must be positive, but it is {alpha}")
        targets, noise = dirichlet_targets(labels, num_classes, alpha)
        first = frozen_copy(scale or nn.Identity())
        rows = Rows.of(first, inputs)
        points, _ = rows(inputs)
        targets, noise = targets.T.to(points).contiguous(), noise.T.to(points).contiguous()
        some = torch.randperm(len(points), generator=generator)[:num_fit].to(points.device)
        kernels, columns = num_classes if per_class else 1, points.shape[1] if ard else 1
        lengths = points.new_full((kernels, columns), typical_distance(points))
        amplitude = targets.square().mean().expand(kernels)
        kernel = fitted_kernel(lengths, amplitude, smoothness, points[some], targets[:, some], noise[:, some])
        level = Level(targets.new_zeros(num_classes))
        process = Conditioned(kernel, level, points, targets, noise)
        return cls(process, scale=first, shape=rows.shape, num_frequencies=num_frequencies)

    def draw(self, num_hypotheses: int, *, generator: Generator) -> ProcessHypotheses:
        """K functions, each of C logits."""
        if num_hypotheses < 1:
            raise ValueError(f"at least one hypothesis must be drawn, but num_hypotheses is {num_hypotheses}")
        paths = self.process.draw(num_hypotheses, generator=generator, num_frequencies=self.num_frequencies)
        return ProcessHypotheses(self.rows, [paths], self.process.trend, Softmax())

    @property
    def state(self) -> dict[str, Tensor]:
        """What the processes are made of, and the weights of what comes before them, by name."""
        found = {f"first.{name}": value for name, value in self.rows.first.state_dict().items()}
        found |= {"inputs": self.process.inputs, "targets": self.process.targets, "noise": self.process.noise}
        if isinstance(self.process.kernel, Stationary):
            found |= {"lengths": self.process.kernel.lengths, "amplitude": self.process.kernel.amplitude}
        return found
