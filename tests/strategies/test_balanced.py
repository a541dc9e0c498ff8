"""FeatureSim, FRE and class-balanced batches of a belief: against the scores by hand, and what they say and refuse."""

import pytest
import torch
from sklearn.decomposition import PCA
from torch import Generator, Tensor, nn

from bayesal import Pool, methods, selection
from bayesal.likelihoods import bernoulli
from bayesal.networks import MLP
from bayesal.posteriors import DeepEnsemble, MCDropout, TrainedNetwork
from bayesal.strategies import Balanced
from bayesal.views import FeatureSim, Guessed, LastLayer, Predictive


def made(outputs: int = 3, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MLP(4, outputs, hidden=(8,), dropout=0.5).eval()


def points(n: int = 40) -> Tensor:
    return torch.randn(n, 4, generator=Generator().manual_seed(3)) * 2


def pool_of(labels: dict[int, int], chunk_size: int = 7) -> Pool:
    return Pool.of(points(), labels=labels, chunk_size=chunk_size, progress=False)


LABELS = {0: 0, 5: 1, 7: 0, 11: 2, 12: 1, 20: 2, 21: 0, 22: 1}


def by_hand(network: nn.Module, score: str) -> tuple[Tensor, Tensor]:
    """Scores and guesses of all points, with the features of this MLP."""
    with torch.no_grad():
        features = network.body(points()).double()
        guesses = network(points()).argmax(1)
    known, classes = features[list(LABELS)], torch.tensor(list(LABELS.values()))
    scores = []
    for z, guess in zip(features, guesses, strict=True):
        own = known[classes == guess]
        if score == "featuresim":
            scores.append(-max(float(z @ other / other.norm()) for other in own))
        else:
            pca = PCA(0.995, svd_solver="full").fit(own.numpy())
            left = z.numpy()[None] - pca.inverse_transform(pca.transform(z.numpy()[None]))
            scores.append(float((left**2).sum()))
    return torch.tensor(scores), guesses


@pytest.mark.parametrize("name", ["featuresim", "fre"])
def test_the_scores_are_those_by_hand(name: str) -> None:
    network, pool = made(), pool_of(LABELS)
    scores, _ = by_hand(network, name)
    chosen = getattr(methods, name)(balanced=False)(MCDropout(network), pool, 6, generator=Generator().manual_seed(0))
    open_ = torch.tensor(pool.unlabelled.tolist())
    assert list(chosen.ids) == open_[scores[open_].argsort(descending=True)[:6]].tolist()
    assert torch.allclose(chosen.scores, scores[list(chosen.ids)].double(), rtol=1e-5)
    assert chosen.notes == ()


@pytest.mark.parametrize("name", ["featuresim", "fre"])
def test_a_balanced_batch_has_the_best_of_every_class(name: str) -> None:
    network, pool = made(), pool_of(LABELS)
    scores, guesses = by_hand(network, name)
    chosen = getattr(methods, name)()(TrainedNetwork(network), pool, 6, generator=Generator().manual_seed(0))
    taken = torch.bincount(guesses[list(chosen.ids)], minlength=3)
    there = torch.bincount(guesses[pool.unlabelled.tolist()], minlength=3)
    assert taken.tolist() == [2, 2, 2] or bool((taken[there < 2] == there[there < 2]).all())
    for guess in guesses[list(chosen.ids)].unique().tolist():
        own = [i for i in pool.unlabelled.tolist() if guesses[i] == guess]
        best = sorted(own, key=lambda i: -float(scores[i]))[: int(taken[guess])]
        assert [i for i in chosen.ids if guesses[i] == guess] == best


def test_classes_without_an_example_are_told() -> None:
    belief, pool = MCDropout(made()), pool_of({0: 0, 5: 0, 7: 0})
    other = int((made()(points()[pool.unlabelled.tolist()]).argmax(1) != 0).sum())
    assert other > 5
    chosen = methods.featuresim()(belief, pool, 4, generator=Generator().manual_seed(0))
    note = f"{other} of 37 points are guessed to be of a class with no labelled example: they are asked first"
    assert chosen.notes == (note,)
    assert bool(chosen.scores.isposinf().any())
    chosen = methods.fre()(belief, pool, 4, generator=Generator().manual_seed(0))
    assert "compared with what is labelled of all classes" in chosen.notes[0]
    assert bool(chosen.scores.isfinite().all())
    for name in ("featuresim", "fre"):
        agnostic = getattr(methods, name)(classwise=False)(belief, pool, 4, generator=Generator().manual_seed(0))
        assert agnostic.notes == ()
        assert bool(agnostic.scores.isfinite().all())


def test_several_networks_and_one_logit() -> None:
    for belief in (DeepEnsemble([made(seed=k) for k in range(3)]), MCDropout(made(1), two)):
        labels = pool_of({i: min(label, 1) for i, label in LABELS.items()})
        for name in ("featuresim", "fre", "class_balanced"):
            chosen = getattr(methods, name)(20)(belief, labels, 4, generator=Generator().manual_seed(0))
            assert len(set(chosen.ids)) == 4


def two(z: Tensor) -> torch.distributions.Categorical:
    return torch.distributions.Categorical(logits=torch.cat([torch.zeros_like(z), z], -1))


def test_any_score_can_be_balanced() -> None:
    belief, pool = MCDropout(made()), pool_of(LABELS)
    guesses = belief.forward(belief.state, points()).argmax(1)
    chosen = methods.class_balanced(20)(belief, pool, 9, generator=Generator().manual_seed(1))
    plain = methods.entropy(20)(belief, pool, 32, generator=Generator().manual_seed(1))
    for guess in range(3):
        own = [i for i in plain.ids if guesses[i] == guess]
        mine = [i for i in chosen.ids if guesses[i] == guess]
        assert mine == own[: len(mine)]
    counts = torch.bincount(guesses[list(chosen.ids)], minlength=3)
    there = torch.bincount(guesses[pool.unlabelled.tolist()], minlength=3)
    assert int(counts.min()) == min(3, int(there.min()))
    view = Guessed(Predictive(methods.contrastive.SCORES["margin"], 20), 20)
    margin = Balanced(view)(belief, pool, 5, generator=Generator().manual_seed(1))
    named = methods.class_balanced(20, "margin")(belief, pool, 5, generator=Generator().manual_seed(1))
    assert margin.ids == named.ids
    with pytest.raises(ValueError, match=r"score must be one of entropy, .* but it is 'luck'"):
        methods.class_balanced(score="luck")


def test_chunks_change_nothing() -> None:
    belief = MCDropout(made())
    for view in (FeatureSim(), FeatureSim("both", False, LastLayer(5))):
        for rule in (selection.ClassBalanced("scores"), selection.top):
            chosen = [
                Balanced(view, rule)(belief, pool_of(LABELS, size), 8, generator=Generator().manual_seed(0))
                for size in (1, 256)
            ]
            assert chosen[0].ids == chosen[1].ids


def test_what_cannot_be_compared_gets_a_sentence() -> None:
    generator = Generator().manual_seed(0)
    for name in ("featuresim", "fre"):
        method = getattr(methods, name)()
        with pytest.raises(ValueError, match=r"nothing is labelled yet, .* label a first batch"):
            method(MCDropout(made()), pool_of({}), 3, generator=generator)
        with pytest.raises(ValueError, match=r"shows no features: use --posterior mc-dropout"):
            method(lambda: None, pool_of(LABELS), 3, generator=generator)
        with pytest.raises(ValueError, match=r"labels must be classes, but they are torch.float"):
            method(MCDropout(made()), Pool.of(points(), labels={0: 0.5, 1: 1.5}), 3, generator=generator)
        with pytest.raises(ValueError, match=r"one label among classes"):
            method(MCDropout(made(), bernoulli), pool_of(LABELS), 3, generator=generator)
