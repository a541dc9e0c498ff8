# %% [markdown]
# # Cold start, rare classes, and points of no class at all
#
# Three troubles of real pools. Before the first label there is no model to ask (*cold start*). Some classes are rare,
# and a method may never find them (*imbalance*). And some points belong to no class: whoever is asked about them can
# only say so (*out of distribution*), yet they are what a model is most unsure of.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Generator

import bayesal as bal
from bayesal import methods
from bayesal.acquisitions import entropy
from bayesal.data.shift import imbalanced, repeated
from bayesal.learning import Supervised, Training
from bayesal.networks import MLP
from bayesal.numerics.pareto import front
from bayesal.posteriors import MCDropout
from bayesal.strategies import Distinct
from bayesal.views import NearClasses, Principal

SEED = 0
BLUE, ORANGE, GREEN, PINK, GREY = "#0072b2", "#d55e00", "#007f5f", "#aa3f87", "#6b7280"  # told apart by all eyes


def seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)


digits = bal.data.load("digits", seed=SEED)
learn = Supervised(lambda: MLP(64, 10), MCDropout, training=Training(max_epochs=20, patience=None, progress=False))


def accuracy(belief: MCDropout, inputs: torch.Tensor, labels: torch.Tensor) -> float:
    """Of the network without dropout."""
    return float((belief.forward(belief.state, inputs).argmax(1) == labels).double().mean())


# %% [markdown]
# ## Nothing is labelled: whom to ask first?
#
# Without a model there are still the points. Their principal components show clusters, and a cluster is best
# represented by its most *typical* point: the one whose neighbours are closest. TypiClust asks for that, cluster by
# cluster. ProbCover wants a few balls that cover as much of the pool as possible. Neither needs a belief: it is None.

# %%
pool = bal.Pool.of(digits.inputs, ids=digits.ids)
starters = {
    "random": methods.random(),
    "TypiClust": methods.typiclust(),
    "ProbCover": methods.probcover(),
    "k-means": methods.kmeans("pca"),
}
first = {name: method(None, pool, 10, generator=seeded(SEED)).ids for name, method in starters.items()}
figure, axes = plt.subplots(len(first), 10, figsize=(8, 3.6), layout="constrained")
for row, (name, ids) in zip(axes, first.items(), strict=True):
    for axis, image in zip(row, pool.gather(ids), strict=True):
        axis.imshow(image[0].numpy(), cmap="gray_r")
        axis.set(xticks=[], yticks=[])
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
plt.show()
for name, ids in first.items():
    print(f"{name:10} has {len({digits.answers[i] for i in ids})} of 10 classes in its first 10 labels")

# %% [markdown]
# Where the points are: the first two principal components, scaled to length one with all the others, and the ten that
# each method asked for.

# %%
rows = pool.scan(Principal(50)(None, pool, generator=seeded(SEED))).numpy()
figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained", sharex=True, sharey=True)
for axis, name in zip(axes, ("random", "TypiClust", "ProbCover"), strict=True):
    axis.scatter(*rows[:, :2].T, s=4, c=digits.labels.numpy(), cmap="tab10", alpha=0.35)
    axis.scatter(*rows[pool.positions(first[name]), :2].T, s=55, color="black", edgecolors="white")
    axis.set(title=name, xticks=[], yticks=[])
plt.show()

# %% [markdown]
# Whether that helps is a matter of what is learned from those labels. Ten, twenty and fifty labels; five seeds of the
# training, and for chance five draws.

# %%
reached: dict[str, list[list[float]]] = {name: [] for name in starters}
counts = (10, 20, 50)
for name, method in starters.items():
    for count in counts:
        found = []
        for seed in range(5):
            ids = method(None, pool, count, generator=seeded(seed)).ids
            belief = learn(pool.with_labels({i: digits.answers[i] for i in ids}), seeded(seed))
            found.append(accuracy(belief, digits.test_inputs, digits.test_labels))
        reached[name].append(found)

figure, axis = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
styles = ((GREY, ":", "o"), (ORANGE, "-", "s"), (BLUE, "--", "^"), (GREEN, "-.", "v"))
for (name, found), (colour, line, marker) in zip(reached.items(), styles, strict=True):
    mean, spread = np.mean(found, axis=1), np.std(found, axis=1)
    axis.errorbar(counts, 100 * mean, 100 * spread, color=colour, linestyle=line, marker=marker, capsize=3, label=name)
axis.set(xlabel="labels", ylabel="accuracy, %", xscale="log", xticks=counts, xticklabels=counts)
axis.minorticks_off()
axis.legend()
plt.show()
for name, found in reached.items():
    print(f"{name:10}" + "".join(f"{100 * np.mean(f):7.1f} ± {100 * np.std(f):.1f}" for f in found))

# %% [markdown]
# On the command line any method may start a run: `bayesal run digits --start typiclust --initial 10 --method badge`.
#
# ## Half of the classes are rare
#
# Now the pool has few of the digits 5 to 9. A method that takes the highest scores asks for whatever is confusing,
# class by class as it comes. FeatureSim and FRE ask for as many of each class as of any other, as far as the model's
# guesses know: those whose features are least like what is labelled of that class. So can any score.

# %%
rare = imbalanced(digits, dict.fromkeys(range(5, 10), 15), generator=seeded(SEED))
one_each = [int(torch.nonzero(rare.labels == c)[0]) for c in range(10)]
start = {rare.ids[i]: int(rare.labels[i]) for i in one_each}
askers = {
    "entropy": methods.entropy(50),
    "FeatureSim": methods.featuresim(50),
    "FRE": methods.fre(50),
    "balanced entropy": methods.class_balanced(50),
}


def ask(method: bal.strategies.Strategy, seed: int, rounds: int = 4, size: int = 20) -> dict[object, int]:
    """The labels after so many rounds."""
    known = dict(start)
    for number in range(rounds):
        now = bal.Pool.of(rare.inputs, ids=rare.ids, labels=known, progress=False)
        belief = learn(now, seeded(100 * seed + number))
        known |= {i: rare.answers[i] for i in method(belief, now, size, generator=seeded(seed)).ids}
    return known


bought = {name: [ask(method, seed) for seed in range(3)] for name, method in askers.items()}
shares = np.bincount(rare.labels.numpy(), minlength=10) / len(rare)
per_class = {
    name: np.mean([np.bincount(list(known.values()), minlength=10) for known in runs], axis=0)
    for name, runs in bought.items()
}
figure, axes = plt.subplots(1, 4, figsize=(10, 2.6), layout="constrained", sharey=True)
for axis, (name, counted) in zip(axes, per_class.items(), strict=True):
    axis.bar(range(10), counted, color=[BLUE] * 5 + [ORANGE] * 5)
    axis.axhline(9, color=GREY, linestyle=":")
    axis.set(title=name, xlabel="digit", xticks=range(10))
axes[0].set_ylabel("labels")
plt.show()


def evenness(counted: np.ndarray) -> float:
    """Entropy of the shares of classes over ln 10: 1 is even."""
    p = counted[counted > 0] / counted.sum()
    return float(-(p * np.log(p)).sum() / np.log(10))


print(f"the pool itself: {evenness(shares):.3f}")
even = {name: evenness(counted) for name, counted in per_class.items()}
for name, value in even.items():
    print(f"{name:17} evenness {value:.3f}, labels of rare classes {per_class[name][5:].sum():.0f} of 90")

# %% [markdown]
# ## Points of no class
#
# Now 6, 7, 8 and 9 are nobody's: the model only knows 0 to 5, and whoever is asked about a 7 answers "none of these".
# That answer costs as much as a label and teaches the model nothing. Entropy cannot tell "between two classes" from
# "like no class". POAL keeps a second score beside it, *confidence*: how near the features are to those of a labelled
# class. It does not weigh one against the other; it looks for batches that no other batch beats in both.

# %%
ours = digits.take(torch.nonzero(digits.labels < 6).flatten())
known = {ours.ids[i]: int(ours.labels[i]) for c in range(6) for i in torch.nonzero(ours.labels == c).flatten()[:5]}
mixed = bal.Pool.of(digits.inputs, ids=digits.ids, labels=known, progress=False)
learn_six = Supervised(lambda: MLP(64, 6), MCDropout, training=learn.training)
belief = learn_six(mixed, seeded(SEED))
hypotheses = belief.draw(50, generator=seeded(SEED))
with torch.no_grad():
    unsure = mixed.scan(lambda x: entropy(hypotheses(x)), mixed.unlabelled)
    near = mixed.scan(NearClasses()(belief, mixed, generator=seeded(SEED)), mixed.unlabelled)
strange = np.array([digits.answers[i] > 5 for i in mixed.unlabelled.tolist()])

asked = {
    name: method(belief, mixed, 20, generator=seeded(SEED)).ids
    for name, method in (("entropy", methods.entropy(50)), ("POAL", methods.poal(num_hypotheses=50)))
}
position = {i: n for n, i in enumerate(mixed.unlabelled.tolist())}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained", sharex=True, sharey=True)
for axis, (name, ids) in zip(axes, asked.items(), strict=True):
    axis.scatter(unsure[~strange], near[~strange], s=6, color=BLUE, alpha=0.4, label="0 to 5")
    axis.scatter(unsure[strange], near[strange], s=6, color=PINK, alpha=0.4, label="6 to 9")
    at = [position[i] for i in ids]
    axis.scatter(unsure[at], near[at], s=45, facecolors="none", edgecolors="black", label="asked")
    axis.set(title=f"{name}: {int(strange[at].sum())} of {len(at)} are strangers", xlabel="entropy (nats)")
axes[0].set_ylabel("confidence")
axes[0].legend(loc="lower left")
plt.show()
unbeaten = front(torch.stack([unsure, near], 1))
print(f"{len(unbeaten)} points are beaten by no other in both; {int(strange[unbeaten].sum())} of them are strangers")

# %% [markdown]
# Over several rounds: an answer "none of these" is remembered, so that nobody is asked twice, and the next model learns
# from the labels alone. In a study, `study.run(oracle, ...)` does this for an oracle that answers None.


# %%
def buy(method: bal.strategies.Strategy, seed: int, rounds: int = 4, size: int = 20) -> tuple[int, float]:
    """How many strangers are bought, and the accuracy on the classes that matter."""
    have, refused = dict(known), []
    for number in range(rounds):
        now = bal.Pool.of(digits.inputs, ids=digits.ids, labels=have, progress=False)
        free = now.only([i for i in now.unlabelled.tolist() if i not in set(refused)])
        batch = method(learn_six(now, seeded(100 * seed + number)), free, size, generator=seeded(seed)).ids
        have |= {i: digits.answers[i] for i in batch if digits.answers[i] < 6}
        refused += [i for i in batch if digits.answers[i] > 5]
    last = learn_six(bal.Pool.of(digits.inputs, ids=digits.ids, labels=have, progress=False), seeded(seed))
    matter = digits.test_labels < 6
    return len(refused), accuracy(last, digits.test_inputs[matter], digits.test_labels[matter])


strangers = {
    name: [buy(method, seed) for seed in range(3)]
    for name, method in (
        ("entropy", methods.entropy(50)),
        ("POAL", methods.poal(num_hypotheses=50)),
        ("random", methods.random()),
    )
}
for name, runs in strangers.items():
    count, right = np.mean(runs, axis=0)
    print(f"{name:8} bought {count:4.1f} strangers with 80 questions; accuracy {100 * right:.1f} %")

# %% [markdown]
# Entropy spends nearly all on strangers, POAL half. Chance spends what the pool has, four in ten, and on a pool as easy
# as this one that is not a bad choice: POAL is for those who want to ask about what is uncertain *without* paying for
# what is strange.
#
# ## Copies
#
# One more trouble: near duplicates. `Distinct` sets them aside before a method chooses, so that no batch holds the same
# thing twice, whatever the method.

# %%
copies = repeated(digits.take(torch.arange(100)), 5, noise=0.02, generator=seeded(SEED))
many = bal.Pool.of(copies.inputs, ids=copies.ids, labels={copies.ids[i]: int(copies.labels[i]) for i in range(10)})
belief = learn(many, seeded(SEED))
for name, method in (("entropy", methods.entropy(50)), ("entropy, distinct", Distinct(methods.entropy(50)))):
    batch = method(belief, many, 20, generator=seeded(SEED))
    print(f"{name:18} {len({i.split('#')[0] for i in batch.ids})} different images in 20", *batch.notes)

# %% [markdown]
# ## What this does and does not show
#
# It shows what each method looks at, on one small set with three or five seeds. What holds on others, with intervals,
# is in the [evidence](../../evidence/representation.md); a run of your own is one line: `bayesal run DATA --start
# typiclust`, `--rare`, `--strange`. No method helps everywhere: with many labels a typical point is one the model knows
# already, and where nothing is strange POAL only asks less boldly.

# %%
assert np.mean(reached["TypiClust"][0]) > np.mean(reached["random"][0])
assert even["balanced entropy"] > evenness(shares)
assert np.mean([count for count, _ in strangers["POAL"]]) < np.mean([count for count, _ in strangers["entropy"]])
