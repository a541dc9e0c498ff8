"""A chain of stochastic-gradient Langevin steps, by the library ``posteriors``."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from bayesal.learning.streams import seeded
from bayesal.recipe import recipe


@dataclass(frozen=True, repr=False)
class Langevin:
    """How a chain moves, and what is kept of it. Densities are those of N points divided by N, as is the temperature.

    ``dynamics``: "baoa", SGHMC by the BAOA integrator (Leimkuhler and Matthews, 2015), whose error is small at usual
    step sizes, or "sgld" (Welling and Teh, 2011): θ ← θ + h ∇ log p(θ) / N + √(2 h T) z. This is the literature's
    step ε = 2 h / N on the whole density; where -log p / N has the curvature c it stretches the variance by
    1 / (1 - h c / 2), and for h c >= 2 it diverges.
    ``learning_rate`` h; ``friction`` of "baoa": the library's default of 0.01 hardly forgets where it came from.

    The first ``burn_in`` steps are dropped; then the state after every ``thinning`` steps is kept. With ``num_cycles``
    (Zhang et al., ICLR 2020) this happens in each of so many cycles, in which h goes down from ``learning_rate`` to
    nothing along a cosine: the first steps of a cycle explore, the later ones sample. None keeps h as it is.
    """

    dynamics: str = "baoa"
    learning_rate: float = 0.1
    friction: float = 0.3
    num_samples: int = 30
    burn_in: int = 400
    thinning: int = 20
    num_cycles: int | None = None
    progress: bool = field(default=True, repr=False)

    __repr__ = recipe

    def __post_init__(self) -> None:
        if self.dynamics not in ("baoa", "sgld"):
            raise ValueError(f"the dynamics must be 'baoa' or 'sgld', but they are {self.dynamics!r}")
        for name in ("learning_rate", "friction"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, but it is {getattr(self, name)}")
        for name, least in (("num_samples", 4), ("burn_in", 0), ("thinning", 1), ("num_cycles", 1)):
            count = getattr(self, name)
            if count is not None and count < least:
                raise ValueError(f"{name} must be at least {least}, but it is {count}")

    @property
    def cycle(self) -> int:
        """The steps of one cycle."""
        return self.burn_in + self.thinning * math.ceil(self.num_samples / (self.num_cycles or 1))

    def rate(self, step: int) -> float:
        """h at this step."""
        if self.num_cycles is None:
            return self.learning_rate
        return self.learning_rate * (1 + math.cos(math.pi * (step % self.cycle) / self.cycle)) / 2

    def run(
        self,
        log_density: Callable[[Float[Tensor, "P"], Any], Float[Tensor, ""]],
        start: Float[Tensor, "P"],
        *,
        temperature: float,
        seed: int,
        batch: Callable[[], Any] = lambda: None,
    ) -> Float[Tensor, "S P"]:
        """The states that are kept of a chain from ``start`` whose law is p^(1/T), T being the ``temperature``.

        ``log_density(θ, batch())`` is (an unbiased estimate of) log p. Global generators are left as they were. Raises
        ImportError without the library, and ValueError if the chain leaves the finite numbers.
        """
        library = sgmcmc()

        def value(theta: Tensor, points: Any) -> tuple[Tensor, Tensor]:
            return log_density(theta, points), torch.tensor([])

        settings: dict[str, Any] = {"lr": lambda step: self.rate(int(step)), "temperature": temperature}
        if self.dynamics == "baoa":  # at rest: the library's own start is that of the temperature 1
            chain = library.baoa.build(value, alpha=self.friction, momenta=0.0, **settings)
        else:
            chain = library.sgld.build(value, **settings)
        cycles = self.num_cycles or 1
        kept: list[Tensor] = []
        with (
            seeded(seed),
            tqdm(
                total=cycles * self.cycle, desc="sampling", unit="step", leave=False, delay=2, disable=not self.progress
            ) as bar,
        ):
            state = chain.init(start)
            for step in range(cycles * self.cycle):
                state, _ = chain.update(state, batch())
                bar.update()
                within = step % self.cycle + 1 - self.burn_in
                if within > 0 and within % self.thinning == 0:
                    if not state.params.isfinite().all():
                        raise ValueError(
                            f"the chain left the finite numbers within {step + 1} steps: lower its learning rate (now "
                            f"{self.learning_rate})"
                        )
                    kept.append(state.params)
        return torch.stack(kept[: self.num_samples])


def sgmcmc() -> ModuleType:
    """The samplers of the library ``posteriors``. Raises ImportError with what to type if it is not there."""
    try:
        with warnings.catch_warnings():  # tensordict, on classes of the library's own
            warnings.simplefilter("ignore", FutureWarning)
            from posteriors import sgmcmc as samplers
    except ImportError as error:
        raise ImportError(
            "SG-MCMC takes its steps by the library 'posteriors', which is not installed: pip install 'bayesal[sgmcmc]'"
        ) from error
    return samplers
