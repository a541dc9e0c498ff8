# %% [markdown]
# # A Pyro model as posterior
#
# You have a model of your own in [Pyro](https://pyro.ai): a hierarchy, a mechanism, whatever you believe of your data.
# Then you need no network: the draws of its latents are hypotheses, and every method of this library can ask for labels
# on their behalf.

# %%
import math

import matplotlib.pyplot as plt
import pyro
import pyro.distributions as dist
import torch
from pyro.infer.autoguide import AutoMultivariateNormal
from torch import Generator, Tensor

import bayesal as bal
from bayesal.acquisitions import bald, epig
from bayesal.posteriors import PyroPosterior, fit_nuts, fit_svi

SEED = 0
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#6b7280"  # told apart by all eyes


def seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)


# %% [markdown]
# ## Five sites, one law, few labels
#
# A quantity grows along x at five sites. Each site has a level and a slope of its own, drawn around those of all sites.
# A point is (site, x). Site 4 has no label at all: only the other sites say what to expect there.

# %%
NUM_SITES = 5


def growth(points: Tensor, labels: Tensor | None = None) -> Tensor:
    level = pyro.sample("level", dist.Normal(0.0, 1.0))
    slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
    spread = pyro.sample("spread", dist.HalfNormal(torch.ones(2)).to_event(1))
    with pyro.plate("sites", NUM_SITES):
        own = pyro.sample("own", dist.Normal(torch.zeros(2), 1.0).to_event(1))  # how far a site is from the others
    noise = pyro.sample("noise", dist.LogNormal(-1.5, 0.3))
    site, x = points[:, 0].long(), points[:, 1]
    mean = level + spread[0] * own[site, 0] + (slope + spread[1] * own[site, 1]) * x
    with pyro.plate("points", len(points)):
        return pyro.sample("amount", dist.Normal(mean, noise), obs=labels)


generator = seeded(SEED)
levels = 0.3 + 0.5 * torch.randn(NUM_SITES, generator=generator)
slopes = 0.8 + 0.4 * torch.randn(NUM_SITES, generator=generator)


def truth(points: Tensor) -> Tensor:
    site = points[:, 0].long()
    return levels[site] + slopes[site] * points[:, 1]


x = torch.linspace(-2, 2, 41)
pool_points = torch.stack([torch.arange(NUM_SITES).repeat_interleave(41).float(), x.repeat(NUM_SITES)], 1)
answers = (truth(pool_points) + 0.2 * torch.randn(len(pool_points), generator=generator)).tolist()
asked = [site * 41 + int(i) for site in range(4) for i in (12 + 16 * torch.rand(4, generator=generator)).long()]
pool = bal.Pool.of(pool_points, labels={i: answers[i] for i in asked})
inputs, labels = pool.gather(pool.labelled), pool.targets().float()

# %% [markdown]
# ## Two ways to learn it
#
# Variational inference moves a Gaussian over all latents, with its covariance, towards the posterior: fast, and a
# little too sure. NUTS samples the posterior itself: slow, and right if its chains agree. Both give a posterior of this
# library. Nothing of Pyro's global state is touched: neither its parameter store nor your random seeds.

# %%
by_svi = fit_svi(
    growth, inputs, labels, guide=AutoMultivariateNormal, num_steps=800, learning_rate=0.03, generator=seeded(SEED)
)
by_nuts = fit_nuts(growth, inputs, labels, num_samples=80, warmup=80, max_tree_depth=5, generator=seeded(SEED))
print({name: round(value, 3) for name, value in by_nuts.diagnostics.items()})

# %% [markdown]
# If you have trained a guide yourself, or run `MCMC`, wrap it: `PyroPosterior(model, guide=guide, inputs=inputs)`, or
# `PyroPosterior(model, samples=mcmc, inputs=inputs)`. A draw fixes *all* latents, so that it is one function at every
# point, in any chunk and order.

# %%
beliefs = {"SVI": by_svi, "NUTS": by_nuts}
hypotheses = {name: belief.draw(160, generator=seeded(SEED)) for name, belief in beliefs.items()}
figure, axes = plt.subplots(2, NUM_SITES, figsize=(11, 4.6), sharex=True, sharey=True, layout="constrained")
for row, (name, drawn) in zip(axes, hypotheses.items(), strict=True):
    curves = drawn(pool_points).mean.unflatten(0, (NUM_SITES, 41))
    for site, axis in enumerate(row):
        mean, spread = curves[site].mean(1), 2 * curves[site].std(1)
        axis.fill_between(x, mean - spread, mean + spread, color=BLUE, alpha=0.2, linewidth=0)
        axis.plot(x, curves[site][:, :8], color=BLUE, alpha=0.4, linewidth=0.7)
        axis.plot(x, levels[site] + slopes[site] * x, "--", color=GREY)
        here = inputs[:, 0] == site
        axis.plot(inputs[here, 1], labels[here], "o", color="black", markersize=4)
        axis.set(title=f"{name}, site {site}", ylim=(-4, 4))
plt.show()

# %% [markdown]
# Bands are functions without noise, two standard deviations wide; thin lines are eight hypotheses. Where a site has no
# label the band is that of a site yet unknown, around the mean of all.
#
# ## What to ask
#
# BALD asks what a label tells about the latents, all of them. EPIG asks what it tells about predictions you care for:
# say only site 2, and only at its right end.

# %%
targets = torch.stack([torch.full((20,), 2.0), torch.linspace(1.5, 2.0, 20)], 1)
scores = {
    name: {"BALD": bald(drawn(pool_points)), "EPIG": epig(drawn(pool_points), drawn(targets))}
    for name, drawn in hypotheses.items()
}
figure, axes = plt.subplots(2, NUM_SITES, figsize=(11, 4), sharex=True, sharey="row", layout="constrained")
for row, method in zip(axes, ("BALD", "EPIG"), strict=True):
    for site, axis in enumerate(row):
        for (name, scored), style, colour in zip(scores.items(), ("-", "--"), (BLUE, ORANGE), strict=True):
            axis.plot(x, scored[method].unflatten(0, (NUM_SITES, 41))[site], style, color=colour, label=name)
        axis.set_title(f"site {site}")
    row[0].set_ylabel(f"{method} (nats)")
axes[0, 0].legend()
plt.show()

# %%
first = {name: {m: pool_points[int(s.argmax())].tolist() for m, s in scored.items()} for name, scored in scores.items()}
for name, points in first.items():
    print(name, {method: f"site {site:.0f}, x = {place:.2f}" for method, (site, place) in points.items()})

# %% [markdown]
# BALD goes where nothing is known, to site 4. EPIG goes to site 2: another site tells about it only by way of what all
# have in common. The two beliefs agree on that, although one took a fraction of the other's time.
#
# ## A batch
#
# Any method takes the belief. Four labels at once, then the model is learned again by SVI. What is left to know about
# the targets is the spread of their curves.

# %%
four_methods = {
    "random": bal.methods.random(),
    "joint BALD": bal.methods.joint_bald(160),
    "EPIG": bal.methods.epig(160, targets=targets),
}


def spread_at_targets(belief: PyroPosterior) -> float:
    return float(belief.draw(160, generator=seeded(SEED))(targets).mean.std(1).mean())


left = {"before": spread_at_targets(by_svi)}
for name, method in four_methods.items():
    chosen = method(by_svi, pool, 4, generator=seeded(SEED)).ids
    more = pool.with_labels({i: answers[i] for i in chosen})
    belief = fit_svi(
        growth,
        more.gather(more.labelled),
        more.targets().float(),
        guide=AutoMultivariateNormal,
        num_steps=800,
        learning_rate=0.03,
        generator=seeded(SEED),
    )
    left[name] = spread_at_targets(belief)
    print(f"{name:12}sites {[int(pool_points[i, 0]) for i in chosen]}")

# %%
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
axis.barh(list(left), list(left.values()), color=[GREY, GREY, BLUE, ORANGE])
axis.set(xlabel="standard deviation of the function at the targets, mean")
axis.invert_yaxis()
plt.show()

# %% [markdown]
# ## In a study
#
# `functools.partial` makes a learner of a model: `Fitted(partial(fit_svi, growth, num_steps=800), standardise=False)`
# is what `Study.open(..., learner=...)` takes (`standardise=False`, since the first column is a number of a site). For
# networks with a prior on their weights there are `--posterior pyro-svi` and `--posterior pyro-nuts`.
#
# What a Pyro model must not do here is said when you wrap it: be conditioned on its data, have a latent for each point,
# or leave a discrete latent undrawn. One mistake nobody can see: a plate of the size of a minibatch. It must be
# `pyro.plate("points", N, subsample=batch)`, or the posterior is too wide.

# %%
assert math.isfinite(by_nuts.diagnostics["r_hat"])
assert all(points["BALD"][0] == 4 and points["EPIG"][0] == 2 for points in first.values())
assert left["EPIG"] < min(left["random"], left["joint BALD"])
