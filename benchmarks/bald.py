"""BALD of N points x K hypotheses x C classes against its peers: ``python -m benchmarks.bald [--smoke]``.

Each gets its inputs ready in its own form: log-probabilities for batchbald_redux and us, probabilities as a NumPy array
``N C K`` for baal. "whole tensor" is the formula as the EPIG authors evaluate it (Bickford Smith et al., 2023), written
fresh: every intermediate result is of size N K C. The floor is one exp of each element, into a buffer in the cache.
"""

import argparse
from functools import partial

import torch
from torch import Tensor
from torch.distributions import Categorical

from bayesal.acquisitions import bald
from bayesal.likelihoods import categorical
from benchmarks._compare import Job, added_peak, peer, quietly, seconds
from benchmarks._measure import exponent

REDUX = "batchbald_redux"
BAAL = "baal"
OURS = "bayesal"
FLOOR = "floor: one exp an element"


def whole_tensor(logs: Tensor) -> Tensor:
    mixture = torch.logsumexp(logs, dim=1) - torch.tensor(logs.shape[1]).log()
    return -(mixture.exp() * mixture).sum(-1) + (logs.exp() * logs).sum(-1).mean(-1)


def whole_tensor_of_probabilities(probabilities: Tensor) -> Tensor:
    mixture = probabilities.mean(1)
    expected = torch.special.xlogy(probabilities, probabilities).sum(-1).mean(-1)
    return expected - torch.special.xlogy(mixture, mixture).sum(-1)


def floor(logs: Tensor) -> None:
    flat = logs.view(-1)
    buffer = torch.empty(2**19)
    for part in flat.split(len(buffer)):
        torch.exp(part, out=buffer[: len(part)])


def jobs_of(logs: Tensor) -> dict[str, Job]:
    probabilities = logs.exp()
    predictions = Categorical(logits=logs, validate_args=False)
    jobs: dict[str, Job] = {
        OURS: partial(bald, predictions),
        "bayesal from network outputs": lambda: bald(categorical(logs)),
        "whole tensor, log-probabilities": partial(whole_tensor, logs),
        "whole tensor, probabilities": partial(whole_tensor_of_probabilities, probabilities),
        FLOOR: partial(floor, logs),
    }
    if redux := peer("batchbald_redux.batchbald"):
        jobs[REDUX] = quietly(lambda: redux.compute_entropy(logs) - redux.compute_conditional_entropy(logs))
    if heuristics := peer("baal.active.heuristics"):
        array = probabilities.transpose(1, 2).contiguous().numpy()
        jobs[BAAL] = partial(heuristics.BALD().compute_score, array)
    return jobs


def check(jobs: dict[str, Job]) -> None:
    """They compute the same thing."""
    ours = jobs[OURS]()
    for name, job in jobs.items():
        if name != FLOOR:
            torch.testing.assert_close(torch.as_tensor(job()).to(ours), ours, rtol=0, atol=1e-5, msg=name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="small sizes, to see that it runs")
    smoke = parser.parse_args().smoke
    sizes, k, c = ((250, 500, 1000), 20, 10) if smoke else ((12_500, 25_000, 50_000), 100, 10)
    print(f"BALD, K = {k}, C = {c}, float32, {torch.get_num_threads()} threads; medians of 3 interleaved runs")

    times: dict[str, list[float]] = {}
    for n in sizes:
        logs = torch.randn(n, k, c, generator=torch.Generator().manual_seed(0)).mul_(2).log_softmax(-1)
        jobs = jobs_of(logs)
        if n == sizes[0]:
            check(jobs)
        memory = {name: added_peak(job) for name, job in jobs.items()}
        took = seconds(jobs)
        print(f"\nN = {n:,}\n{'':34}{'seconds':>10}{'of ours':>10}{'of floor':>10}{'added MiB':>11}")
        for name in sorted(took, key=took.__getitem__):
            times.setdefault(name, []).append(took[name])
            print(
                f"{name:34}{took[name]:>10.4f}{took[name] / took[OURS]:>9.2f}x{took[name] / took[FLOOR]:>9.2f}x"
                f"{memory[name]:>11.1f}",
                flush=True,
            )
    print("\ngrowth of time with N: " + ", ".join(f"{name} {exponent(sizes, t):.2f}" for name, t in times.items()))


if __name__ == "__main__":
    main()
