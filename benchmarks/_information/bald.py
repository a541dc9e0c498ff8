"""BALD: one pass over N K C numbers."""

import math
from functools import partial

import torch

from bayesal.acquisitions import bald
from benchmarks._compare import Job, peer, quietly
from benchmarks._device import Work
from benchmarks._information.inputs import categorical, unrelated
from benchmarks._subjects.subject import Case, Setting, Size, Subject, numpy_peer
from benchmarks.bald import whole_tensor, whole_tensor_of_probabilities

AUTHORS = "EPIG authors' formula, probabilities given"


def build(size: Size, device: torch.device) -> Case:
    logs = unrelated(size, device)
    probabilities = logs.exp()
    peers: dict[str, Job] = {
        AUTHORS: partial(whole_tensor_of_probabilities, probabilities),
        "EPIG authors' formula": partial(whole_tensor, logs),
    }
    if redux := peer("batchbald_redux.batchbald"):
        peers["batchbald_redux"] = quietly(
            lambda: redux.compute_entropy(logs) - redux.compute_conditional_entropy(logs).to(device)
        )
    if heuristics := numpy_peer("baal.active.heuristics", device):
        classes_first = probabilities.transpose(1, 2).contiguous().numpy()
        peers["baal"] = partial(heuristics.BALD().compute_score, classes_first)
    if small_text := numpy_peer("small_text.query_strategies.bayesian", device):
        peers["small-text"] = lambda: small_text._bald(probabilities.numpy()) * math.log(2)
    if skactiveml := numpy_peer("skactiveml.pool", device):
        # It clips its input in place.
        hypotheses_first = probabilities.transpose(0, 1).contiguous().numpy()
        peers["scikit-activeml (batch_bald, B=1)"] = lambda: skactiveml.batch_bald(hypotheses_first, 1, 1)[0]
    numbers = size["N"] * size["K"] * size["C"]
    floor = Work(functions=numbers, bytes=4 * numbers)
    return Case(partial(bald, categorical(logs)), {"one exp of each number": floor}, peers)


BALD = Subject(
    name="bald",
    title="BALD",
    build=build,
    small={"N": 500, "K": 20, "C": 10},
    settings=[
        Setting({"N": 50_000, "K": 100, "C": 10}, peers=False, most_mib=50),
        Setting({"N": 20_000, "K": 100, "C": 10}, goals={AUTHORS: 1 / 0.6}, most_mib=50),
    ],
    base={"N": 20_000, "K": 100, "C": 10},
    growth={"N": (5_000, 10_000, 20_000), "K": (25, 50, 100), "C": (5, 10, 20)},
)
