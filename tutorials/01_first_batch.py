# %% [markdown]
# # The first batch
#
# A network has seen 20 digits. Which ten should a person label next? We wrap the network as a posterior, measure what
# each label would teach it, and see why the ten highest scores are not the best ten.

# %%
import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch.distributions import Categorical

import bayesal as bal
from bayesal import methods
from bayesal.acquisitions import bald, entropy
from bayesal.learning import Supervised
from bayesal.networks import SmallCNN
from bayesal.posteriors import MCDropout
from bayesal.testing import check_posterior

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
answers = digits.target.tolist()

# %% [markdown]
# ## A pool with stable ids, twenty of them labelled

# %%
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0)).tolist()
ids = [f"digit-{i}" for i in range(len(images))]
known = {ids[i]: answers[i] for i in order[:20]}
pool = bal.Pool.of(images, ids=ids, labels=known)
print(pool)

# %% [markdown]
# ## Learn a belief
#
# Any network with dropout will do, and it is not edited. A *learner* makes a belief from what is labelled.

# %%
learn = Supervised(network=lambda: SmallCNN(10, image_size=8), wrap=MCDropout)
posterior = learn(pool, torch.Generator().manual_seed(0))

# %% [markdown]
# Is it a posterior at all? K hypotheses must be K *functions*: the same masks for every image, in any chunk
# and any order.

# %%
for finding in check_posterior(posterior, images[:16]):
    print(finding.sentence)

# %% [markdown]
# ## What it does not know
#
# Entropy says how unsure the prediction is; BALD says how much of that a label could take away.

# %%
hypotheses = posterior.draw(500, generator=torch.Generator().manual_seed(1))
predictions = hypotheses(images)
assert isinstance(predictions, Categorical)
figure, axis = plt.subplots(figsize=(5, 4))
axis.scatter(entropy(predictions), bald(predictions), s=4)
axis.set(xlabel="entropy of the prediction (nats)", ylabel="information about the model, BALD (nats)")
figure.tight_layout()
plt.show()

# %% [markdown]
# ## Ten best alone, ten best together
#
# BALD's top ten resemble each other: after the first is labelled, much of what the others would have told is known.
# BatchBALD counts what a batch tells *together*.

# %%
alone = methods.bald(500)(posterior, pool, 10, generator=torch.Generator().manual_seed(2))
together = methods.batchbald(500)(posterior, pool, 10, generator=torch.Generator().manual_seed(2))
for name, selection in (("BALD, the ten best alone", alone), ("BatchBALD, the ten best together", together)):
    figure, axes = plt.subplots(1, 10, figsize=(10, 1.5))
    for axis, i, score in zip(axes, selection.ids, selection.scores.tolist(), strict=True):
        axis.imshow(images[ids.index(str(i)), 0], cmap="gray_r")
        axis.set_title(f"{score:.2f}", fontsize=8)
        axis.axis("off")
    figure.suptitle(name)
    plt.show()

# %% [markdown]
# How much does each batch tell, jointly? The same 500 hypotheses judge both batches: draw labels for the whole batch
# from one hypothesis at a time, and see how much the drawn labels narrow the hypotheses down.


# %%
def joint_information(chosen: list[object], draws: int = 20_000) -> float:
    """ln K minus the mean entropy of the hypotheses' weights after the batch's labels are seen."""
    log_probs = predictions.logits[[ids.index(str(i)) for i in chosen]]  # B K C
    k = log_probs.shape[1]
    generator = torch.Generator().manual_seed(3)
    weights = torch.zeros(draws, k, dtype=torch.float64)
    truth = torch.arange(draws) % k  # every hypothesis is the true one equally often
    for point in log_probs:
        labels = torch.multinomial(point.exp()[truth], 1, generator=generator).squeeze(1)
        weights += point.T[labels]
    entropies = Categorical(logits=weights).entropy()
    return float(torch.tensor(k).log() - entropies.mean())


information_alone, information_together = joint_information(list(alone.ids)), joint_information(list(together.ids))
print(f"the ten best alone tell {information_alone:.2f} nats, the ten best together {information_together:.2f}")

# %%
assert information_together > information_alone
