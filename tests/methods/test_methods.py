"""Every method of the table chooses a batch for every task it names, and says what to use instead for the others."""

import warnings

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.distributions import Categorical

from bayesal import Pool, methods
from bayesal.learning import CrossEntropy, GaussianLoss, Supervised, Training
from bayesal.learning.ceal import PseudoLabels
from bayesal.likelihoods import bernoulli, categorical, dense_categorical, gaussian
from bayesal.networks import MLP
from bayesal.posteriors import DeepEnsemble, MCDropout, TemporalNetwork
from bayesal.strategies import Strategy
from bayesal.types import Hypotheses, Posterior, Selection
from bayesal.views.predictive import class_log_probabilities

QUICK = Training(epoch_size=32, max_epochs=2, batch_size=32, progress=False)
TASKS = ("classification", "multilabel", "regression", "dense")
ROWS = {row.name: row for row in methods.describe()}
CLAIMS = [
    (name, task) for name, row in ROWS.items() for task in TASKS if row.tasks == "any" or task in row.tasks.split(", ")
]
REFUSES = [(name, task) for name in ROWS for task in TASKS if (name, task) not in CLAIMS]
BLIND = {"random", "propensity", "rho_loss"}  # what never asks the belief, or learns from labels


class Maps(nn.Module):
    """Two classes on a map of 3 x 4."""

    def __init__(self) -> None:
        super().__init__()
        self.flat = nn.Linear(4, 24)

    def forward(self, x: Tensor) -> Tensor:
        return self.flat(x).view(-1, 2, 3, 4)


def belief_of(task: str, members: int = 6) -> DeepEnsemble:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        outputs = {"classification": 3, "multilabel": 3, "regression": 2, "dense": 0}[task]
        nets = [Maps() if task == "dense" else MLP(4, outputs, hidden=(16,)) for _ in range(members)]
    likelihood = {
        "classification": categorical,
        "multilabel": bernoulli,
        "regression": gaussian,
        "dense": dense_categorical,
    }[task]
    return DeepEnsemble(nets, likelihood)


def dropout_belief() -> MCDropout:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MCDropout(MLP(4, 3, hidden=(16,), dropout=0.5))


def belief_with_a_past(task: str) -> TemporalNetwork:
    ensemble = belief_of(task)
    now, earlier, *_ = ensemble.members
    return TemporalNetwork(now.network, earlier.state, ensemble.likelihood)


class Counting:
    """A belief that finds 0, 1, 2, or 3 labels conceivable, depending on the point."""

    def __init__(self, belief: Posterior) -> None:
        self.draw = belief.draw

    def conceivable(self, inputs: Tensor, /) -> Tensor:
        return (inputs[:, 0] * 2).long() % 4


class Judging:
    """A belief with a judge, which is for the first number of a point."""

    def __init__(self, belief: Posterior) -> None:
        self.draw = belief.draw

    def judge(self, inputs: Tensor, /) -> Tensor:
        return inputs[:, 0]


def points(n: int = 40) -> Tensor:
    inputs = torch.randn(n, 4, generator=Generator().manual_seed(3)) * 2
    inputs[:, 3] = (inputs[:, 3] > 0).float()  # the treatment, where one is asked for
    return inputs


def made(name: str, task: str) -> Strategy:
    """The method, with what it cannot do without."""
    build = getattr(methods, name)
    regression = task == "regression"
    labels = (points().sum(1) if regression else points()[:, 0] > 0).to(torch.float32 if regression else torch.int64)
    outputs, loss = (2, GaussianLoss()) if regression else (3, CrossEntropy())
    learner = Supervised(lambda: MLP(4, outputs, hidden=(16,)), MCDropout, loss=loss, training=QUICK)
    extra = {
        "rho_loss": {
            "answers": {f"p{i}": label for i, label in enumerate(labels.tolist())},
            "learner": learner,
            "validation": (points(10), labels[:10]),
        },
        "jepig_retrained": {"learner": learner},
    }
    return build(**extra.get(name, {}))


def pool_of(chunk_size: int = 256) -> Pool:
    ids = [f"p{i}" for i in range(40)]
    return Pool.of(points(), ids=ids, labels={"p0": 0, "p1": 1, "p2": 2}, chunk_size=chunk_size, progress=False)


def choose(name: str, task: str, batch_size: int = 5, seed: int = 0, chunk_size: int = 256) -> Selection:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="no pair of hypotheses differs")
        generator = Generator().manual_seed(seed)
        dropped = (name, task) == ("jepig_retrained", "classification")  # as many hypotheses as its learner's belief
        belief = dropout_belief() if dropped else belief_of(task)
        if name.startswith("spn"):
            belief = Counting(belief)
        if name == "tod":
            belief = belief_with_a_past(task)
        if "Judges" in ROWS[name].needs:
            belief = Judging(belief)
        if (name, task) == ("ceal", "classification"):
            belief.pseudo_labels = PseudoLabels(0.05, {}, 37)
        return made(name, task)(belief, pool_of(chunk_size), batch_size, generator=generator)


@pytest.mark.parametrize(("name", "task"), CLAIMS)
def test_a_method_chooses_different_open_points_with_finite_scores(name: str, task: str) -> None:
    selection = choose(name, task)
    assert len(set(selection.ids)) == len(selection) == 5
    assert not {"p0", "p1", "p2"} & set(selection.ids)
    for numbers in (selection.scores, selection.gains):
        assert numbers.shape == (5,)
        assert bool(numbers.isfinite().all())
    open_ids = pool_of().unlabelled
    assert list(selection.ids) == open_ids[selection.positions.numpy()].tolist()


@pytest.mark.parametrize(("name", "task"), CLAIMS)
def test_a_seed_is_a_choice_whatever_the_chunks(name: str, task: str) -> None:
    assert list(choose(name, task).ids) == list(choose(name, task, chunk_size=3).ids)


@pytest.mark.parametrize(("name", "task"), CLAIMS)
def test_the_whole_pool_nothing_and_too_much(name: str, task: str) -> None:
    assert sorted(choose(name, task, batch_size=37).ids) == sorted(pool_of().unlabelled.tolist())
    assert list(choose(name, task, batch_size=0).ids) == []
    with pytest.raises(ValueError, match="a batch of 38 was asked for, but only 37"):
        choose(name, task, batch_size=38)


@pytest.mark.parametrize(("name", "task"), [(name, task) for name, task in REFUSES if name not in BLIND])
def test_a_task_that_is_not_named_gets_a_sentence(name: str, task: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+") as caught:
        choose(name, task)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) > 40


@pytest.mark.parametrize("name", ROWS)
def test_the_recipe_is_the_same_text_for_the_same_method(name: str) -> None:
    task = "regression" if ROWS[name].tasks == "regression" else "classification"
    strategy = made(name, task)
    assert repr(strategy) == repr(strategy)
    if name not in ("jepig_retrained", "rho_loss"):  # whose learners hold a function made anew here
        assert repr(strategy) == repr(made(name, task))
    if name == "jepig_retrained":
        assert "learner=Supervised(network=" in repr(strategy)
    assert " at 0x" not in repr(made(name, task))


def test_methods_that_need_more_say_what() -> None:
    with pytest.raises(ValueError, match="give it the learner"):
        methods.jepig_retrained()
    with pytest.raises(
        ValueError, match=r"Supervised, Ensemble and Greedy .* take another method or another posterior"
    ):
        methods.jepig_retrained(learner=lambda pool, generator: None)
    with pytest.raises(ValueError, match="--validation"):
        methods.rho_loss()
    with pytest.raises(ValueError, match="class_prior"):
        methods.epig(target_weights=torch.ones(3))


def test_targets_and_a_class_prior_change_what_epig_asks() -> None:
    belief, pool = belief_of("classification"), pool_of()
    far, near = points()[points()[:, 0] > 1], points()[points()[:, 0] < -1]
    chosen = [
        tuple(methods.epig(6, targets=targets)(belief, pool, 5, generator=Generator().manual_seed(0)).ids)
        for targets in (far, near)
    ]
    assert chosen[0] != chosen[1]
    prior = torch.tensor([0.9, 0.05, 0.05])
    weighted = methods.epig(6, class_prior=prior)(belief, pool, 5, generator=Generator().manual_seed(0))
    plain = methods.epig(6)(belief, pool, 5, generator=Generator().manual_seed(0))
    assert not torch.equal(weighted.scores, plain.scores)


class Line:
    """f(x) = w · x with w ~ Normal(0, I): moments in closed form, and no functions to draw."""

    noise = 0.1

    def mean(self, inputs: Tensor, /) -> Tensor:
        return torch.zeros(len(inputs), dtype=torch.float64)

    def covariance(self, inputs: Tensor, others: Tensor, /) -> Tensor:
        return inputs.double() @ others.double().T


@pytest.mark.parametrize("name", ["variance", "joint_bald", "alc", "epig"])
def test_a_belief_with_moments_needs_no_functions(name: str) -> None:
    selection = getattr(methods, name)()(Line(), pool_of(), 4, generator=Generator().manual_seed(0))
    assert len(set(selection.ids)) == 4
    if name in ("variance", "joint_bald"):
        assert selection.positions[0] == points()[3:].square().sum(1).argmax()


def test_an_ensemble_of_an_odd_number_of_members_can_be_balanced() -> None:
    for name in ("balance", "batch_balance", "power_balance", "balance_clustering"):
        generator = Generator().manual_seed(0)
        strategy = getattr(methods, name)(threshold=0.01)
        assert len(strategy(belief_of("classification", 5), pool_of(), 4, generator=generator)) == 4


def test_labels_of_validation_points_set_the_threshold_of_balance() -> None:
    belief, pool = belief_of("classification"), pool_of()
    hypotheses = belief.draw(200, generator=Generator().manual_seed(0))
    guesses = hypotheses(points()).probs.mean(1).argmax(1)
    right = methods.balance(validation=(points(), guesses))(belief, pool, 3, generator=Generator().manual_seed(0))
    wrong = methods.balance(validation=(points(), (guesses + 1) % 3), ratio=1.0)
    with pytest.warns(UserWarning, match="falls back on BALD"):
        wrong(belief, pool, 3, generator=Generator().manual_seed(0))
    assert len(right) == 3


def test_a_single_hypothesis_cannot_be_paired() -> None:
    class Alone:
        def draw(self, num_hypotheses: int, *, generator: Generator) -> Hypotheses:
            hypotheses = belief_of("classification").draw(6, generator=generator)
            return lambda inputs: Categorical(logits=class_log_probabilities(hypotheses(inputs))[:, :1])

    with pytest.raises(ValueError, match=r"must be even, but there are 1; draw 2K"):
        methods.batch_balance()(Alone(), pool_of(), 4, generator=Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["mu_bald", "tau_bald", "rho_bald", "mu_rho_bald", "propensity"])
@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_treatments_are_not_drawn_without_a_temperature(name: str, temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature must be above 0"):
        getattr(methods, name)(temperature=temperature)


def test_a_class_prior_may_be_a_list() -> None:
    belief, pool = belief_of("classification"), pool_of()
    listed, tensor = (methods.epig(class_prior=prior) for prior in ([0.2, 0.3, 0.5], torch.tensor([0.2, 0.3, 0.5])))
    chosen = [strategy(belief, pool, 3, generator=Generator().manual_seed(0)).ids for strategy in (listed, tensor)]
    assert chosen[0] == chosen[1]


@pytest.mark.parametrize("name", ["spn_entropy", "spn_variation_ratio"])
def test_conceivable_labels_are_asked_of_those_who_can_count_them(name: str) -> None:
    with pytest.raises(ValueError, match=r"DeepEnsemble does not count the labels .* --posterior spn"):
        getattr(methods, name)()(belief_of("classification"), pool_of(), 3, generator=Generator().manual_seed(0))
    assert len(
        getattr(methods, name)(conceivable=False)(belief_of("classification"), pool_of(), 3, generator=Generator())
    )
