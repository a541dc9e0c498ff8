"""NOMU: a network that says how unsure another one is, and the functions that this allows."""

import copy
from dataclasses import replace

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor, nn

from bayesal.learning.losses import Loss
from bayesal.networks.nomu import NOMUNetwork, Readout
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.nomu_parts.dependence import Dependence, OfFeatures, Shared
from bayesal.posteriors.nomu_parts.fit import learned, learned_beside
from bayesal.posteriors.nomu_parts.hashed import Independent
from bayesal.posteriors.nomu_parts.nomu_calibration import NOMUCalibration
from bayesal.posteriors.nomu_parts.said import NOMUHypotheses, Saying
from bayesal.posteriors.nomu_parts.training import NOMUTraining
from bayesal.types import Inputs


class NOMU:
    """f(x) ~ N(f̂(x), c² σ̂(x)²), σ̂ = readout(r̂), by a network that was asked to be sure at the data and unsure elsewhere
    (Heiss et al., 2022).

    ``mean``, ``variance`` and ``noise`` are in the labels' own units: shift + scale·f̂, (scale·c·σ̂)² and scale²·noise;
    ``noise`` is the variance of a standardised label around the function, taken as at least 1e-6. NOMU says **nothing
    of how points hang together**. A draw is mean + scale·c·σ̂·g with a random function g of variance 1, so that
    marginals are exact, and ``dependence`` is what is assumed of g: "features" (a Gaussian process on the network's
    features that knows the training points, see ``OfFeatures``), "independent" (no batch sees what is redundant) or
    "shared" (all points move together). Hypotheses give Normal(f_k, √noise).

    ``network`` takes the inputs as they are; ``inputs``: the training points. ``artificial``: where artificial points
    were drawn, for the record. Raises ValueError for numbers of the wrong sign, and inputs that the network refuses.
    """

    def __init__(
        self,
        network: NOMUNetwork,
        inputs: Inputs,
        *,
        c: float = 1.0,
        shift: float = 0.0,
        scale: float = 1.0,
        noise: float = 0.0,
        readout: Readout | None = None,
        dependence: str = "features",
        artificial: str = "unknown",
    ) -> None:
        own = frozen_copy(network)
        assert isinstance(own, NOMUNetwork)
        self._saying = Saying(own, Readout() if readout is None else readout, c, shift, scale, noise)
        self.dependence, self.artificial = dependence, artificial
        self._law = self._lawful(inputs)

    @classmethod
    def fit(
        cls,
        inputs: Inputs,
        labels: Shaped[Tensor, "L ..."],
        *,
        scale: nn.Module,
        generator: Generator,
        validation: tuple[Tensor, Tensor] | None = None,
        joint: bool = False,
        training: NOMUTraining | None = None,
        calibration: NOMUCalibration | None = None,
        dependence: str = "features",
        warn: bool = True,
    ) -> "NOMU":
        """Networks trained on these points, and c and noise found on points that they were not trained on.

        Inside, labels are standardised, and inputs go through ``scale`` and then to [-1, 1]. ``joint``: the uncertainty
        trains the predictor, too. Artificial points are drawn anew each step, by default from the range of the training
        points (widened to mean ± 2 standard deviations of the pool where ``scale`` is a ``Standardise``) and 5 % on
        either side; in more than 10 dimensions they are mixes of data and box, see ``Box``.
        What is left out of training to find c and noise are the ``validation`` points or, without any, each fold of
        the training points in turn, in trainings of its own; with a single training point c is 1 and the noise 0.
        Warns if the training did not converge, unless ``warn`` is False.
        """
        parts = learned(
            inputs,
            labels,
            scale=scale,
            validation=validation,
            joint=joint,
            training=NOMUTraining() if training is None else training,
            calibration=NOMUCalibration() if calibration is None else calibration,
            warn=warn,
            generator=generator,
        )
        return cls(dependence=dependence, **parts)

    @classmethod
    def on(
        cls,
        network: nn.Module,
        inputs: Inputs,
        targets: Shaped[Tensor, "L ..."],
        *,
        loss: Loss,
        generator: Generator,
        validation: tuple[Tensor, Tensor] | None = None,
        training: NOMUTraining | None = None,
        calibration: NOMUCalibration | None = None,
        dependence: str = "features",
        warn: bool = True,
    ) -> "NOMU":
        """A side network beside a network that is trained already, whose predictions stay the same to the last bit.

        The network ends in a linear layer of one output μ and was trained for ``loss``, a ``SquaredLoss``: f = shift +
        scale·μ. It is copied, in evaluation mode. ``inputs``, ``targets``: the points it was trained on. It has
        seen them all, so that leaving some out now would show nothing: without ``validation`` points c is 1 if
        it is not given, σ̂ counts in the loss's scale, and the noise is the mean square of the training residuals,
        which is too little for a network that over-fits. The other settings are those of ``fit``.
        Raises ValueError for another loss, and as ``split_head`` does.
        """
        parts = learned_beside(
            network,
            inputs,
            targets,
            loss=loss,
            validation=validation,
            training=NOMUTraining() if training is None else training,
            calibration=NOMUCalibration() if calibration is None else calibration,
            warn=warn,
            generator=generator,
        )
        return cls(dependence=dependence, **parts)

    def mean(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        """shift + scale·f̂(x)."""
        said = self._saying(inputs)
        return said.mean.to(said.device)

    def sd(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        """scale·c·σ̂(x): the standard deviation of the function, which is rescaled but never shifted."""
        said = self._saying(inputs)
        return said.sd.to(said.device)

    def variance(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        """(scale·c·σ̂(x))², without the noise."""
        return self.sd(inputs).square()

    def covariance(self, inputs: Inputs, others: Inputs, /) -> Float[Tensor, "N M"]:
        """diag(scale·c·σ̂) ρ diag(scale·c·σ̂) with the correlation ρ that is assumed."""
        here, there = self._saying(inputs), self._saying(others)
        correlation = self._law.correlation(here.places, there.places).to(here.sd)
        return (here.sd[:, None] * correlation * there.sd).to(here.device)

    @property
    def noise(self) -> float:
        """The variance of a label around the function."""
        return self._saying.label_variance()

    @property
    def c(self) -> float:
        """What σ̂ is multiplied by."""
        return self._saying.c

    def draw(self, num_hypotheses: int, *, generator: Generator) -> NOMUHypotheses:
        """K functions with the marginals above and the dependence that is assumed."""
        if num_hypotheses < 1:
            raise ValueError(f"at least one hypothesis must be drawn, but num_hypotheses is {num_hypotheses}")
        return NOMUHypotheses(self._saying, self._law.draw(num_hypotheses, generator=generator))

    def embed(self, inputs: Inputs, /) -> Float[Tensor, "N D"]:
        """The features [h_f; h_r]."""
        said = self._saying(inputs)
        return said.places.features.to(said.mean.dtype).to(said.device)

    def with_c(self, c: float) -> "NOMU":
        """The same belief, that much more or less sure."""
        other = copy.copy(self)
        other._saying = replace(self._saying, c=c)
        return other

    @property
    def state(self) -> dict[str, Tensor]:
        """The network's tensors by name, and ``c``, ``shift``, ``scale`` and ``noise``, for saving."""
        said = self._saying
        settled = {"c": said.c, "shift": said.shift, "scale": said.scale, "noise": said.noise}
        weights = {name: value.detach() for name, value in said.network.state_dict().items()}
        return weights | {name: torch.tensor(value, dtype=torch.float64) for name, value in settled.items()}

    def __repr__(self) -> str:
        return (
            f"NOMU(c={self.c:.3g}, noise={self.noise:.3g}, artificial points: {self.artificial}, "
            f"dependence={self.dependence!r}, which is assumed: {self._law})"
        )

    def _lawful(self, inputs: Inputs) -> Dependence:
        match self.dependence:
            case "features":
                with torch.no_grad():
                    return OfFeatures(self._saying(inputs).places.features)
            case "independent":
                return Independent()
            case "shared":
                return Shared()
        raise ValueError(f"the dependence must be 'features', 'independent' or 'shared', but it is {self.dependence!r}")
