# %% [markdown]
# # What a learner can teach beyond labels
#
# A network is trained to get its labels right. It can be trained for more: that points of one class look alike, that a
# point looks like itself when it is turned a little, that something beside it knows where it will be wrong. Here six
# such ideas look at the same few labels, and each is asked whether it sees what it is meant to see.

# %%
from dataclasses import replace
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy, normalize

import bayesal as bal
from bayesal import acquisitions, methods
from bayesal.learning import CEAL, VAAL, WAAL, Contrastive, LossPrediction, SelfTaught, Supervised, Temporal, Training
from bayesal.learning.distort import Distort
from bayesal.learning.self_supervised import TWINS
from bayesal.learning.vaal import VAE_TRAINING
from bayesal.networks import SmallCNN
from bayesal.networks.encoders import encoder_for
from bayesal.networks.projector import Projector
from bayesal.numerics.adversarial import deepfool
from bayesal.objectives.adversarial import label_bound
from bayesal.objectives.barlow import barlow_twins, cross_correlation
from bayesal.posteriors import JudgedNetwork, MCDropout, TemporalNetwork
from bayesal.views import Discrepancy, FeatureSim, Predictive, Reconstruction, SelfSupervised

SEED = 0
BLUE, ORANGE, GREEN, PINK, GREY = "#0072b2", "#d55e00", "#007f5f", "#aa3f87", "#6b7280"  # told apart by all eyes


def seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)


# %% [markdown]
# Fifty labels, five of each digit, in the order in which a study would have bought them: one of each at a time. The
# labels of all others are known to us, but not to the learners.

# %%
digits = bal.data.load("digits", seed=SEED)
network = partial(SmallCNN, 10)
training = Training(max_epochs=10, patience=None, progress=False)


def labelled(per_class: int, seed: int, without: int | None = None) -> bal.Pool:
    """A pool with so many labels of each class, but for one."""
    order = torch.randperm(len(digits), generator=seeded(seed))
    of_class = [order[digits.labels[order] == c] for c in range(10) if c != without]
    chosen = [int(rows[n]) for n in range(per_class) for rows in of_class]
    labels = {digits.ids[i]: int(digits.labels[i]) for i in chosen}
    return bal.Pool.of(digits.inputs, ids=digits.ids, labels=labels, progress=False)


pool = labelled(5, SEED)
ids = pool.unlabelled
images = pool.gather(ids)
truth = torch.tensor([digits.answers[i] for i in ids.tolist()])


def logits_of(belief: MCDropout, inputs: Tensor = images) -> Tensor:
    return belief.forward(belief.state, inputs)


def accuracy(belief: MCDropout) -> float:
    return float((logits_of(belief, digits.test_inputs).argmax(1) == digits.test_labels).double().mean())


def losses(belief: MCDropout) -> Tensor:
    """What nobody knows but us: the cross-entropy of every unlabelled point, in nats."""
    return cross_entropy(logits_of(belief), truth, reduction="none")


def entropies(belief: MCDropout) -> Tensor:
    return torch.special.entr(logits_of(belief).softmax(1)).sum(1)


# %% [markdown]
# ## Contrasts: SupCon
#
# Cross-entropy wants a line between classes and does not care what lies behind it. The *supervised contrastive loss*
# looks at the features themselves: those of one class are drawn together, those of others pushed away, whatever the
# last layer makes of them. `Contrastive` trains with both (on the command line `--posterior scal`). The same labels,
# the same first weights:

# %%
longer = replace(training, max_epochs=16)
learn = Supervised(network, MCDropout, training=longer)
plain = learn(pool, seeded(SEED))
contrasted = Contrastive(network, MCDropout, training=longer)(pool, seeded(SEED))


def alike(belief: MCDropout) -> tuple[float, float]:
    """The mean cosine between features of two points of one class, and of two classes."""
    rows = normalize(belief.embed(images).double())
    cosines, same = rows @ rows.T, truth[:, None] == truth
    other_point = ~torch.eye(len(rows), dtype=torch.bool)
    return float(cosines[same & other_point].mean()), float(cosines[~same].mean())


figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
similar = {}
for axis, (name, belief) in zip(axes, {"cross-entropy": plain, "with SupCon": contrasted}.items(), strict=True):
    rows = normalize(belief.embed(images)).numpy()
    flat = PCA(2, svd_solver="full").fit_transform(rows)
    axis.scatter(*flat.T, s=6, c=truth.numpy(), cmap="tab10", alpha=0.6)
    for digit in range(10):
        axis.text(*np.median(flat[truth == digit], axis=0), str(digit), fontsize=13, weight="bold", ha="center")
    similar[name] = alike(belief)
    axis.set(title=name, xticks=[], yticks=[])
plt.show()
for name, (same, other) in similar.items():
    print(f"{name:14} mean cosine within a class {same:.2f}, between classes {other:.2f}")
print(f"accuracy: {100 * accuracy(plain):.1f} % and {100 * accuracy(contrasted):.1f} %")

# %% [markdown]
# FeatureSim and FRE read such features: how unlike the labelled points of its class is a point, and how much of it do
# their principal components leave over? Both should be large where the network is wrong. Given one point where it is
# wrong and one where it is right, how often do they say which (0.5 is chance)?

# %%
finds = {}
for name, belief in {"cross-entropy": plain, "with SupCon": contrasted}.items():
    wrong = (logits_of(belief).argmax(1) != truth).numpy()
    scores = {
        "FeatureSim": pool.scan(FeatureSim()(belief, pool, generator=seeded(SEED)), ids)[:, 0],
        "FeatureSim by cosine": pool.scan(FeatureSim("both")(belief, pool, generator=seeded(SEED)), ids)[:, 0],
        "FRE": pool.scan(Reconstruction()(belief, pool, generator=seeded(SEED)), ids)[:, 0],
        "entropy": entropies(belief),
    }
    finds[name] = {score: float(roc_auc_score(wrong, values.numpy())) for score, values in scores.items()}
    print(f"{name:14} wrong at {wrong.sum()}: " + ", ".join(f"{k} {v:.2f}" for k, v in finds[name].items()))

# %% [markdown]
# The classes point further apart, as they were told to, and the network is wrong at fewer points of the pool. (On the
# smaller test set it is not better here; with `SEED` 1 and 2 it is.) But no score finds mistakes clearly better in
# these features than in the others. All find them far better than chance, and none better than the entropy by much.
# FeatureSim as published divides by the length of the labelled features alone, so it asks for points whose own features
# are short; the cosine does better here.
#
# ## Two views of one thing: Barlow Twins
#
# Without any label one can still say: a digit that is turned and moved a little is the same digit. Barlow Twins looks
# at two such views of each point, and at the correlation of each feature in the one with each in the other. The loss
# wants this matrix to be 1 on the diagonal (a feature stays as it is) and 0 elsewhere (no two say the same). This is
# all of it:

# %%
everything = bal.Pool.of(digits.inputs, ids=digits.ids, progress=False)
points = (digits.inputs - digits.inputs.mean()) / digits.inputs.std()
distort = Distort()
torch.manual_seed(SEED)
encoder = encoder_for(points)
projector = Projector(256, (64, 32))
twins = torch.nn.Sequential(encoder, projector)


@torch.no_grad()
def correlations() -> Tensor:
    first, second = (twins.eval()(distort(points, seeded(view))) for view in (1, 2))
    return cross_correlation(first, second)


before = correlations()
optimiser = torch.optim.Adam(twins.parameters(), lr=5e-3)
draws = seeded(SEED)
for _ in range(200):
    some = points[torch.randperm(len(points), generator=draws)[:64]]
    first, second = (twins.train()(distort(some, draws)) for _ in range(2))
    loss = barlow_twins(first, second, weight=0.2)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
after = correlations()

figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
for axis, name, matrix in zip(axes, ("before", "after 200 steps"), (before, after), strict=True):
    drawn = axis.imshow(matrix.numpy(), cmap="RdBu_r", vmin=-1, vmax=1)
    axis.set(title=name, xlabel="feature in the second view", xticks=[], yticks=[])
axes[0].set_ylabel("feature in the first view")
figure.colorbar(drawn, ax=axes, label="correlation")
plt.show()


def diagonal_and_rest(matrix: Tensor) -> tuple[float, float]:
    rest = matrix - torch.diag(matrix.diagonal())
    return float(matrix.diagonal().mean()), float(rest.abs().sum() / (rest.numel() - len(rest)))


for name, matrix in (("before", before), ("after", after)):
    print("{:7} mean on the diagonal {:.2f}, mean size elsewhere {:.2f}".format(name, *diagonal_and_rest(matrix)))

# %% [markdown]
# The view `SelfSupervised` does this for any pool and keeps what it learned: `methods.typiclust("self_supervised")`
# chooses first labels with it. Are a point's ten nearest neighbours of its class? The training here is a short one.


# %%
def purity(rows: Tensor) -> float:
    """The share of a point's ten nearest neighbours, by direction, that are of its class."""
    rows = normalize(rows.flatten(1).double(), dim=1)
    nearest = (rows @ rows.T).fill_diagonal_(-2).topk(10).indices
    return float((digits.labels[nearest] == digits.labels[:, None]).double().mean())


untrained = SelfTaught()(points[:1], seeded(SEED))  # one point alone teaches nothing
short = SelfTaught(training=replace(TWINS, max_epochs=5))
learned = everything.scan(SelfSupervised(SEED, short)(None, everything, generator=seeded(SEED)))
pure = {"pixels": purity(points), "untrained encoder": purity(untrained(points)), "Barlow Twins": purity(learned)}
for name, share in pure.items():
    print(f"{name:18} {100 * share:.1f} % of neighbours are of the same class")

# %% [markdown]
# A diagonal appears, and what is beside it stays small. Training brings the untrained encoder's neighbours closer to
# the truth, without a single label. But digits of 8 × 8 pixels that were scanned upright are easy: their pixels alone
# do as well.
#
# ## A judge beside the network: loss prediction
#
# If only we knew the loss of every point, we would ask where it is largest. `LossPrediction` trains a small module
# beside the network that looks at its layers and learns *which* of two labelled points has the larger loss. On the pool
# we can check it: each dot is a point, and the order along both axes should be the same.

# %%
dropout = JudgedNetwork.dropout
learn_loss = LossPrediction(network, partial(dropout, judged_by="loss-prediction"), training=training)
judged = learn_loss(pool, seeded(SEED))


def compare(axis: plt.Axes, scores: Tensor, true: Tensor, colour: str) -> float:
    """Draw scores against losses; their rank correlation."""
    axis.scatter(scores, true, s=5, color=colour, alpha=0.4)
    rank = float(spearmanr(scores.numpy(), true.numpy()).statistic)
    axis.set(yscale="log", title=f"rank correlation {rank:.2f}")
    return rank


ranks = {}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
ranks["loss prediction"] = compare(axes[0], judged.judge(images), losses(judged), BLUE)
ranks["its entropy"] = compare(axes[1], entropies(judged), losses(judged), GREY)
axes[0].set(xlabel="predicted loss (order only)", ylabel="true loss (nats)")
axes[1].set(xlabel="entropy of the same network (nats)")
plt.show()

# %% [markdown]
# The judge has learned something: nobody told it the losses of these points, and its order is far from random. But the
# network's own entropy, which costs nothing, orders the same losses much better. Only mistakes that the network is sure
# of, which turn back at the top of the grey picture, it cannot see.
#
# ## Judges that look for what is missing: VAAL and WAAL
#
# Two other judges do not ask where the network is wrong but what looks *unlike anything labelled*. VAAL trains an
# autoencoder and a discriminator that tells labelled codes from others; it does not know of any task. WAAL trains a
# critic on the network's own features, and adds a bound on the loss, which is large where the network is unsure.
#
# A fair test: among ninety labels there is no 7. Who asks for 7s? Below, the first ten of twenty; a frame is a 7.


# %%
def missing(seed: int) -> dict[str, tuple[list[object], list[bool]]]:
    """Who asks for which points, and whether they are 7s."""
    known = labelled(10, seed, without=7)
    plain = Supervised(network, MCDropout, training=training)(known, seeded(seed))
    loss = learn_loss(known, seeded(seed))
    once = replace(training, max_epochs=1)  # of the network, which VAAL's judge does not look at
    of_vae = replace(VAE_TRAINING, max_epochs=5)
    vaal = VAAL(network, partial(dropout, judged_by="vaal"), training=once, vae_training=of_vae)(known, seeded(seed))
    waal = WAAL(network, partial(dropout, judged_by="waal"), training=training, hidden=(64, 64))(known, seeded(seed))
    batches = {
        name: method(belief, known, 20, generator=seeded(seed)).ids
        for name, method, belief in (
            ("random", methods.random(), None),
            ("entropy", methods.entropy(50), plain),
            ("loss prediction", methods.loss_prediction(), loss),
            ("VAAL", methods.vaal(), vaal),
            ("WAAL", methods.waal(), waal),
        )
    }
    open_points = known.gather(known.unlabelled)
    bound = label_bound(logits_of(waal, open_points).log_softmax(1))
    critic = waal.judge(open_points) + bound  # the judge is 10 D - bound, so this is ten times the critic's D
    batches["WAAL's critic alone"] = known.unlabelled[critic.argsort(descending=True)[:20].numpy()].tolist()
    return {name: (list(batch), [digits.answers[i] == 7 for i in batch]) for name, batch in batches.items()}


runs = [missing(seed) for seed in range(3)]
figure, axes = plt.subplots(len(runs[0]), 10, figsize=(8, 5), layout="constrained")
for row, (name, (batch, sevens)) in zip(axes, runs[0].items(), strict=True):
    for axis, image, seven in zip(row, everything.gather(batch[:10]), sevens, strict=False):
        axis.imshow(image[0].numpy(), cmap="gray_r")
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set(color=ORANGE if seven else "lightgrey", linewidth=4 if seven else 1)
    row[0].set_ylabel(f"{name}\n{sum(sevens)} of 20", rotation=0, ha="right", va="center")
plt.show()
asked = {name: [sum(run[name][1]) for run in runs] for name in runs[0]}
chance = 20 * float((digits.labels == 7).double().sum()) / (len(digits) - 90)
print(f"by chance {chance:.1f} of 20 are 7s")
for name, counts in asked.items():
    print(f"{name:20} {np.mean(counts):4.1f} of 20 (three draws of labels: {', '.join(map(str, counts))})")

# %% [markdown]
# VAAL finds the missing class best, although, or because, it knows nothing of the task: a 7 is simply unlike what is
# labelled. WAAL asks for several times as many as chance too, but not because of its critic: the critic alone does no
# better than chance here, and the rest is the network's uncertainty, which does as well by itself. Loss prediction
# learned from labelled points which are hard, and asks for more of these (8s): of a class it never met it knows
# nothing.
#
# ## The same network at two moments: TOD
#
# TOD needs no judge. It takes the network as it was a batch of labels ago and as it is now, and asks where its
# prediction moved most: what still moves has not been learned. `Temporal` trains on the first forty labels, then goes
# on with all fifty. (Its loss on unlabelled points is left out here; it costs twice the time.)

# %%
moments = Temporal(network, TemporalNetwork, initial=20, batch_size=10, weight=0.0, training=training)(
    pool, seeded(SEED)
)
moved = pool.scan(Discrepancy()(moments, pool, generator=seeded(SEED)), ids)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
ranks["TOD"] = compare(axes[0], moved, losses(moments), GREEN)
ranks["TOD's entropy"] = compare(axes[1], entropies(moments), losses(moments), GREY)
axes[0].set(xlabel="how far the prediction moved", ylabel="true loss (nats)", xscale="log")
axes[1].set(xlabel="entropy of the same network (nats)")
plt.show()

# %% [markdown]
# The more a prediction moved, the larger is the loss. Again the entropy of the same network orders losses better. But
# TOD asks for no probabilities: it works as well for amounts, where it compares means.
#
# ## Labels it gives itself: CEAL
#
# The other end of the pool is not asked at all: where the network is sure, CEAL takes its guess for a label until the
# next round. Everything hangs on the threshold of the entropy below which it counts as sure.

# %%
look = Predictive(acquisitions.entropy, 100)(plain, pool, generator=seeded(SEED))
unsure = pool.scan(look, ids)
right = (logits_of(plain).argmax(1) == truth)[unsure.argsort()].double()
sorted_entropies = unsure.sort().values
counted = torch.arange(1, len(right) + 1)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", sharex=True)
axes[0].plot(sorted_entropies, counted, color=BLUE)
axes[1].plot(sorted_entropies, 100 * right.cumsum(0) / counted, color=BLUE)
for axis, label in zip(axes, ("pseudo-labels", "of them right, %"), strict=True):
    axis.axvline(0.05, color=GREY, linestyle=":")
    axis.set(xlabel="threshold (nats)", ylabel=label)
plt.show()
print(f"points below the paper's threshold of 0.05 (dotted): {int((unsure < 0.05).sum())}")
print(f"accuracy without labels of its own {100 * accuracy(plain):.1f} %")
own_labels = {}
for threshold in (0.5, 1.5):
    belief = CEAL(learn, threshold, initial=50, answers=digits.answers)(pool, seeded(SEED))
    own_labels[threshold] = belief.pseudo_labels
    print(f"{belief.pseudo_labels.note()}; accuracy {100 * accuracy(belief):.1f} %")

# %% [markdown]
# Sure guesses are right nearly always, and the more the network takes for sure the more are wrong. The paper's
# threshold, made for networks that are surer than this one with its dropout, labels next to nothing here. And labels
# that are right need not help: these are the points the network had right already. The differences in accuracy are
# those of one training each; with another `SEED` a threshold that gained here loses, and the other way round.
#
# ## How little it takes: adversarial margins
#
# Where is the line between two classes? In a deep network nobody knows, but one can walk there. DeepFool takes the
# shortest way to where the label changes, step by step. The shorter the way, the closer the point is to the line. Both
# perturbations below are on one scale; black in a digit is 1.

# %%
fooled = deepfool(partial(plain.forward, plain.state), images)
lengths = fooled.squared.sqrt()
order = lengths.argsort()
examples = {"unsure": int(order[len(order) // 10]), "sure": int(order[-1])}
figure, axes = plt.subplots(2, 3, figsize=(7, 4.6), layout="constrained")
for row, (name, n) in zip(axes, examples.items(), strict=True):
    way = 1.02 * fooled.perturbations[n]  # a little over the line
    result = images[n] + way
    guess, other = (int(logits_of(plain, image[None]).argmax()) for image in (images[n], result))
    row[0].imshow(images[n, 0].numpy(), cmap="gray_r", vmin=0, vmax=1)
    drawn = row[1].imshow(way[0].numpy(), cmap="RdBu_r", vmin=-0.8, vmax=0.8)
    row[2].imshow(result[0].numpy(), cmap="gray_r", vmin=0, vmax=1)
    row[0].set(ylabel=name, title=f"a {int(truth[n])}, guessed {guess}")
    row[1].set(title=f"length {float(lengths[n]):.2f}")
    row[2].set(title=f"guessed {other}")
    for axis in row:
        axis.set(xticks=[], yticks=[])
figure.colorbar(drawn, ax=axes, label="perturbation")
plt.show()
nearest = methods.adversarial_deepfool(standardise=False)(plain, pool, 20, generator=seeded(SEED)).ids
mistaken = [int(logits_of(plain, pool.gather([i])).argmax()) != digits.answers[i] for i in nearest]
everywhere = float((logits_of(plain).argmax(1) != truth).double().mean())
entropy_rank = float(spearmanr(entropies(plain).numpy(), losses(plain).numpy()).statistic)
ranks["DeepFool"] = float(spearmanr(-lengths.numpy(), losses(plain).numpy()).statistic)
print(f"{float(fooled.flipped.double().mean()):.0%} of points were fooled, in at most {int(fooled.steps.max())} steps")
print(f"the network is wrong at {sum(mistaken)} of the 20 nearest to the line, and at {everywhere:.0%} of the pool")
print(f"rank correlation of nearness and true loss: {ranks['DeepFool']:.2f}; of entropy: {entropy_rank:.2f}")

# %% [markdown]
# What fools an unsure network cannot be seen; for a sure one the digit itself must begin to change. The shortest ways
# are those of mistakes far more often than of other points.
#
# ## What this does and does not show
#
# It shows what each idea looks at, on one easy set, with small networks and short trainings. Most judges point where
# they should: features of a class draw together, views agree, predicted losses and drift go with true losses, the
# autoencoder sees the class nobody labelled. Two do not: WAAL's critic does no better than chance, and loss prediction
# is blind to a new class. And at telling where the network is wrong, none does clearly better here than its own
# entropy. Whether any of them learns faster takes studies of many seeds: `bayesal run DATA --method loss_prediction`,
# `vaal`, `waal`, `tod`, `ceal`, `featuresim --posterior scal`, `adversarial_deepfool`.

# %%
assert similar["with SupCon"][0] - similar["with SupCon"][1] > similar["cross-entropy"][0] - similar["cross-entropy"][1]
assert diagonal_and_rest(after)[0] > 2 * diagonal_and_rest(before)[0]
assert pure["Barlow Twins"] > pure["untrained encoder"]
assert min(ranks.values()) > 0
assert np.mean(asked["VAAL"]) > chance
assert own_labels[0.5].accuracy > own_labels[1.5].accuracy
assert bool(fooled.flipped.double().mean() > 0.99)
