"""Batches in closed form where labels are the function plus Gaussian noise.

Three greedy rules over one state (:class:`~bayesal.selection.conditioned.Conditioned`). Rows are features ``N D`` whose
inner products are covariances, such as the centred samples of K functions divided by sqrt(K - 1), or whatever
``kernel`` reads, such as places in a pool. ``noise`` is the variance σ² of a label around the function; if points have
noise of their own, divide each row by its standard deviation and let ``noise`` be 1.

States are float64, whatever the rows. All raise ValueError for a noise that is not above 0 and for rows or targets the
kernel cannot read or whose variances are not finite.
"""

from dataclasses import dataclass

from jaxtyping import Float, Shaped
from torch import Generator, Tensor

from bayesal.numerics.gaussian import information, mean_information, mean_reduction
from bayesal.numerics.gaussian_door import as_noise, as_weights
from bayesal.selection.conditioned import Conditioned
from bayesal.types import Kernel


@dataclass(frozen=True)
class JointBALD:
    """gain(n | S) = ½ ln(1 + v_n|S / σ²): the gains add up to I(y_S; f) = ½ ln det(I + S_SS / σ²), in nats.

    MacKay (1992); Srinivas et al. (2010). BatchBALD for Gaussian labels, also known as the largest determinant.
    Monotone and submodular. K function samples have rank K - 1: what they do not span looks known.
    """

    noise: float
    kernel: Kernel | None = None

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Conditioned:
        """Nothing taken yet."""
        return _start(self.kernel, rows, None, self.noise)

    def gains(self, state: Conditioned, /) -> Float[Tensor, "N"]:
        """What the label of every row would tell of the function, in nats."""
        return information(state.variance, as_noise(self.noise, state.variance))

    def take(self, state: Conditioned, points: Shaped[Tensor, "P ..."], /) -> Conditioned:
        """The labels of these points will be known too, whatever they turn out to be."""
        return state.on(points, self.noise)


@dataclass(frozen=True, eq=False)
class BatchALC:
    """gain(n | S) = mean_t w_t c²_nt|S / (v_n|S + σ²): how much the variance at the targets falls, unit squared.

    Cohn, Ghahramani and Jordan (1996), one point after the other: the gains add up to the whole batch's reduction.
    ``targets``: M rows of the same kind. Not submodular, so greedy growth is a heuristic.
    """

    targets: Shaped[Tensor, "M ..."]
    noise: float
    weights: Float[Tensor, "M"] | None = None
    kernel: Kernel | None = None

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Conditioned:
        """Nothing taken yet."""
        return _start(self.kernel, rows, self.targets, self.noise)

    def gains(self, state: Conditioned, /) -> Float[Tensor, "N"]:
        """By how much the label of every row would lower the mean variance at the targets."""
        noise, weights = as_noise(self.noise, state.variance), as_weights(self.weights, state.covariance)
        return mean_reduction(state.variance, state.covariance, noise, weights)

    def take(self, state: Conditioned, points: Shaped[Tensor, "P ..."], /) -> Conditioned:
        """The labels of these points will be known too, whatever they turn out to be."""
        return state.on(points, self.noise)


@dataclass(frozen=True, eq=False)
class BatchEPIG:
    """gain(n | S) = mean_t w_t I(y_n; y*_t | y_S): the gains add up to mean_t w_t I(y_S; y*_t), in nats.

    Bickford Smith et al. (2023), one point after the other. ``targets``: M rows of the same kind; ``target_noise``: the
    variance of their labels, None for the same, 0 for the function itself. Greedy growth is a heuristic.
    """

    targets: Shaped[Tensor, "M ..."]
    noise: float
    target_noise: float | Float[Tensor, "M"] | None = None
    weights: Float[Tensor, "M"] | None = None
    kernel: Kernel | None = None

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Conditioned:
        """Nothing taken yet."""
        return _start(self.kernel, rows, self.targets, self.noise)

    def gains(self, state: Conditioned, /) -> Float[Tensor, "N"]:
        """What the label of every row would tell of the labels at the targets, one by one, in nats."""
        target_noise = self.noise if self.target_noise is None else self.target_noise
        return mean_information(
            state.variance,
            state.covariance,
            state.target_variance,
            as_noise(self.noise, state.variance),
            as_noise(target_noise, state.target_variance, "target_noise", zero=True),
            as_weights(self.weights, state.covariance),
        )

    def take(self, state: Conditioned, points: Shaped[Tensor, "P ..."], /) -> Conditioned:
        """The labels of these points will be known too, whatever they turn out to be."""
        return state.on(points, self.noise)


def _start(kernel: Kernel | None, rows: Tensor, targets: Tensor | None, noise: float) -> Conditioned:
    state = Conditioned.on_nothing(kernel, rows, targets)
    as_noise(noise, state.variance)  # refused before anything is taken
    return state
