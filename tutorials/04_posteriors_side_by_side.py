# %% [markdown]
# # Posteriors, side by side
#
# A posterior is a belief about *functions*. Which one to take is a question of what it costs, of where it is sure, and
# of whether its functions hang together: whether a label at one point says something about another. Here five of them
# learn the same forty points.

# %%
import math
import time
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import make_moons
from torch import Generator

import bayesal as bal
from bayesal.acquisitions import bald
from bayesal.learning import Ensemble, Fitted, Staged, Supervised, Training
from bayesal.networks import MLP
from bayesal.posteriors import DeepEnsemble, DirichletGP, LastLayerLaplace, MCDropout, SumProductNetwork
from bayesal.selection import BatchBALD, grow
from bayesal.testing import check_posterior

points, truth = make_moons(440, noise=0.2, random_state=0)
points, truth = torch.tensor(points, dtype=torch.float32), torch.tensor(truth)
pool = bal.Pool.of(points[:400], labels={i: int(truth[i]) for i in range(40)})
test_points, test_truth = points[40:], truth[40:]


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


# %% [markdown]
# ## Learners
#
# Three shapes cover nearly everything: a network wrapped as a belief (`Supervised`, and `Ensemble` for several), a
# network on whose features a belief is fitted (`Staged`), and a belief fitted on the points themselves (`Fitted`).

# %%
training = Training(learning_rate=1e-2, epoch_size=256, max_epochs=40, patience=None)
network = partial(MLP, 2, 2, hidden=(64, 64))
learners = {
    "MC dropout": Supervised(partial(network, dropout=0.2), MCDropout, training=training),
    "deep ensemble": Ensemble(partial(network, dropout=0.0), DeepEnsemble, 5, training=training),
    "last-layer Laplace": Staged(partial(network, dropout=0.0), LastLayerLaplace.fit, training=training),
    "sum-product network": Staged(partial(network, dropout=0.0), SumProductNetwork.fit, training=training),
    "Dirichlet GP": Fitted(partial(DirichletGP.fit, num_classes=2)),
}

beliefs, seconds = {}, {}
for name, learner in learners.items():
    start = time.perf_counter()
    beliefs[name] = learner(pool, seeded())
    seconds[name] = time.perf_counter() - start

# %% [markdown]
# ## One contract
#
# `draw(K)` gives K functions; called on the same points in other chunks, another order or another process they are the
# same functions. `check_posterior` proves it, for a posterior of yours as well.

# %%
for name, belief in beliefs.items():
    findings = check_posterior(belief, test_points[:16])
    print(
        f"{name}: {sum(finding.passed for finding in findings)} laws hold, {sum(f.warning for f in findings)} warnings"
    )

# %% [markdown]
# ## Where they are unsure
#
# Above, the averaged probability of the black moon; below, the mutual information between a label and the model (BALD):
# what is left to be learned there. Near the labels all agree. Far from them a network's last layer is sure of whatever
# its features say, and a Gaussian process goes back to what it knew before.

# %%
x, y = torch.meshgrid(torch.linspace(-2.5, 3.5, 80), torch.linspace(-2, 2.5, 60), indexing="xy")
grid = torch.stack([x.flatten(), y.flatten()], 1)
figure, axes = plt.subplots(2, len(beliefs), figsize=(3 * len(beliefs), 5), layout="constrained")
for (name, belief), (top, bottom) in zip(beliefs.items(), axes.T, strict=True):
    predictions = belief.draw(100, generator=seeded(1))(grid)
    maps = predictions.probs.mean(1)[:, 1], bald(predictions)
    for axis, values, colours, most in ((top, maps[0], "RdBu_r", 1), (bottom, maps[1], "viridis", math.log(2))):
        drawn = axis.contourf(x, y, values.reshape(x.shape), np.linspace(0, most, 21), cmap=colours)
        axis.scatter(*points[:40].T, c=truth[:40], cmap="gray_r", s=14, edgecolors="black", linewidths=0.6)
        axis.set(xticks=[], yticks=[])
        if axis in axes[:, -1]:
            figure.colorbar(drawn, ax=axis, ticks=[0, most])
    top.set_title(name)
axes[0, 0].set_ylabel("probability of black")
axes[1, 0].set_ylabel("BALD, nats")
plt.show()

# %% [markdown]
# ## How well, and at what price

# %%
print(f"{'':20} accuracy   NLL  seconds to learn")
accuracies = {}
for name, belief in beliefs.items():
    probabilities = belief.draw(100, generator=seeded(2))(test_points).probs.double().mean(1)
    accuracies[name] = (probabilities.argmax(1) == test_truth).double().mean().item()
    nll = -probabilities.gather(1, test_truth[:, None]).log().mean().item()
    print(f"{name:20} {accuracies[name]:8.3f} {nll:5.2f} {seconds[name]:17.1f}")

# %% [markdown]
# ## Whether points hang together
#
# Take the point that each would ask about first, and offer it twice. Once the first copy is labelled, the second tells
# less about the model: it is the same function's value again. A posterior that drew the values of points independently
# would gain as much from the copy as from the first, and fill a batch with copies.

# %%
copies = {}
for name, belief in beliefs.items():
    predictions = belief.draw(100, generator=seeded(3))(test_points)
    best = int(bald(predictions).argmax())
    selection = grow(BatchBALD(), predictions.logits[[best, best]], 2, generator=seeded(4))
    first, second = selection.gains.tolist()
    copies[name] = second / first
    print(f"{name:20} a point {first:.2f} nats, its copy {second:.2f} nats more")

# %% [markdown]
# `bayesal posteriors` lists the rest, each a word for `bayesal run DATA --posterior NAME`.

# %%
assert [name for name in beliefs if accuracies[name] < 0.8 or copies[name] > 0.95] == []
