# %% [markdown]
# # BoTorch, both ways
#
# BoTorch looks for the largest value of a function that is expensive to ask. It does so through a model's posterior,
# and any belief of bayesal can be that model: one with closed-form moments (`MomentsModel`), or any at all, through
# functions that it draws (`FunctionsModel`). The other way, a model that was fitted in BoTorch is a posterior here
# (`from_botorch`).

# %%
import warnings

import matplotlib.pyplot as plt
import torch
from botorch.acquisition import LogExpectedImprovement
from botorch.acquisition.logei import qLogExpectedImprovement
from botorch.exceptions.warnings import InputDataWarning
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.optim import optimize_acqf
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch import Generator, Tensor

import bayesal as bal
from bayesal import methods
from bayesal.integrations.botorch import FunctionsModel, MomentsModel, NegIntegratedVariance, from_botorch
from bayesal.networks import Standardise
from bayesal.posteriors import NOMU, Descent, ExactGP, NOMUCalibration, NOMUTraining
from bayesal.testing import check_posterior

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#6b7280"
BOUNDS = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
SCALE = Standardise.of(torch.linspace(0, 1, 101, dtype=torch.float64)[:, None], torch.float64)


def expensive(x: Tensor) -> Tensor:
    """Forrester's function upside down: its largest value is 6.02, at 0.757."""
    return -((6 * x - 2) ** 2 * torch.sin(12 * x - 4)).squeeze(-1)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


start = torch.tensor([[0.05], [0.35], [0.65], [0.95]], dtype=torch.float64)

# %% [markdown]
# ## Beliefs
#
# A Gaussian process, and NOMU: a network that predicts, and a second one that says how unsure the first is. The noise
# is known to be nothing, so NOMU's widths are not calibrated but fixed: `c` says how wide they are.

# %%
training = NOMUTraining(
    hidden=(64, 64), box=(BOUNDS[0], BOUNDS[1]), descent=Descent(epochs=600, progress=False), dtype=torch.float64
)


def process(x: Tensor, y: Tensor) -> ExactGP:
    return ExactGP.fit(x, y, scale=SCALE, generator=seeded(), progress=False)


def network(x: Tensor, y: Tensor) -> NOMU:
    settled = NOMUCalibration(c=8.0, noise=1e-4)
    return NOMU.fit(x, y, scale=SCALE, generator=seeded(), training=training, calibration=settled, warn=False)


# %% [markdown]
# ## The search
#
# Eight times: fit, let BoTorch climb the expected improvement by the gradients of the belief's moments, ask there.


# %%
def search(fit, rounds: int = 8) -> tuple[Tensor, Tensor]:
    x, y = start.clone(), expensive(start)
    for _ in range(rounds):
        acquisition = LogExpectedImprovement(MomentsModel(fit(x, y)), best_f=y.max())
        with torch.random.fork_rng(), warnings.catch_warnings():
            torch.manual_seed(len(x))
            warnings.simplefilter("ignore", RuntimeWarning)  # of line searches that end where nothing rises any more
            found, _ = optimize_acqf(acquisition, BOUNDS, q=1, num_restarts=4, raw_samples=64)
        x, y = torch.cat([x, found]), torch.cat([y, expensive(found)])
    return x, y


asked = {"Gaussian process": search(process), "NOMU": search(network)}
for name, (_, y) in asked.items():
    print(f"{name:17} best so far: {', '.join(f'{value:.2f}' for value in y.cummax(0).values[3:])}")

# %%
grid = torch.linspace(0, 1, 201, dtype=torch.float64)[:, None]
figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), sharey=True, layout="constrained")
for axis, (name, fit) in zip(axes, {"Gaussian process": process, "NOMU": network}.items(), strict=True):
    x, y = asked[name]
    belief = fit(x[:7], y[:7])
    mean, sd = belief.mean(grid), belief.variance(grid).sqrt()
    axis.fill_between(grid[:, 0], mean - 2 * sd, mean + 2 * sd, color=BLUE, alpha=0.2, lw=0)
    axis.plot(grid[:, 0], mean, color=BLUE)
    axis.plot(grid[:, 0], expensive(grid), "--", color=ORANGE, lw=1)
    axis.plot(x[:7, 0], y[:7], "o", color="black", ms=4)
    axis.set(title=f"{name}, after 3 of its own questions", xlabel="x", ylim=(-20, 12))
axes[0].set_ylabel("f(x)")
plt.show()

# %% [markdown]
# ## Any belief, through its functions
#
# Not every belief has moments. `FunctionsModel` gives BoTorch K functions, drawn once: improvements are exact
# averages over them, and a candidate is worth the same wherever it stands among the others. The variance that a batch
# would leave over a region needs no model that BoTorch could condition.

# %%
functions = FunctionsModel.of(network(*asked["NOMU"]), 64, generator=seeded())
best = asked["NOMU"][1].max()
candidates = torch.tensor([[0.2], [0.6], [0.85]], dtype=torch.float64)
together = qLogExpectedImprovement(functions, best_f=best)(candidates.unsqueeze(1))
alone = torch.cat([qLogExpectedImprovement(functions, best_f=best)(one) for one in candidates.split(1)])
left = NegIntegratedVariance(functions, grid[::10], noise=1e-3)(candidates.unsqueeze(1))
print("improvement, in a list and alone:", together.tolist(), alone.tolist())
print("what stays unknown over [0, 1]:", (-left).tolist())

# %% [markdown]
# ## From BoTorch to here
#
# A model fitted in BoTorch, with all of BoTorch's means to fit one, is a posterior: it draws functions that are the
# same in every chunk, knows its moments, and takes every method that needs them.

# %%
x, y = asked["Gaussian process"]
with warnings.catch_warnings():
    warnings.simplefilter("ignore", InputDataWarning)
    model = SingleTaskGP(x[:6], y[:6, None])
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
posterior = from_botorch(model)
check_posterior(posterior, grid[::20])
pool = bal.Pool.of(grid)
selection = methods.joint_bald()(posterior, pool, 3, generator=seeded())
picked = grid[[int(i) for i in selection.ids], 0]
print("three labels that together would teach most:", [round(float(p), 2) for p in picked])

# %%
assert [name for name, (_, y) in asked.items() if y.max() < 5.5] == []
