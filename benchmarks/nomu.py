"""NOMU against a Gaussian process, deep ensembles and MC dropout: ``python -m benchmarks nomu [--smoke]``.

Functions of one input, each known at eight points; tables, each known at 100 rows; and Bayesian optimisation. Prints
Markdown tables of means over seeds ± half of a 95 % interval (Student's t). Labels are standardised, so that errors,
densities (nats) and widths compare. The tables need ``$BAYESAL_DATA`` or a network; without, others stand in.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from scipy.stats import t as student
from torch import Generator

from benchmarks._nomu.beliefs import BELIEFS, Score
from benchmarks._nomu.functions import FUNCTIONS, Problem, friedman, of_table
from benchmarks._nomu.optimisation import METHODS, STARTS, regrets

TABLES = ("concrete", "energy", "yacht")
ROWS = 100
OPTIMISED = ("Branin", "Levy 5-d")


def tables() -> dict[str, Callable[[int], Problem]]:
    try:
        of_table(TABLES[0], 2, 0)
    except ValueError:
        return {"diabetes": partial(of_table, "diabetes", ROWS), "friedman": partial(friedman, ROWS)}
    return {name: partial(of_table, name, ROWS) for name in TABLES}


def stated(values: Sequence[float], digits: int = 2) -> str:
    """Mean ± half of the 95 % interval."""
    numbers = torch.tensor(values, dtype=torch.float64)
    if len(values) < 2:
        return f"{numbers.mean():.{digits}f}"
    half = student.ppf(0.975, len(values) - 1) * numbers.std().item() / len(values) ** 0.5
    return f"{numbers.mean():.{digits}f} ± {half:.{digits}f}"


def bands(title: str, problems: dict[str, Callable[[int], Problem]], seeds: int, smoke: bool) -> None:
    columns = "data | belief | RMSE | NLPD | NLPD at the best c | in the 95 % bands | width that holds 95 % | s"
    print(f"\n### {title}\n\n| {columns} |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, problem in problems.items():
        for belief, learn in BELIEFS.items():
            start, scores = time.process_time(), []
            for seed in range(seeds):
                given = problem(seed)
                scores.append(Score.of(learn(given, Generator().manual_seed(seed), smoke), given.test_labels))
            seconds = (time.process_time() - start) / seeds
            cells = " | ".join(stated(column) for column in zip(*scores, strict=True))
            print(f"| {name} | {belief} | {cells} | {seconds:.1f} |", flush=True)


def optimisation(seeds: int, steps: int, smoke: bool) -> None:
    shown = [0, steps // 4, steps // 2, steps]
    print("\n### Regret of Bayesian optimisation\n")
    print(f"| function | method | {' | '.join(f'after {step} steps' for step in shown)} | s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in OPTIMISED:
        for method in METHODS:
            start = time.process_time()
            curves = [regrets(name, method, steps, seed, smoke) for seed in range(seeds)]
            seconds = (time.process_time() - start) / seeds
            cells = " | ".join(stated([curve[step] for curve in curves], 3) for step in shown)
            label = f"{name} ({STARTS[name][1]} points to start with)"
            print(f"| {label} | {method} | {cells} | {seconds:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nomu", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--seeds", type=int, default=3, help="repetitions (3)")
    parser.add_argument("--steps", type=int, default=24, help="of optimisation (24)")
    arguments = parser.parse_args()
    smoke, seeds = arguments.smoke, 2 if arguments.smoke else arguments.seeds
    functions = dict(list(FUNCTIONS.items())[:1]) if smoke else FUNCTIONS
    bands("Functions of one input, known at eight points", functions, seeds, smoke)
    some = tables()
    bands(f"Tables, known at {ROWS} rows", dict(list(some.items())[:1]) if smoke else some, seeds, smoke)
    optimisation(seeds, 2 if smoke else arguments.steps, smoke)
    if smoke:
        print("\na smoke run: trainings this short mean nothing")


if __name__ == "__main__":
    main()
