"""The consistency law of a posterior: K hypotheses are K functions, whatever the chunk, the order or the call."""

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.distributions import Distribution

from bayesal.testing.dependence import dependence
from bayesal.testing.findings import Finding, first_line, law, leaves_global_generator, require
from bayesal.testing.outputs import close, numbers
from bayesal.types import Hypotheses, Inputs, Posterior

FUNCTION = (
    "something random runs inside at prediction time (dropout in train mode or called as a function, per-example "
    "noise, weights drawn anew); freeze it in draw()"
)


def check_posterior(posterior: Posterior, inputs: Tensor, *, num_hypotheses: int = 8, seed: int = 0) -> list[Finding]:
    """Prove the laws of a posterior on these inputs (at least 4 different points, ``n ...``), or raise ``LawBroken``.

    Laws: draws K functions of batch shape (n, K') with 1 <= K' <= K · finite · the same call twice, chunks of 1 and 7,
    another order and duplicated points give the same values · hypotheses differ, and not by one noise vector that is
    added at every point · a seed fixes the draw and only the seed does · the global generator, the networks' weights,
    buffers and training flags are left alone · hypotheses drawn earlier do not change. Also found, as warnings: no
    points in should give no rows out, NaN inputs should be refused or seen, hypotheses should be fit to be sent to
    worker processes.
    """
    return require(examine_posterior(posterior, inputs, num_hypotheses=num_hypotheses, seed=seed))


def examine_posterior(posterior: Posterior, inputs: Tensor, *, num_hypotheses: int = 8, seed: int = 0) -> list[Finding]:
    """The findings of ``check_posterior``, broken laws included."""
    if len(inputs) < 4:
        raise ValueError(f"check a posterior on at least 4 different points; {len(inputs)} were given")
    try:
        hypotheses = _draw(posterior, num_hypotheses, seed)
        predictions = _predict(hypotheses, inputs)
    except Exception as error:
        return [Finding("draws functions", False, f"drawing hypotheses and calling them failed: {first_line(error)}")]
    shape = predictions.batch_shape
    if len(shape) < 2 or shape[0] != len(inputs) or not 1 <= shape[1] <= num_hypotheses:
        sentence = (
            f"asked for {num_hypotheses} hypotheses at {len(inputs)} points, the batch shape is {tuple(shape)}; "
            f"expected ({len(inputs)}, K) with 1 <= K <= {num_hypotheses}, points first"
        )
        return [Finding("points first", False, sentence)]
    findings = [Finding("points first", True, f"predictions have batch shape {tuple(shape)}: points, then hypotheses")]
    expected = numbers(predictions)
    bad = int((~expected.isfinite()).flatten(1).any(1).sum())
    findings.append(
        law("finite", bad == 0, "all predictions are finite", f"predictions are not finite at {bad} points")
    )
    if bad:
        return findings
    findings += _same_functions(hypotheses, inputs, expected)
    findings += _distinct(expected)
    if findings[-1].passed:
        findings.append(dependence(posterior, inputs, predictions, seed=seed))
    findings += _seeds(posterior, hypotheses, inputs, expected, num_hypotheses, seed)
    findings += _side_effects(posterior, inputs, num_hypotheses, seed)
    findings += list(_doors(hypotheses, inputs, expected))
    return findings


def _same_functions(hypotheses: Hypotheses, inputs: Tensor, expected: Tensor) -> list[Finding]:
    n = len(inputs)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(1))
    twice = torch.cat([inputs, inputs[:2], inputs[:1]])
    chunked = "the answer at a point depends on the other points of the chunk: BatchNorm in train mode, masks or noise "
    trials: list[tuple[str, Callable[[], bool], str, str]] = [
        (
            "same call twice",
            lambda: torch.equal(_numbers(hypotheses, inputs), expected),
            "the same hypotheses give the same answers when asked again",
            f"the same hypotheses gave other answers to the same points when asked again: {FUNCTION}",
        ),
        (
            "chunks",
            lambda: all(
                close(torch.cat([_numbers(hypotheses, chunk) for chunk in inputs.split(size)]), expected)
                for size in (1, 7)
            ),
            "chunks of 1 and 7 give the answers of one call",
            f"chunks of 1 or 7 points give other answers than one call: {chunked}of the batch's shape",
        ),
        (
            "order",
            lambda: close(_numbers(hypotheses, inputs[order]), expected[order]),
            "points in another order give the same answers",
            f"points in another order give other answers: {chunked}per row",
        ),
        (
            "duplicates",
            lambda: close(_numbers(hypotheses, twice)[n:], torch.cat([expected[:2], expected[:1]])),
            "equal points get equal answers from every hypothesis",
            f"equal points get different answers from one hypothesis: {chunked}per row",
        ),
    ]
    findings = []
    for name, holds, kept, broken in trials:
        try:
            findings.append(law(name, holds(), kept, broken))
        except Exception as error:
            findings.append(Finding(name, False, f"{broken} (it failed with {first_line(error)})"))
    return findings


def _distinct(expected: Tensor) -> list[Finding]:
    k = expected.shape[1]
    functions = expected.transpose(0, 1).flatten(1)
    different = len(torch.unique(functions, dim=0))
    if k == 1:
        note = "only one hypothesis was given; mutual information with the model is zero for every point"
        return [Finding("hypotheses differ", True, note, warning=True)]
    if different == 1:
        broken = "all hypotheses are one function: no dropout is active, or the members are identical"
        return [Finding("hypotheses differ", False, broken)]
    if different <= k / 2:
        return [Finding("hypotheses differ", False, f"of {k} hypotheses only {different} differ: members are repeated")]
    some = different < k
    sentence = f"{different} of {k} hypotheses differ" + (": some are repeated" if some else "")
    return [Finding("hypotheses differ", True, sentence, warning=some)]


def _seeds(
    posterior: Posterior, hypotheses: Hypotheses, inputs: Tensor, expected: Tensor, num_hypotheses: int, seed: int
) -> list[Finding]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 12345)
        again = _numbers(_draw(posterior, num_hypotheses, seed), inputs)
    findings = [
        law(
            "seed",
            close(again, expected),
            "the same seed draws the same hypotheses",
            "the same seed drew other hypotheses: draw() must take all its randomness from the generator",
        )
    ]
    other = _numbers(_draw(posterior, num_hypotheses, seed + 1), inputs)
    enumerated = other.shape == expected.shape and expected.shape[1] < num_hypotheses
    same = close(other, expected)
    if same and not enumerated:
        sentence = "another seed drew the same hypotheses: fine for a finite ensemble, a fault for anything else"
        findings.append(Finding("another seed", True, sentence, warning=True))
    after = _numbers(hypotheses, inputs)
    findings.append(
        law(
            "drawn once",
            torch.equal(after, expected),
            "drawing again leaves earlier hypotheses as they were",
            "drawing again changed hypotheses drawn before: a draw must hold its own masks and weights",
        )
    )
    return findings


def _side_effects(posterior: Posterior, inputs: Tensor, num_hypotheses: int, seed: int) -> list[Finding]:
    networks = list(_networks(posterior))
    flags = [[module.training for module in network.modules()] for network in networks]
    for network in networks:
        for i, module in enumerate(network.modules()):
            module.training = i % 2 == 0  # a pattern that neither train() nor eval() would leave behind
    before = [_fingerprint(network) for network in networks]
    quiet = leaves_global_generator(
        "drawing and predicting", lambda: _numbers(_draw(posterior, num_hypotheses, seed), inputs)
    )
    same = all(_same(a, _fingerprint(network)) for a, network in zip(before, networks, strict=True))
    for network, training in zip(networks, flags, strict=True):
        for module, flag in zip(network.modules(), training, strict=True):
            module.training = flag
    kept = f"{len(networks)} network(s) keep their weights, buffers and training flags"
    broken = "predicting changed a network's weights, buffers, gradient or training flags; restore them, or copy it"
    return [quiet, law("side effects", same, kept, broken)]


def _doors(hypotheses: Hypotheses, inputs: Tensor, expected: Tensor) -> Iterator[Finding]:
    try:
        nothing = tuple(_predict(hypotheses, inputs[:0]).batch_shape[:2])
        holds, seen = nothing == (0, expected.shape[1]), f"batch shape {nothing}"
    except Exception as error:
        holds, seen = False, first_line(error)
    sentence = "no points give no rows" if holds else f"no points should give no rows, but gave {seen}"
    yield Finding("no points", True, sentence, warning=not holds)
    if inputs.is_floating_point():
        try:
            poisoned = inputs.clone()
            poisoned[0] = torch.nan
            seen_nan = bool((~_numbers(hypotheses, poisoned)[0].isfinite()).any())
            refused = False
        except Exception:
            seen_nan, refused = False, True
        sentence = {
            (True, False): "NaN inputs are refused",
            (False, True): "NaN inputs give NaN predictions, which the rules refuse",
        }.get((refused, seen_nan), "NaN inputs give predictions that look sound; check your inputs before")
        yield Finding("NaN inputs", True, sentence, warning=not (refused or seen_nan))
    try:
        copied = pickle.loads(pickle.dumps(hypotheses))
        same = close(_numbers(copied, inputs), expected)
        sentence = "hypotheses can be sent to worker processes" if same else "a pickled copy answers differently"
        yield Finding("workers", same, sentence)
    except Exception as error:
        sentence = f"hypotheses cannot be sent to worker processes ({first_line(error)}); one process still works"
        yield Finding("workers", True, sentence, warning=True)


def _draw(posterior: Posterior, num_hypotheses: int, seed: int) -> Hypotheses:
    return posterior.draw(num_hypotheses, generator=Generator().manual_seed(seed))


def _predict(hypotheses: Hypotheses, inputs: Inputs) -> Distribution:
    with torch.no_grad():
        return hypotheses(inputs)


def _numbers(hypotheses: Hypotheses, inputs: Inputs) -> Tensor:
    return numbers(_predict(hypotheses, inputs))


def _networks(thing: Any, depth: int = 3) -> Iterator[nn.Module]:
    """The networks a posterior holds, wherever it keeps them."""
    if isinstance(thing, nn.Module):
        yield thing
    elif depth and isinstance(thing, list | tuple):
        for part in thing:
            yield from _networks(part, depth - 1)
    elif depth and isinstance(thing, dict):
        yield from _networks(list(thing.values()), depth)
    elif depth and hasattr(thing, "__dict__"):
        yield from _networks(list(vars(thing).values()), depth - 1)


def _fingerprint(network: nn.Module) -> tuple[dict[str, Tensor], list[tuple[bool, int]], list[bool]]:
    return (
        copy.deepcopy(network.state_dict()),
        [(m.training, len(m._forward_hooks) + len(m._forward_pre_hooks)) for m in network.modules()],
        [p.requires_grad for p in network.parameters()],
    )


def _same(a: Any, b: Any) -> bool:
    return a[1:] == b[1:] and all(torch.equal(a[0][key], b[0][key]) for key in a[0])
