"""Hamiltonian Monte Carlo of a Pyro model, and whether its chains agree."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from pyro.infer import MCMC, NUTS
from pyro.infer.autoguide.initialization import init_to_sample, init_to_value
from pyro.ops.stats import split_gelman_rubin
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent
from tqdm import tqdm

from bayesal.learning.epochs import SHOW_PROGRESS_AFTER

FEWEST_SAMPLES = 50  # of a chain: fewer cannot tell whether chains agree
LARGEST_R_HAT = 1.1
LARGEST_SHARE = 0.01  # of divergent transitions


def chains(
    model: Callable[..., Any],
    inputs: Tensor,
    labels: Tensor,
    *,
    num_samples: int,
    warmup: int,
    num_chains: int,
    max_tree_depth: int,
    initial: Mapping[str, Tensor] | None,
) -> tuple[dict[str, Tensor], int]:
    """The samples of all chains, chain after chain, and the number of divergent transitions. Called within ``private``.

    The first chain starts at ``initial``; the others, and all without it, start at draws of the prior.
    """
    for name, count, least in (("num_samples", num_samples, 4), ("num_chains", num_chains, 1), ("warmup", warmup, 0)):
        if count < least:
            raise ValueError(f"{name} must be at least {least}, but it is {count}")
    found: list[dict[str, Tensor]] = []
    divergences = 0
    with tqdm(
        total=num_chains * (warmup + num_samples), desc="NUTS", leave=False, delay=SHOW_PROGRESS_AFTER, disable=None
    ) as bar:
        for c in range(num_chains):
            start = (
                init_to_value(values=dict(initial), fallback=init_to_sample) if initial and c == 0 else init_to_sample
            )
            kernel = NUTS(model, max_tree_depth=max_tree_depth, init_strategy=start)
            chain = MCMC(
                kernel,
                num_samples=num_samples,
                warmup_steps=warmup,
                disable_progbar=True,
                hook_fn=lambda *state: bar.update(),
            )
            chain.run(inputs, labels)
            found.append(chain.get_samples())
            divergences += len(chain.diagnostics()["divergences"]["chain 0"])
    return {site: torch.cat([samples[site] for samples in found]).detach() for site in found[0]}, divergences


def agreement(predictions: Distribution, num_chains: int) -> float:
    """The largest split R̂ of a prediction, over points and classes: of probabilities, or of means.

    Of predictions and not of weights, whose chains may sit in copies of one mode that stand for the same functions.
    What never varies agrees.
    """
    base = predictions.base_dist if isinstance(predictions, Independent) else predictions
    told = base.probs if isinstance(base, Categorical) else base.mean
    per_draw = told.transpose(0, 1).flatten(1).double()
    per_chain = per_draw.reshape(num_chains, -1, per_draw.shape[1])
    varying = per_chain[..., per_chain.std(dim=1).amin(dim=0) > 1e-6]  # below it, rounding is all that varies
    return float(split_gelman_rubin(varying).max()) if varying.shape[-1] else 1.0


def warn_of(r_hat: float, divergences: int, num_chains: int, num_samples: int) -> None:
    """Say so if chains long enough to tell disagree or diverged."""
    if num_samples < FEWEST_SAMPLES:
        return
    total = num_chains * num_samples
    if r_hat > LARGEST_R_HAT:
        warnings.warn(
            f"the chains of NUTS disagree about some prediction (R̂ = {r_hat:.2f}, and above {LARGEST_R_HAT} they have "
            "not mixed); draw more samples, warm up for longer, or make the model smaller",
            RuntimeWarning,
            stacklevel=4,
        )
    if divergences > LARGEST_SHARE * total:
        warnings.warn(
            f"{divergences} of {total} transitions of NUTS diverged, so parts of the posterior are missed; warm up for "
            "longer, or parametrise the model so that its scales are alike",
            RuntimeWarning,
            stacklevel=4,
        )
