"""How little a point must be moved for the network to change its mind."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.learning.recipe import scale_of
from bayesal.numerics.adversarial import Fooled, Logits, bim, deepfool
from bayesal.recipe import recipe
from bayesal.types import Inputs, Look
from bayesal.views.deterministic import network_logits

ATTACKS = ("deepfool", "bim")


@dataclass(frozen=True, repr=False)
class AdversarialMargin:
    """Rows ``N 2``: the squared length of a perturbation that changes the network's label, and 1 if it did, else 0.

    ``attack``: "deepfool" or "bim" (``numerics.adversarial``), of at most ``max_steps`` steps; ``overshoot`` is that of
    DeepFool, ``step`` the ε of BIM. With ``standardise`` lengths are in standard deviations of the pool's inputs, by
    column of a table and channel of images, so that units do not matter; without, in the inputs' own. Of several
    networks it is their mean probability that is to change its mind.

    Raises ValueError for a belief without a network, for labels that are not one class a point, for points that are not
    one tensor.
    """

    attack: str = "deepfool"
    step: float | int = 0.05
    overshoot: float | int = 0.02
    max_steps: int = 50
    standardise: bool = True

    __repr__ = recipe

    def __post_init__(self) -> None:
        if self.attack not in ATTACKS:
            raise ValueError(f"attack must be one of {', '.join(ATTACKS)}, but it is {self.attack!r}")

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> Look:
        logits = network_logits(belief, pool, "distances to where a label changes", "take softmax_margin or margin")
        if not isinstance(pool.gather(pool.ids[:1]), Tensor):
            raise ValueError("only points that are one tensor can be moved a little, but these are not; take margin")
        scale = scale_of(pool) if self.standardise else None

        def look(inputs: Inputs) -> Float[Tensor, "N 2"]:
            points = inputs if inputs.is_floating_point() else inputs.to(torch.get_default_dtype())
            if scale is None:
                fooled = self._fooled(logits, points)
            else:
                mean, spread = (part.to(points) for part in (scale.mean, scale.scale))
                fooled = self._fooled(lambda at: logits(mean + spread * at), (points - mean) / spread)
            return torch.stack([fooled.squared, fooled.flipped.to(fooled.squared)], 1)

        return look

    def _fooled(self, logits: Logits, points: Tensor) -> Fooled:
        if self.attack == "bim":
            return bim(logits, points, step=self.step, max_steps=self.max_steps)
        return deepfool(logits, points, overshoot=self.overshoot, max_steps=self.max_steps)
