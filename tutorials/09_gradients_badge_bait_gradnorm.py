# %% [markdown]
# # Gradients: BADGE, BAIT, GradNorm, MLMOC
#
# A label moves the network by a gradient. Nobody knows the label yet, but the network has a guess, and with it one may
# ask: how far would this label move the weights (GradNorm)? Which labels move them in *different* directions (BADGE)?
# Which tell most of all that the pool could tell (BAIT)? And what would the network predict afterwards (MLMOC)?

# %%
import math
from itertools import pairwise

import matplotlib.pyplot as plt
import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

import bayesal as bal
from bayesal import methods
from bayesal.acquisitions import LookAhead, egl, entropy_gradnorm
from bayesal.data.shift import repeated
from bayesal.learning import Supervised, Training
from bayesal.networks import MLP
from bayesal.posteriors import MCDropout
from bayesal.representations import badge_embedding, fisher_factors
from bayesal.selection import FisherBait, KMeansPlusPlus, grow
from bayesal.views import GradNorm
from bayesal.views.lookahead import Linearised

SEED = 0
BLUE, ORANGE, GREEN, PINK, GREY = "#0072b2", "#d55e00", "#007f5f", "#aa3f87", "#6b7280"  # told apart by all eyes


def seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)


# %% [markdown]
# ## A pool where every image exists four times
#
# Three hundred digits, four times each with a little noise, and a small network that has seen three of each class.

# %%
digits = bal.data.load("digits", seed=SEED)
few = digits.take(torch.randperm(len(digits), generator=seeded(SEED))[:300])
data = repeated(few, 4, noise=0.05, generator=seeded(SEED))
first_three = [i for c in range(10) for i in torch.nonzero(few.labels == c).flatten()[:3].tolist()]
pool = bal.Pool.of(data.inputs, ids=data.ids, labels={data.ids[i]: int(data.labels[i]) for i in first_three})
training = Training(max_epochs=30, patience=None, progress=False)
learn = Supervised(lambda: MLP(64, 10, hidden=(64, 32)), MCDropout, training=training)
belief = learn(pool, seeded(SEED))
ids = pool.unlabelled
images = pool.gather(ids)
print(pool)

# %% [markdown]
# ## The gradient in the last layer
#
# The last layer multiplies features h by weights W. If the label is y, the gradient of the loss in W is (p - e) ⊗ h:
# the error of the probabilities p, times the features. That is all there is to compute.

# %%
logits = belief.forward(belief.state, images)
features = belief.embed(images)
probabilities = logits.softmax(1)
entropies = torch.special.entr(probabilities).sum(1)
guesses = probabilities.argmax(1)


def gradients_of_layers(loss: Tensor, leaves: dict[str, Tensor]) -> dict[str, Tensor]:
    """One backward pass."""
    return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values()), retain_graph=True), strict=True))


leaves = {name: belief.state[name].clone().requires_grad_() for name in belief.trainable}
head = next(name for name, value in leaves.items() if value.shape == (10, features.shape[1]))
asked_for = int(entropies.argmax())
loss = cross_entropy(belief.forward(leaves, images[[asked_for]]), guesses[[asked_for]])
by_autograd = gradients_of_layers(loss, leaves)[head]
error = probabilities[asked_for] - torch.eye(10)[guesses[asked_for]]
by_hand = torch.outer(error, features[asked_for])
print(f"largest difference: {float((by_autograd - by_hand).abs().max()):.1e}")

# %%
sure = int(entropies.argmin())
figure, axes = plt.subplots(1, 4, figsize=(10, 2.6), layout="constrained", width_ratios=(1, 2.4, 1, 2.4))
longest = float(by_hand.abs().max())
for (left, right), n in ((axes[:2], sure), (axes[2:], asked_for)):
    left.imshow(images[n, 0].numpy(), cmap="gray_r")
    left.set(xticks=[], yticks=[], title=f"p = {float(probabilities[n].max()):.2f}")
    gradient = badge_embedding(logits[[n]], features[[n]]).dense().reshape(10, -1)
    drawn = right.imshow(gradient.numpy(), cmap="RdBu_r", vmin=-longest, vmax=longest, aspect="auto")
    right.set(xlabel="feature", ylabel="class", yticks=range(0, 10, 3), title=f"length {float(gradient.norm()):.2f}")
figure.colorbar(drawn, ax=axes[3], label="gradient")
plt.show()

# %% [markdown]
# On the left an image the network is sure of: its guess is right or will not be moved. On the right one it cannot
# decide: whatever the label, it moves the two rows of the classes in question, one up and one down.
#
# ## BADGE
#
# BADGE takes the guess for the label, and wants gradients that are long *and* apart: k-means++ draws points in
# proportion to their squared distance from those already drawn. `badge_embedding` gives the gradients as products that
# are never written down.

# %%
embedding = badge_embedding(logits, features)
written = embedding.numel() * embedding.element_size()
kept = sum(factor.numel() * factor.element_size() for factor in (embedding.left, embedding.right))
print(
    f"{len(embedding)} gradients of {embedding.shape[1]} numbers: {written / 1e6:.2f} MB, kept in {kept / 1e6:.2f} MB"
)
points, classes, width = 200_000, 1_000, 512
print(
    f"ImageNet's classes: {4e-9 * points * classes * width:,.0f} GB, kept in {4e-9 * points * (classes + width):.1f} GB"
)

# %%
asked = {
    name: list(method(belief, pool, 10, generator=seeded(SEED)).ids)
    for name, method in (("entropy", methods.entropy()), ("BADGE", methods.badge()), ("random", methods.random()))
}
position = {i: n for n, i in enumerate(ids.tolist())}
seeds = grow(KMeansPlusPlus(), embedding, 10, generator=seeded(SEED))
print("by hand the same batch:", [position[i] for i in asked["BADGE"]] == seeds.ids)

dense = embedding.dense().double()
centred = dense - dense.mean(0)
flat = centred @ torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -2:].flip(1)
figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained", sharex=True, sharey=True)
for axis, name in zip(axes, ("entropy", "BADGE"), strict=True):
    at = [position[i] for i in asked[name]]
    axis.scatter(*flat.T, s=5, color="lightgrey")
    axis.scatter(*flat[at].T, s=40, color=ORANGE, edgecolors="white", linewidths=0.8)
    axis.set(title=name, xlabel="first direction")
axes[0].set_ylabel("second direction")
plt.show()

# %% [markdown]
# In the middle of the fan are the sure points, whose gradients are short; each ray is a pair of classes that are taken
# for each other. The highest entropies sit together, some as copies; the seeds are spread over the rays.


# %%
def show(title: str, batch: list[str]) -> None:
    figure, axes = plt.subplots(1, len(batch), figsize=(10, 1.7))
    seen = set()
    for axis, i in zip(axes, batch, strict=True):
        axis.imshow(pool.gather([i])[0, 0].numpy(), cmap="gray_r")
        copy = i.split("#")[0] in seen
        axis.set(xticks=[], yticks=[])
        axis.set_title(i, fontsize=8)
        axis.set_xlabel("copy" if copy else "", color=ORANGE, fontsize=9)
        axis.spines[:].set(color=ORANGE if copy else "white", linewidth=4)
        seen.add(i.split("#")[0])
    figure.suptitle(f"{title}: {len(seen)} different images", y=1.02)
    plt.show()


show("entropy", asked["entropy"])
show("BADGE", asked["BADGE"])

# %% [markdown]
# ## BAIT
#
# BADGE trusts the guess. BAIT averages over labels: E[g gᵀ] is the *Fisher information* I(x) of a point, the same
# gradients weighed by their probabilities. A batch S is good if M = λI + Σ I(x) over what is labelled and S has
# whatever the whole pool asks for, F = mean I(x): if tr(M⁻¹F) is small.
#
# `fisher_factors` gives V with VᵀV = I(x), again as products.

# %%
factors = fisher_factors(logits, features)
one = factors[[asked_for]].dense()[0].double()
information = torch.zeros(one.shape[1], one.shape[1], dtype=torch.float64)
for label in range(10):
    g = torch.outer(probabilities[asked_for] - torch.eye(10)[label], features[asked_for]).flatten().double()
    information += float(probabilities[asked_for, label]) * torch.outer(g, g)
print(f"{factors}: largest difference to E[g gᵀ]: {float((one.T @ one - information).abs().max()):.1e}")

# %% [markdown]
# BAIT has second thoughts: it picks twice the batch, one point after the other, and then drops the points that are
# missed least. Below, the objective of every set on the way, computed with matrices written down in full.

# %%
known = pool.gather(pool.labelled)
of_known = fisher_factors(belief.forward(belief.state, known), belief.embed(known))
everything = torch.cat([of_known.dense(), factors.dense()]).double().flatten(0, 1)  # rows of all V
asked_by_pool = everything.T @ everything / (len(of_known) + len(factors))
labelled_already = torch.eye(factors.shape[2], dtype=torch.float64)
labelled_already += of_known.dense().double().flatten(0, 1).T @ of_known.dense().double().flatten(0, 1)


def objective(positions: list[int]) -> float:
    """tr(M⁻¹F) with λ = 1."""
    rows = factors[positions].dense().double().flatten(0, 1)
    return float(torch.linalg.solve(labelled_already + rows.T @ rows, asked_by_pool).trace())


bait = FisherBait(regularisation=1.0, weighting="sum")
forward = grow(FisherBait(1.0, "sum", over_selection=1), factors, 20, given=of_known, generator=seeded(SEED)).ids
both = grow(bait, factors, 10, given=of_known, generator=seeded(SEED))
kept_positions, falling = list(forward), [objective(forward[:b]) for b in range(21)]
rising = [falling[-1]]
while len(kept_positions) > 10:
    without = {i: objective([k for k in kept_positions if k != i]) for i in kept_positions}
    kept_positions.remove(min(without, key=without.get))
    rising.append(objective(kept_positions))

# %%
steps = {name: [objective([position[i] for i in batch[:b]]) for b in range(11)] for name, batch in asked.items()}
figure, axis = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
for name, style, colour in (("random", ":", GREY), ("entropy", "-.", PINK), ("BADGE", "--", GREEN)):
    axis.plot(range(11), steps[name], style, color=colour, label=name)
axis.plot(range(21), falling, "o-", color=BLUE, markersize=4, label="BAIT, forward")
axis.plot(range(20, 9, -1), rising, "v--", color=ORANGE, markersize=5, label="BAIT, backward")
axis.set(xlabel="points in the batch", ylabel="tr(M⁻¹F)", xticks=range(0, 21, 5))
axis.legend()
plt.show()
print(f"ten points: forward {falling[10]:.4f}, forward and backward {rising[-1]:.4f}")

# %%
asked["BAIT"] = list(methods.bait()(belief, pool, 10, generator=seeded(SEED)).ids)
show("BAIT", asked["BAIT"])

# %% [markdown]
# ## GradNorm
#
# The length of a gradient alone is a score, if one only had the label. *entropy-gradnorm* takes the entropy in place of
# the loss. *expected-gradnorm* takes the expected loss Σ p_c CE_c. But CE_c is -ln p_c, so the two are one number.
# (Hold p fixed, and the expected gradient is 0: whoever believes himself expects to learn nothing.)

# %%
some = list(range(0, len(ids), 200))
by_autograd, by_expectation, by_belief = [], [], []
for n in some:
    log_p = belief.forward(leaves, images[[n]]).log_softmax(1)
    parts = {
        "entropy": -(log_p.exp() * log_p).sum(),
        "expected": sum(log_p[0, c].exp() * cross_entropy(log_p, torch.tensor([c])) for c in range(10)),
        "p held": sum(log_p[0, c].exp().detach() * cross_entropy(log_p, torch.tensor([c])) for c in range(10)),
    }
    norms = {name: sum(g.norm() for g in gradients_of_layers(part, leaves).values()) for name, part in parts.items()}
    by_autograd.append(norms["entropy"])
    by_expectation.append(norms["expected"])
    by_belief.append(norms["p held"])
by_autograd, by_expectation, by_belief = (torch.stack(norms) for norms in (by_autograd, by_expectation, by_belief))
whole_network = GradNorm("entropy")(belief, pool, generator=seeded(SEED))
by_hooks = whole_network(images)
print("entropy, point by point: ", [f"{x:.4f}" for x in by_autograd.tolist()])
print("expected, point by point:", [f"{x:.4f}" for x in by_expectation.tolist()])
print("expected, p held fixed:  ", [f"{x:.4f}" for x in by_belief.tolist()])
print("all points at once:      ", [f"{x:.4f}" for x in by_hooks[some].tolist()])

# %% [markdown]
# The last line is one backward pass over the pool: the lengths of gradients in a layer follow from its inputs and from
# what comes back, and no gradient of a single point is ever written down.
#
# There is a hole in it. Let one class have the probability p and the others share the rest. The entropy is largest
# where all are equally likely, and there, at the top, its gradient is 0: **the most uncertain points of all get the
# score of those that are certain**. The expected gradient length (EGL, Σ p_c ‖∇CE_c‖) has no such hole.

# %%
share = torch.linspace(1e-4, 1 - 1e-4, 1001, dtype=torch.float64)
unit = torch.ones(len(share), 1, dtype=torch.float64)
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained", sharey=True)
at_uniform, peaks = [], []
for axis, count in zip(axes, (2, 3), strict=True):
    p = torch.cat([share[:, None], ((1 - share) / (count - 1))[:, None].expand(-1, count - 1)], 1)
    curves = {
        "entropy (nats)": torch.special.entr(p).sum(1),
        "EGL": egl(p.log(), unit, bias=False),
        "entropy-gradnorm": entropy_gradnorm(p.log(), unit, bias=False),
    }
    for (name, curve), style, colour in zip(curves.items(), (":", "--", "-"), (GREY, BLUE, ORANGE), strict=True):
        axis.plot(share, curve, style, color=colour, label=name)
    axis.axvline(1 / count, color="lightgrey", zorder=0)
    axis.set(title=f"{count} classes", xlabel="probability of one class")
    peaks.append(float(share[curves["entropy-gradnorm"].where(share > 1 / count, 0.0).argmax()]))
    at_uniform.append(float(entropy_gradnorm(torch.zeros(1, count), torch.ones(1, 1), bias=False)))
axes[0].set_ylabel("score, features of length 1")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper")
plt.show()
print(f"longest at p = {peaks[0]:.3f} of two classes and {peaks[1]:.3f} of three; where all are equal: {at_uniform}")

# %% [markdown]
# Does it matter for the digits? Each dot is an image. At ln 2 two classes are equally likely and all others are not
# likely at all: there the scores fall into the hole.

# %%
figure, axis = plt.subplots(figsize=(5.5, 3.5), layout="constrained")
axis.scatter(entropies, by_hooks, s=6, color=BLUE)
axis.axvline(math.log(2), color=GREY, linestyle=":", label="ln 2")
axis.set(xlabel="entropy (nats)", ylabel="entropy-gradnorm", xlim=(0, None), ylim=(0, None))
axis.legend(loc="lower right")
plt.show()

# %% [markdown]
# ## MLMOC
#
# The gradients' inner products are the network's tangent kernel. Kernel regression with it says what the network would
# predict if it were trained on with one label more, so nothing needs to be trained. MLMOC asks for the point whose
# likely label would change most predictions. All candidates at once, against one regression for each:

# %%
blocks = Linearised()(belief, pool, ids[::30], generator=seeded(SEED))
theta_known, theta_across, theta, at_known, one_hot, now, ridge = blocks
scores = LookAhead.of(*blocks[:6], regularisation=ridge).scores()
one_by_one = []
for j in range(len(now)):
    joined = torch.cat(
        [torch.cat([theta_known, theta_across[:, [j]]], 1), torch.cat([theta_across[:, [j]].T, theta[[j]][:, [j]]], 1)]
    )
    across = torch.cat([theta_across, theta[[j]]])
    wrong = torch.cat([one_hot - at_known, torch.eye(10)[now[[j]].argmax(1)] - now[[j]]])
    after = now + across.T @ torch.linalg.solve(joined + ridge * torch.eye(len(joined)), wrong)
    one_by_one.append((after - now).norm(dim=1).sum())
print(f"largest relative difference: {float((scores / torch.stack(one_by_one) - 1).abs().max()):.1e}")
asked["MLMOC"] = list(methods.mlmoc()(belief, pool, 10, generator=seeded(SEED)).ids)
show("MLMOC", asked["MLMOC"])

# %% [markdown]
# ## All batches
#
# What scores points one by one asks for copies: GradNorm and MLMOC as much as the entropy. BADGE and BAIT look at the
# batch.

# %%
for name, method in (
    ("GradNorm", methods.gradnorm_entropy()),
    ("EGL", methods.egl()),
):
    asked[name] = list(method(belief, pool, 10, generator=seeded(SEED)).ids)
different = {name: len({i.split("#")[0] for i in batch}) for name, batch in asked.items()}
print(f"{'':10}{'different images':>18}{'classes':>9}{'mean entropy':>15}{'tr(M⁻¹F)':>11}")
for name, batch in asked.items():
    at = [position[i] for i in batch]
    of = len({data.answers[i] for i in batch})
    print(f"{name:10}{different[name]:18}{of:9}{entropies[at].mean():10.2f} nats{objective(at):11.3f}")

# %% [markdown]
# ## What this does and does not show
#
# It shows what each method looks at, and what copies do to scores of single points. It is one batch from one pool:
# which method learns fastest, and whether any beats chance, takes whole studies of many seeds (`bayesal run`). With
# another `SEED` the numbers change, but not the identities; nor that BAIT is better by its own measure than batches
# that do not know of it, or that batches which look at themselves ask more different images.

# %%
assert torch.allclose(one.T @ one, information, atol=1e-6)
assert torch.allclose(by_hooks[some], by_autograd, rtol=1e-4)
assert torch.allclose(by_expectation, by_autograd, rtol=1e-3)
assert float(by_belief.max()) < 1e-4
assert max(at_uniform) < 1e-12
assert torch.allclose(scores, torch.stack(one_by_one), rtol=1e-4)
assert sorted(both.ids) == sorted(kept_positions)
assert all(before > after for before, after in pairwise(falling))
assert rising[-1] < min(step[-1] for step in steps.values())
assert min(different["BADGE"], different["BAIT"]) > different["entropy"]
