"""Deep kernel learning: a variational Gaussian process of the features of a network."""

from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor, nn

from bayesal.learning.losses import CrossEntropy, SquaredLoss
from bayesal.networks.trunk import split_head
from bayesal.posteriors.points import Points
from bayesal.posteriors.processes.elbo import train_inducing_gp
from bayesal.posteriors.processes.paths import NUM_FREQUENCIES
from bayesal.posteriors.processes.sparse_process import SparseProcess, SparseProcessOfAmounts
from bayesal.types import Inputs

SMALLEST_NUM_INDUCING = 20


class DeepKernelGP(SparseProcess):
    """f(x) = g(features(x)), g a variational Gaussian process (Wilson et al., 2016; DUE: van Amersfoort et al., 2021).

    Far from what was labelled the process knows nothing, if the features are far apart where points are: give it a
    residual network with ``soft_spectral_norm``, which cannot fold distant points onto each other. The network is
    passed once for a point, whatever the number of hypotheses; these are paths as those of ``VariationalGP``.
    """

    @classmethod
    def fit(
        cls,
        network: nn.Module,
        inputs: Shaped[Tensor, "L ..."],
        targets: Shaped[Tensor, "L"],
        *,
        loss: Any,
        generator: Generator,
        joint: bool = False,
        num_inducing: int | None = None,
        num_steps: int = 200,
        batch_size: int = 128,
        learning_rate: float = 0.05,
        trunk_rate: float = 1e-3,
        num_frequencies: int = NUM_FREQUENCIES,
    ) -> "DeepKernelGP":
        """On what a network trained with ``CrossEntropy`` or ``SquaredLoss`` computes before its last linear layer.

        The features stay as they are, and the process alone maximises the evidence bound, as in ``VariationalGP``:
        Z starts at the k-means centres of the features, ℓ at their mean distance. ``joint``: the network moves on with
        it, at the rate ``trunk_rate``; a few dozen labels over-fit so. ``num_inducing``: by default the authors' one a
        class, but 20 at least. Raises ValueError for other losses, and for networks without a last linear layer.
        """
        if not isinstance(loss, CrossEntropy | SquaredLoss):
            raise ValueError(
                f"a deep kernel takes networks trained with CrossEntropy or SquaredLoss, not {type(loss).__name__}"
            )
        points = Points.prepare(inputs, network).inputs
        assert isinstance(points, Tensor)
        trunk, head = split_head(network, points[:2])
        num_classes = head.out_features if isinstance(loss, CrossEntropy) else None
        targets = targets.to(points.device)
        if isinstance(loss, SquaredLoss):
            targets = (targets.double() - loss.shift) / loss.scale
        model, likelihood = train_inducing_gp(
            points,
            targets,
            features=trunk,
            num_classes=num_classes,
            num_inducing=num_inducing or max(num_classes or 1, SMALLEST_NUM_INDUCING),
            num_steps=num_steps,
            batch_size=batch_size,
            learning_rate=learning_rate,
            generator=generator,
            average=torch.mean,
            features_rate=trunk_rate if joint else None,
        )
        settings: dict[str, Any] = {
            "scale": trunk,
            "shape": tuple(inputs.shape[1:]),
            "num_frequencies": num_frequencies,
        }
        if isinstance(loss, SquaredLoss):
            return DeepKernelGPOfAmounts(model, likelihood, shift=loss.shift, unit=loss.scale, **settings)
        return DeepKernelGP(model, likelihood, **settings)

    @torch.no_grad()
    def embed(self, inputs: Inputs, /) -> Float[Tensor, "N D"]:
        """The features."""
        rows, points = self.rows(inputs)
        return rows.to(points.device, self.rows.dtype)


class DeepKernelGPOfAmounts(SparseProcessOfAmounts, DeepKernelGP):
    """The same for one amount a point, with its moments."""
