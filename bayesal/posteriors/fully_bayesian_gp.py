"""Gaussian process regression with its hyper-parameters integrated out."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor, nn

from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.processes.amounts import amounts_of
from bayesal.posteriors.processes.drawn_amounts import DrawnAmounts, Part
from bayesal.posteriors.processes.nuts import process_of, sampled
from bayesal.posteriors.processes.priors import Hyperparameters, Prior, dimension_scaled
from bayesal.posteriors.processes.rows import Rows
from bayesal.types import Inputs

NUM_FREQUENCIES = 512
"""Waves of each sample's functions: fewer than one process needs, since their errors average over samples."""


class FullyBayesianGP:
    """An equal mixture of exact processes, one a sample of the hyper-parameters.

    ``mean`` is the mean of their means, ``covariance`` the mean of their covariances plus the covariance of their
    means, ``noise`` the mean of theirs; all in closed form and the labels' units. ``draw(K)`` gives functions by
    Matheron's rule (see ``ExactGP``), K/S of each of the S samples; where S does not divide K, chance says which give
    one more.

    ``inputs`` and ``targets`` are what the processes know: rows of numbers after ``scale``, and labels
    ``shift + unit · target``. ``diagnostics`` of a fit: R̂ and the number of divergent transitions of NUTS.
    Raises ValueError for no samples, and for samples of other columns than the inputs'.
    """

    def __init__(
        self,
        samples: Sequence[Hyperparameters],
        inputs: Float[Tensor, "L D"],
        targets: Float[Tensor, "L"],
        *,
        smoothness: float = 2.5,
        scale: nn.Module | None = None,
        shift: float = 0.0,
        unit: float = 1.0,
        shape: tuple[int, ...] | None = None,
        num_frequencies: int = NUM_FREQUENCIES,
    ) -> None:
        if not samples or any(one.lengths.shape != inputs.shape[1:] for one in samples):
            raise ValueError(
                f"expected samples with a length for each of the {inputs.shape[1]} columns, "
                f"but there are {[len(one.lengths) for one in samples]} lengths"
            )
        self.samples = list(samples)
        self.processes = [process_of(one, inputs, targets, smoothness) for one in samples]
        self.rows = Rows(frozen_copy(scale or nn.Identity()), inputs.shape[1], shape)
        self.shift, self.unit = shift, unit
        self.num_frequencies = num_frequencies
        self.noise = float(torch.stack([one.noise for one in samples]).mean()) * unit**2
        self.diagnostics: dict[str, float] = {}

    @classmethod
    def fit(
        cls,
        inputs: Shaped[Tensor, "L ..."],
        labels: Shaped[Tensor, "L ..."],
        *,
        scale: nn.Module | None = None,
        generator: Generator,
        prior: Prior = dimension_scaled,
        smoothness: float = 2.5,
        num_samples: int = 64,
        warmup: int = 96,
        num_chains: int = 2,
        thinning: int = 8,
        max_tree_depth: int = 6,
        num_frequencies: int = NUM_FREQUENCIES,
    ) -> "FullyBayesianGP":
        """Matérn kernel with hyper-parameters by NUTS: every ``thinning``-th of the samples is kept, 16 by default.

        ``prior``: ``dimension_scaled``, ``saas`` (few columns matter) or a Pyro program of one's own, of columns of
        standard deviation 1 after ``scale`` and standardised labels. A step costs L³; a transition has up to
        2^``max_tree_depth`` of them. Chains that disagree, or that diverged, are warned of.
        Raises ValueError for labels that are no finite amounts, for no labels, and for settings below 1.
        """
        if not 1 <= thinning <= num_chains * num_samples:
            raise ValueError(f"thinning must be 1 up to the {num_chains * num_samples} samples, but it is {thinning}")
        known = amounts_of(inputs, labels, scale)
        found = sampled(
            known.inputs,
            known.targets,
            prior=prior,
            smoothness=smoothness,
            num_samples=num_samples,
            warmup=warmup,
            num_chains=num_chains,
            max_tree_depth=max_tree_depth,
            generator=generator,
        )
        belief = cls(
            found.samples[thinning - 1 :: thinning],
            known.inputs,
            known.targets,
            smoothness=smoothness,
            scale=known.rows.first,
            shift=known.shift,
            unit=known.unit,
            shape=known.rows.shape,
            num_frequencies=num_frequencies,
        )
        belief.diagnostics = {"r_hat": found.r_hat, "divergences": found.divergences}
        return belief

    def draw(self, num_hypotheses: int, *, generator: Generator) -> DrawnAmounts:
        """K functions, spread evenly over the samples. Raises ValueError for K < 1."""
        if num_hypotheses < 1:
            raise ValueError(f"at least one hypothesis must be drawn, but num_hypotheses is {num_hypotheses}")
        order = torch.randperm(len(self.processes), generator=generator).tolist()
        shares = [len(range(place, num_hypotheses, len(order))) for place in range(len(order))]
        parts, noise = [], []
        for s, share in zip(order, shares, strict=True):
            if share:
                process = self.processes[s]
                paths = process.draw(share, generator=generator, num_frequencies=self.num_frequencies)
                parts.append(Part(process.trend, paths))
                noise.append(process.noise.reshape(1).expand(share))
        return DrawnAmounts(self.rows, parts, torch.cat(noise), self.shift, self.unit)

    def mean(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        rows, points = self.rows(inputs)
        return (self.shift + self.unit * self._means(rows).mean(0)).to(points.device, self.rows.dtype)

    def covariance(self, inputs: Inputs, others: Inputs, /) -> Float[Tensor, "N M"]:
        (here, points), (there, _) = self.rows(inputs), self.rows(others)
        one, other = self._means(here), self._means(there)
        between = (one - one.mean(0)).mT @ (other - other.mean(0))
        within = torch.zeros_like(between)
        for process in self.processes:
            within = within + process.covariance(here, there)[0]
        return (self.unit**2 * (between + within) / len(self.processes)).to(points.device, self.rows.dtype)

    def variance(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        rows, points = self.rows(inputs)
        within = torch.stack([process.variance(rows)[0] for process in self.processes]).mean(0)
        variance = within + self._means(rows).var(0, correction=0)
        return (self.unit**2 * variance).to(points.device, self.rows.dtype)

    @property
    def state(self) -> dict[str, Tensor]:
        """The samples, what is known and the weights of what comes before, by name."""
        known = self.processes[0]
        found = {f"first.{name}": value for name, value in self.rows.first.state_dict().items()}
        found |= {"inputs": known.inputs, "targets": known.targets[0].clone()}
        for name in ("lengths", "amplitude", "noise", "level"):
            found[name] = torch.stack([getattr(one, name) for one in self.samples])
        return found

    def _means(self, rows: Float[Tensor, "N D"]) -> Float[Tensor, "S N"]:
        return torch.cat([process.mean(rows) for process in self.processes])
