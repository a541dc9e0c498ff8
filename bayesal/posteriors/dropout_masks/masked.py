"""K networks that are one network under K sets of dropout masks."""

import math
from collections.abc import Collection
from enum import IntEnum
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from bayesal.likelihoods import Likelihood
from bayesal.posteriors.dropout_masks.masking import ChangedPattern, Masking, forward
from bayesal.posteriors.dropout_masks.masks import Site
from bayesal.posteriors.dropout_masks.refusals import check_training, single_function
from bayesal.posteriors.network import ACTIVATION_BYTES, finite, one_by_one, together
from bayesal.posteriors.points import Points
from bayesal.posteriors.trial import trial
from bayesal.types import Inputs

CACHE_BYTES = 2**23  # a thread, for an activation of a block of points: K n is sized to the cache, not to memory


class Way(IntEnum):
    """How hypotheses are evaluated, the fastest first; each gives the same numbers, and takes more networks."""

    CHANNELS_LAST = 0  # as the next, with the channels of a pixel side by side in memory
    TOGETHER = 1  # one vmap over the masks, in which a channel mask waits while work can be shared
    ONE_BY_ONE = 2


class DropoutHypotheses:
    """K networks that differ in their dropout masks: what ``MCDropout.draw`` gives.

    The first points seen tell where dropout acts, in which order and on which shapes. Later forward passes must do the
    same: other shapes (sequences or images of another size) or another number of calls would need other masks, which
    are other functions, so they raise ValueError. What comes before the first mask is computed once a point.
    A faster way is taken only after it gave the first points' outputs of the plain forward pass under one hypothesis.
    There is a gradient graph only if the inputs require one.
    """

    def __init__(
        self, network: nn.Module, likelihood: Likelihood, num_hypotheses: int, seed: int, deterministic: Collection[str]
    ) -> None:
        self.network = network
        self.likelihood = likelihood
        self.num_hypotheses = num_hypotheses
        self.seed = seed
        self.deterministic = deterministic
        self.sites: list[Site] = []
        self._seen: set[str] = set()  # what points have looked like so far
        self._way = Way.CHANNELS_LAST
        self._shared_bytes = self._varying_bytes = 1  # of one point: its largest value before and after masks
        self._factors: dict[str, Tensor] = {}

    def __call__(self, inputs: Inputs, /) -> Distribution:
        points = Points.prepare(inputs, self.network)
        return self.likelihood(finite(self.outputs(points)).to(points.device))

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_factors": {}}  # masks are drawn again from the seed

    def outputs(self, points: Points) -> Float[Tensor, "N K ..."]:
        """What the networks say of prepared points, block by block of points and hypotheses."""
        if points.count == 0:
            return self.outputs(points.some())[:0]
        if points.shape() not in self._seen:
            self._meet(points.some())
        group = min(self.num_hypotheses, max(1, ACTIVATION_BYTES // max(self._varying_bytes, self._mask_bytes())))
        at_once = 1 if self._way is Way.ONE_BY_ONE else group
        cache = CACHE_BYTES * torch.get_num_threads()
        rows = max(1, cache // max(at_once * self._varying_bytes, self._shared_bytes))
        outputs: Tensor | None = None
        for first in range(0, self.num_hypotheses, group):
            hypotheses = range(first, min(first + group, self.num_hypotheses))
            factors = self._masks(hypotheses, points)
            for start in range(0, points.count, rows):
                block = self._evaluate(points[start : start + rows], factors)
                if outputs is None:
                    outputs = block.new_empty((points.count, self.num_hypotheses, *block.shape[2:]))
                outputs[start : start + rows, first : hypotheses.stop] = block
        assert outputs is not None
        return outputs

    @torch.no_grad()
    def _meet(self, points: Points) -> None:
        """Look at a first point or two of a new shape: find the sites, or check that they are where they were."""
        if self.sites:
            masks = {name: factors[0] for name, factors in self._masks(range(1), points).items()}
            trial(lambda points: self._forward(points, masks, Way.ONE_BY_ONE), points)
        else:
            masking = Masking(lambda i, site: site.factors(self.seed, i, range(1), points.where)[0], points.count)
            reference = trial(lambda points: self._plain(points, masking), points)
            check_training(self.network, points, masking.sites, self.deterministic)
            if not masking.sites:
                raise ValueError(single_function(self.network))
            self.sites = masking.sites
            self._use(self._fastest(points, reference))
        self._seen.add(points.shape())

    def _plain(self, points: Points, masking: Masking) -> Any:
        positional, named = points.arguments()
        with masking:
            return self.network(*positional, **named)

    def _fastest(self, points: Points, reference: Tensor) -> Way:
        """The first way whose outputs under the first hypothesis are those of the plain forward pass."""
        masks = self._masks(range(1), points)
        tolerance = torch.finfo(reference.dtype).eps ** 0.5
        size = tolerance * float(reference.nan_to_num(0, 0, 0).abs().max())
        for way in (Way.CHANNELS_LAST, Way.TOGETHER)[points.where.type != "cpu" :]:
            self._use(way)
            try:
                output = self._by(way, points, masks)[:, 0]
            except Exception:  # whatever vmap cannot take
                continue
            if torch.allclose(output, reference, rtol=tolerance, atol=size, equal_nan=True):
                return way
        return Way.ONE_BY_ONE

    def _use(self, way: Way) -> None:
        self._way = way
        layout = torch.channels_last if way is Way.CHANNELS_LAST else torch.contiguous_format
        for parameter in self.network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=layout)

    def _evaluate(self, points: Points, masks: dict[str, Tensor]) -> Tensor:
        way = self._way
        while True:
            try:
                return self._by(way, points, masks)
            except ChangedPattern:
                raise
            except Exception:
                if way is Way.ONE_BY_ONE:
                    raise
                way = Way(way + 1)
                if not points.requires_grad:  # else a faster way may still do where no gradient is asked for
                    self._use(way)

    def _by(self, way: Way, points: Points, masks: dict[str, Tensor]) -> Tensor:
        evaluate = one_by_one if way is Way.ONE_BY_ONE else together
        return evaluate(lambda mask: self._forward(points, mask, way), masks)

    def _forward(self, points: Points, masks: dict[str, Tensor], way: Way) -> Any:
        sharing = None if way is Way.ONE_BY_ONE else self.num_hypotheses
        last = way is Way.CHANNELS_LAST
        output, masking = forward(self.network, points, self.sites, masks, together=sharing, channels_last=last)
        self._shared_bytes = max(self._shared_bytes, masking.shared_bytes // points.count)
        self._varying_bytes = max(self._varying_bytes, masking.varying_bytes // points.count)
        return output

    def _masks(self, hypotheses: range, points: Points) -> dict[str, Tensor]:
        every = len(hypotheses) == self.num_hypotheses
        if every and self._factors:
            return self._factors
        sites = enumerate(self.sites)
        masks = {str(i): site.factors(self.seed, i, hypotheses, points.where) for i, site in sites}
        if every:
            self._factors = masks
        return masks

    def _mask_bytes(self) -> int:
        return sum(math.prod(site.mask_shape) * site.dtype.itemsize for site in self.sites)
