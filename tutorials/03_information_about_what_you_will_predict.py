# %% [markdown]
# # Information about what you will predict
#
# BALD asks what a label tells about the *model*. But a model has many corners, and you will predict in few of them.
# EPIG asks what a label tells about *predictions* at inputs you care about, the targets; JEPIG asks it of a batch. Only
# the targets' inputs are needed, never their labels.

# %%
import math

import matplotlib.pyplot as plt
import torch
from torch import Generator, Tensor
from torch.distributions import Categorical
from torch.nn.functional import logsigmoid
from torch.special import entr

import bayesal as bal
from bayesal import methods
from bayesal.acquisitions import bald, epig, gaussian_bald, gaussian_epig
from bayesal.data.shift import irrelevant
from bayesal.learning import Supervised
from bayesal.networks import SmallCNN
from bayesal.posteriors import MCDropout

SEED = 0
BLUE, ORANGE, GREEN, PINK, GREY = "#0072b2", "#d55e00", "#007f5f", "#aa3f87", "#6b7280"  # told apart by all eyes


def seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)


# %% [markdown]
# ## A curve, in closed form
#
# Where a belief knows its mean and covariance, nothing is sampled. Any object with these two will do; `noise` says how
# far labels lie from the curve. This is a Gaussian process, whole.


# %%
class GaussianProcess:
    noise = 0.01

    def __init__(self, inputs: Tensor, labels: Tensor) -> None:
        self.inputs = inputs
        self.root = torch.linalg.cholesky(self.prior(inputs, inputs) + self.noise * torch.eye(len(inputs)))
        self.weights = torch.cholesky_solve(labels[:, None], self.root).squeeze(1)

    def prior(self, inputs: Tensor, others: Tensor) -> Tensor:
        return torch.exp(-0.5 * torch.cdist(inputs, others).square())

    def mean(self, inputs: Tensor, /) -> Tensor:
        return self.prior(inputs, self.inputs) @ self.weights

    def covariance(self, inputs: Tensor, others: Tensor, /) -> Tensor:
        known = torch.cholesky_solve(self.prior(self.inputs, others), self.root)
        return self.prior(inputs, others) - self.prior(inputs, self.inputs) @ known


def learn_curve(pool: bal.Pool) -> GaussianProcess:
    return GaussianProcess(pool.gather(pool.labelled), pool.targets())


# %% [markdown]
# Six labels somewhere between -8 and 8. We will predict near 2.5 only.

# %%
line = torch.linspace(-8, 8, 321, dtype=torch.float64)[:, None]
heights = torch.sin(2 * line[:, 0]) + 0.3 * line[:, 0]
answers = (heights + 0.1 * torch.randn(321, generator=seeded(SEED))).tolist()
six = torch.randperm(321, generator=seeded(SEED))[:6].tolist()
line_pool = bal.Pool.of(line, labels={i: answers[i] for i in six})
line_targets = 2.5 + 0.8 * torch.randn(50, 1, generator=seeded(SEED + 1), dtype=torch.float64)
curve = learn_curve(line_pool)

# %%
variance = curve.covariance(line, line).diagonal()
target_variance = curve.covariance(line_targets, line_targets).diagonal()
about_curve = gaussian_bald(variance, curve.noise)
about_targets = gaussian_epig(variance, curve.covariance(line, line_targets), target_variance, curve.noise)

x, mean, spread = line[:, 0], curve.mean(line), 2 * variance.sqrt()
figure, axes = plt.subplots(3, 1, figsize=(8, 6), sharex=True, height_ratios=(2, 1, 1), layout="constrained")
axes[0].fill_between(x, mean - spread, mean + spread, color=BLUE, alpha=0.2, linewidth=0)
axes[0].plot(x, mean, color=BLUE, label="belief")
axes[0].plot(x, heights, "--", color=GREY, label="truth")
axes[0].plot(x[six], [answers[i] for i in six], "o", color="black", label="labels")
axes[0].plot(line_targets, torch.full((50,), -5.0), "|", color=ORANGE, markersize=14, label="targets")
axes[0].set(ylabel="y", ylim=(-5.8, 5))
axes[0].legend(loc="upper left", ncols=4)
for axis, name, scores, colour, place in (
    (axes[1], "BALD", about_curve, BLUE, "lower left"),
    (axes[2], "EPIG", about_targets, ORANGE, "upper left"),
):
    best = int(scores.argmax())
    axis.plot(x, scores, color=colour)
    axis.plot(x[best], scores[best], "v", color=colour, markersize=9, label="asked first")
    axis.set(ylabel=f"{name} (nats)", ylim=(0, 1.25 * float(scores.max())))
    axis.legend(loc=place)
axes[2].set(xlabel="x")
plt.show()

# %% [markdown]
# BALD is happy anywhere far from labels: every ignorance is the same to it. EPIG is near 0 wherever a label would say
# nothing about the targets.
#
# ALC, the classic of 1996, asks for the least variance at the targets; it agrees with EPIG here. In a Gaussian belief
# variances do not depend on what the labels turn out to be, so whole batches can be compared before anyone answers.

# %%
six_methods = {
    "random": (methods.random(), ":", GREY),
    "joint BALD": (methods.joint_bald(), "s-", BLUE),
    "ALC": (methods.alc(targets=line_targets), "^--", GREEN),
    "EPIG": (methods.epig(targets=line_targets), "o-", ORANGE),
}
left = {}
figure, axis = plt.subplots(figsize=(6, 3.6), layout="constrained")
for name, (method, style, colour) in six_methods.items():
    ids = method(curve, line_pool, 6, generator=seeded(SEED)).ids
    beliefs = [learn_curve(line_pool.with_labels({i: answers[i] for i in ids[:b]})) for b in range(7)]
    left[name] = [float(belief.covariance(line_targets, line_targets).diagonal().mean()) for belief in beliefs]
    axis.plot(range(7), left[name], style, color=colour, label=name)
axis.set(xlabel="labels asked", ylabel="mean variance at the targets", yscale="log")
axis.legend()
plt.show()

# %% [markdown]
# ## Two classes in the plane
#
# Now classes, where nothing is in closed form: a hypothesis is a smooth random function of the plane, and a label says
# on which side of 0 it is. The belief is the posterior, drawn by a simple Markov chain. It needs one method, `draw`,
# which returns K fixed functions.

# %%
directions, phases = torch.randn(2, 200, generator=seeded(5)), 2 * math.pi * torch.rand(200, generator=seeded(6))


def waves(inputs: Tensor) -> Tensor:
    """Two hundred random waves: their weighted sums are nearly a Gaussian process (Rahimi and Recht, 2007)."""
    return 0.5 * torch.cos(inputs @ directions + phases)


class SmoothFunctions:
    def __init__(self, inputs: Tensor, labels: Tensor) -> None:
        self.inputs, self.signs = inputs, 2 * labels - 1

    def draw(self, num_hypotheses: int, *, generator: Generator):
        """One chain for each hypothesis: 300 small steps, each kept if the labels allow it."""
        seen = waves(self.inputs).T
        weights = torch.randn(num_hypotheses, 200, generator=generator)
        fit = logsigmoid(weights @ seen * self.signs).sum(1)
        for _ in range(300):
            step = 0.97 * weights + math.sqrt(1 - 0.97**2) * torch.randn(weights.shape, generator=generator)
            step_fit = logsigmoid(step @ seen * self.signs).sum(1)
            kept = torch.rand(num_hypotheses, generator=generator).log() < step_fit - fit
            weights[kept], fit[kept] = step[kept], step_fit[kept]

        def predict(inputs: Tensor) -> Categorical:
            values = waves(inputs) @ weights.T
            return Categorical(logits=torch.stack([torch.zeros_like(values), values], -1))

        return predict


def learn_plane(pool: bal.Pool) -> SmoothFunctions:
    return SmoothFunctions(pool.gather(pool.labelled), pool.targets())


# %% [markdown]
# The pool is wide, as pools from the web are. The targets are a small cloud.


# %%
def wide_pool(seed: int) -> tuple[bal.Pool, list[int], Tensor, Tensor]:
    """A pool with ten labels, the answers to all of it, the targets, and the classes there."""
    generator = seeded(seed)
    inputs = 2.5 * torch.randn(600, 2, generator=generator)
    targets = torch.tensor([1.0, 0.5]) + 0.6 * torch.randn(300, 2, generator=generator)
    classes, target_classes = ((some[:, 1] > torch.sin(2 * some[:, 0])).long() for some in (inputs, targets))
    ten = torch.randperm(600, generator=generator)[:10].tolist()
    return bal.Pool.of(inputs, labels={i: int(classes[i]) for i in ten}), classes.tolist(), targets, target_classes


plane_pool, _, targets, _ = wide_pool(SEED)
hypotheses = learn_plane(plane_pool).draw(300, generator=seeded(SEED))
xs, ys = torch.meshgrid(torch.linspace(-7, 7, 90), torch.linspace(-7, 7, 90), indexing="xy")
plane = torch.stack([xs, ys], -1).reshape(-1, 2)
open_points = plane_pool.gather(plane_pool.unlabelled)
figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
for axis, name, score in (
    (axes[0], "BALD (nats)", bald),
    (axes[1], "EPIG (nats)", lambda predictions: epig(predictions, hypotheses(targets[:100]))),
):
    values = score(hypotheses(plane)).reshape(xs.shape)
    picture = axis.contourf(xs, ys, values, 12, cmap="Greys", vmin=0, vmax=2.2 * float(values.max()))
    axis.scatter(*open_points.T, s=4, color=BLUE, label="pool")
    axis.scatter(*targets.T, s=4, color=ORANGE, label="targets")
    asked = open_points[score(hypotheses(open_points)).topk(10).indices]
    axis.scatter(*asked.T, s=60, marker="s", facecolors="none", edgecolors="black", linewidths=1.8, label="ten best")
    axis.set(title=name, xlim=(-7, 7), ylim=(-7, 7))
    figure.colorbar(picture, ax=axis)
axes[0].legend(loc="upper left")
plt.show()

# %% [markdown]
# BALD's ten are scattered, each in a corner of its own: *obscure inputs*. Their labels tell much about the function,
# and little that is of use here.
#
# Does it matter? Four rounds of four labels, on three pools (thin lines; thick ones are their means). All methods start
# with the same pools and labels.

# %%
plane_methods = {
    "random": (lambda targets: methods.random(), ":", GREY),
    "BatchBALD": (lambda targets: methods.batchbald(100), "s-", BLUE),
    "EPIG": (lambda targets: methods.epig(100, 50, targets=targets), "o-", ORANGE),
    "JEPIG": (lambda targets: methods.jepig(100, 10, targets=targets), "D-", PINK),
}
accuracy = {name: torch.zeros(3, 5) for name in plane_methods}  # pools x rounds
for name, (make, _, _) in plane_methods.items():
    for p in range(3):
        pool, classes, targets, target_classes = wide_pool(3 * SEED + p)
        method = make(targets)
        for r in range(5):
            if r > 0:
                chosen = method(learn_plane(pool), pool, 4, generator=seeded(100 + r))
                pool = pool.with_labels({i: classes[i] for i in chosen.ids})
            mean = learn_plane(pool).draw(100, generator=seeded(r))(targets).probs.mean(1)
            accuracy[name][p, r] = (mean.argmax(1) == target_classes).float().mean()

# %%
figure, axis = plt.subplots(figsize=(7, 3.8), layout="constrained")
labels = range(10, 27, 4)
for name, (_, style, colour) in plane_methods.items():
    axis.plot(labels, accuracy[name].T, color=colour, alpha=0.25, linewidth=1)
    axis.plot(labels, accuracy[name].mean(0), style, color=colour, linewidth=2, label=name)
axis.set(xlabel="labels", ylabel="accuracy at the targets", xticks=labels)
figure.legend(loc="outside right upper")
plt.show()

# %% [markdown]
# BatchBALD goes on exploring the rim. Random points hit the cloud now and then, and that already helps. Three pools do
# not rank EPIG, JEPIG and a lucky random; only the gap to BatchBALD is wide enough to trust.
#
# ## Digits, most of them beside the point
#
# You sort letters: is it a 1 or a 7? The pool holds all ten digits; the other eight are one class, "other". The targets
# are 1s and 7s. Two labels of each class to start with.
#
# A judge of 1,000 other hypotheses tells what a batch says about the targets: draw the batch's labels, weigh the
# hypotheses by them, and see how far the targets' uncertainty falls.


# %%
def told_about_targets(batch: Tensor, at_targets: Tensor) -> float:
    """mean_t I[y_1, ..., y_B; y*_t] in nats, from the judge's log-probabilities B K C and T K C."""
    fit, generator = torch.zeros(batch.shape[1], batch.shape[1]), seeded(SEED)
    for point in batch:  # each hypothesis is the truth once, and answers
        fit += point.T[torch.multinomial(point.exp(), 1, generator=generator).squeeze(1)]
    probabilities = at_targets.exp()
    after = torch.einsum("sk,tkc->stc", fit.softmax(1), probabilities)
    return float((entr(probabilities.mean(1)).sum(1) - entr(after).sum(2).mean(0)).mean())


learn = Supervised(network=lambda: SmallCNN(3, image_size=8), wrap=MCDropout)
digit_methods = {
    "random": lambda targets: methods.random(),
    "BALD": lambda targets: methods.bald(300),
    "EPIG": lambda targets: methods.epig(300, 100, targets=targets),
    "JEPIG": lambda targets: methods.jepig(300, 20, targets=targets),
}
beside = {name: torch.zeros(3) for name in digit_methods}
told = {name: torch.zeros(3) for name in digit_methods}
batches = {}
for p in range(3):
    data = irrelevant(bal.data.load("digits", seed=3 * SEED + p), (1, 7))
    two = [i for c in range(3) for i in torch.nonzero(data.labels == c).flatten()[:2].tolist()]
    pool = bal.Pool.of(data.inputs, ids=data.ids, labels={data.ids[i]: int(data.labels[i]) for i in two})
    posterior = learn(pool, seeded(SEED))
    judge = posterior.draw(1_000, generator=seeded(SEED + 1))
    at_targets = judge(data.test_inputs[:50]).logits
    for name, make in digit_methods.items():
        chosen = make(data.test_inputs)(posterior, pool, 10, generator=seeded(SEED + 2))
        batches[name] = [(image, data.answers[i]) for image, i in zip(pool.gather(chosen.ids), chosen.ids, strict=True)]
        beside[name][p] = sum(label == 2 for _, label in batches[name])
        told[name][p] = told_about_targets(judge(pool.gather(chosen.ids)).logits, at_targets)

# %% [markdown]
# The last pool's batches; a frame marks a digit that is neither 1 nor 7.

# %%
for name, batch in batches.items():
    figure, axes = plt.subplots(1, 10, figsize=(10, 1.5))
    for axis, (image, label) in zip(axes, batch, strict=True):
        axis.imshow(image[0], cmap="gray_r")
        axis.set(xticks=[], yticks=[])
        axis.set_xlabel("other" if label == 2 else "", color=ORANGE)
        axis.spines[:].set(color=ORANGE if label == 2 else "white", linewidth=4)
    figure.suptitle(name)
    plt.show()

# %%
print(f"{'mean of three pools':22}{'beside the point':>18}{'told about a target':>22}")
for name in digit_methods:
    print(f"{name:22}{beside[name].mean():11.1f} of 10{told[name].mean():17.4f} nats")

# %% [markdown]
# Not every "other" digit is wasted: one that looks like a 7 says what a 7 is not. And EPIG's ten best alone resemble
# each other, just as BALD's do. JEPIG counts what the ten say *together* about the targets.
#
# ## As many targets as hypotheses can bear
#
# JEPIG asks about the labels of all targets jointly. K hypotheses hold only ln K nats. Enough targets use them up:
# once their labels are known, one hypothesis is left, and whatever tells about the model tells about the targets too.
# JEPIG is then BatchBALD, targets or no targets. The selection's notes say when that happens.

# %%
known_plane = learn_plane(plane_pool)
for number in (5, 200):
    chosen = methods.jepig(50, number, targets=wide_pool(SEED)[2])(known_plane, plane_pool, 4, generator=seeded(SEED))
    print(number, "targets:", *chosen.notes or ["nothing to note"])

# %% [markdown]
# ## What this does and does not show
#
# It shows where the methods look and what they learn about the targets. The toys were made so that this matters: a wide
# pool, few targets. If the pool is what you will predict, EPIG has little to add. If you know only how often each class
# will occur, give these shares: `methods.epig(class_prior=...)`. Three pools say what happens here, not how
# often; and an accuracy on real data needs whole studies. With another `SEED` the numbers change, but not these orders:

# %%
assert max(left["ALC"][-1], left["EPIG"][-1]) < left["joint BALD"][-1]
assert min(accuracy[name][:, -1].mean() for name in ("EPIG", "JEPIG")) > accuracy["BatchBALD"][:, -1].mean()
assert beside["JEPIG"].mean() < beside["BALD"].mean()
assert told["JEPIG"].mean() > told["BALD"].mean()
