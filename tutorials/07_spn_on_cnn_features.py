# %% [markdown]
# # A sum-product network on a CNN's features
#
# A softmax says which class is likelier; it cannot say that none of them is likely. A *sum-product network* has a
# density for each class, $p(x, c) = \pi_c S_c(x)$, and every marginal of it is one pass. Put on the features of a
# trained CNN it gives class probabilities, an alarm for strange inputs, and answers where features are missing.

# %%
from functools import partial

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from torch import Generator, Tensor, nn

import bayesal as bal
from bayesal import methods
from bayesal.learning import CrossEntropy, Staged
from bayesal.networks import SmallCNN
from bayesal.posteriors import SumProductNetwork

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
answers = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=Generator().manual_seed(0))
ids, test = order[:1000].tolist(), order[1000:]
pool = bal.Pool.of(images[ids], ids=ids, labels={i: int(answers[i]) for i in ids[:200]})
print(pool)

# %% [markdown]
# ## Two stages
#
# `Staged` trains the network, then fits a belief on it: here five circuits of random structure, on what the CNN
# computes before its last linear layer. `discriminative` is the share of the loss that tells classes apart; the rest
# teaches what each class looks like.


# %%
def both(network: nn.Module, inputs: Tensor, targets: Tensor, **rest) -> tuple[nn.Module, SumProductNetwork]:
    return network, SumProductNetwork.fit(network, inputs, targets, discriminative=0.9, **rest)


learn = Staged(network=partial(SmallCNN, 10, image_size=8), fit=both)
network, spn = learn(pool, Generator().manual_seed(0))
hypotheses = spn.draw(5, generator=Generator().manual_seed(1))


def measured(probabilities: Tensor) -> tuple[float, float]:
    """Accuracy, and the mean of -ln p(y | x) in nats."""
    right = probabilities.argmax(dim=1) == answers[test]
    return float(right.float().mean()), float(-probabilities[torch.arange(len(test)), answers[test]].log().mean())


with torch.no_grad():
    softmax = network(images[test]).softmax(dim=1)
by_circuits = hypotheses(images[test]).probs.mean(dim=1)
for name, probabilities in (("the CNN itself", softmax), ("five circuits on its features", by_circuits)):
    accuracy, nll = measured(probabilities)
    print(f"{name}: accuracy {accuracy:.3f}, NLL {nll:.3f}")

# %% [markdown]
# ## What is strange
#
# Digits that lie on their side, and noise: the density of the features is low there. The CNN's own confidence is the
# rival.

# %%
strange = {"on their side": images[test].rot90(1, (2, 3)), "noise": torch.rand(797, 1, 8, 8, generator=Generator())}
usual = spn.log_density(images[test])
figure, axis = plt.subplots(figsize=(6, 3))
axis.hist(usual, bins=60, alpha=0.6, label="test digits", density=True)
alarms = {}
for name, inputs in strange.items():
    unusual = spn.log_density(inputs)
    axis.hist(unusual, bins=60, alpha=0.6, label=name, density=True)
    with torch.no_grad():
        doubt = torch.cat([1 - softmax.amax(1), 1 - network(inputs).softmax(dim=1).amax(1)])
    truth = torch.cat([torch.zeros(len(usual)), torch.ones(len(unusual))])
    alarms[name] = roc_auc_score(truth, -torch.cat([usual, unusual]))
    print(f"{name}: AUROC {alarms[name]:.3f} by log-density, {roc_auc_score(truth, doubt):.3f} by the CNN's doubt")
axis.set(xlabel="log p(features), nats", ylabel="density")
axis.legend()
figure.tight_layout()
plt.show()

# %% [markdown]
# ## Half an image
#
# Without a network (`None`) the features are the pixels, and NaN is a pixel nobody has seen: it is summed out, exactly.
# The usual makeshift is to fill in each pixel's mean.

# %%
on_pixels = SumProductNetwork.fit(
    None, images[ids[:200]], answers[ids[:200]], loss=CrossEntropy(), generator=Generator().manual_seed(2)
)
mean = images[ids].mean(dim=0)
accuracies = {"summed out": [], "filled with the mean": []}
for rows in range(7):
    unseen = torch.zeros(8, 8, dtype=torch.bool)
    unseen[8 - rows :] = True
    for name, inputs in (
        ("summed out", images[test].masked_fill(unseen, torch.nan)),
        ("filled with the mean", torch.where(unseen, mean, images[test])),
    ):
        seen = on_pixels.draw(5, generator=Generator())(inputs).probs.mean(dim=1)
        accuracies[name].append(measured(seen)[0])
figure, axis = plt.subplots(figsize=(5, 3))
for name, values in accuracies.items():
    axis.plot(range(7), values, marker="o", label=name)
axis.set(xlabel="rows of pixels hidden, from below", ylabel="accuracy", ylim=(0, 1))
axis.legend()
figure.tight_layout()
plt.show()
print({name: [round(value, 3) for value in values] for name, values in accuracies.items()})

# %% [markdown]
# ## Which labels to ask for
#
# `spn_entropy` asks where the label is uncertain *and* several labels are conceivable: the density of a class at the
# point is what its own points have.

# %%
for name, method in (
    ("entropy", methods.spn_entropy(conceivable=False)),
    ("entropy × conceivable labels", methods.spn_entropy()),
):
    selection = method(spn, pool, 10, generator=Generator().manual_seed(3))
    chosen = images[[int(i) for i in selection.ids]]
    figure, axes = plt.subplots(1, 10, figsize=(10, 1.6))
    for axis, image, count in zip(axes, chosen, spn.conceivable(chosen).tolist(), strict=True):
        axis.imshow(image[0], cmap="gray_r")
        axis.set_title(f"{count} labels", fontsize=8)
        axis.axis("off")
    figure.suptitle(name)
    plt.show()

# %%
assert measured(by_circuits)[0] > 0.9
assert accuracies["summed out"][5] > accuracies["filled with the mean"][5]
