"""Made-up outcomes with known effects: three methods, five seeds, a made-up data set of little pictures."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from bayesal.bench.results import ASKED, Outcome

SPEED = {"batchbald": 0.045, "bald": 0.031, "random": 0.03}


def classification(
    methods=("batchbald", "bald", "random"), seeds=5, rounds=13, batch=10, classes=10, images=True, names=None
) -> Outcome:
    """Accuracy rises as 1 - exp(-speed · labels): BatchBALD fast, BALD and random alike."""
    rng = np.random.default_rng(0)
    results, labels = [], []
    luck = rng.normal(0, 0.012, seeds)
    for method in methods:
        for seed in range(seeds):
            for number in range(rounds):
                known = 20 + batch * number
                accuracy = 0.98 - 0.42 * np.exp(-SPEED.get(method, 0.03) * (known - 20)) + luck[seed]
                accuracy += rng.normal(0, 0.006) if number else 0  # every method starts from the same labels
                results.append(
                    {
                        "method": method,
                        "seed": seed,
                        "round": number,
                        "labels": known,
                        "accuracy": float(np.clip(accuracy, 0, 1)),
                        "nll": float(2.5 * (1 - accuracy)),
                        "seconds_learn": 0.4 + 0.01 * number,
                        "seconds_select": {"batchbald": 0.9, "bald": 0.2}.get(method, 0.0005),
                        "seconds_evaluate": 0.05,
                        "peak_memory_mib": 310.0 + number,
                    }
                )
                labels += _asked(method, seed, number, batch, classes, rng) if number < rounds - 1 else []
    table = pd.DataFrame(labels, columns=list(ASKED))
    pixels = digits().images.astype(np.float32) / 16
    shown = {id_: pixels[int(id_[6:])] for id_ in table["id"].unique()} if images else None
    return Outcome(
        config=config(methods, seeds, 20 + batch * (rounds - 1)),
        results=pd.DataFrame(results),
        labels=table,
        manifest=manifest(classes),
        images=shown,
        class_names=names or [str(number) for number in range(classes)],
    )


def regression(methods=("variance", "random"), seeds=5, rounds=10, faster=1.6) -> Outcome:
    """RMSE falls from 80 towards 50; ``variance`` is ``faster`` times as fast as random."""
    rng = np.random.default_rng(1)
    results, labels = [], []
    for method in methods:
        for seed in range(seeds):
            for number in range(rounds):
                speed = 0.025 * (faster if method != "random" else 1)
                rmse = 50 + 30 * np.exp(-speed * 10 * number) + rng.normal(0, 0.5)
                results.append(
                    {
                        "method": method,
                        "seed": seed,
                        "round": number,
                        "labels": 10 + 10 * number,
                        "rmse": rmse,
                        "nll": 5.0,
                    }
                )
                for order in range(10 if number < rounds - 1 else 0):
                    id_ = int(rng.integers(10_000))
                    score = float(rng.uniform()) if method != "random" else np.nan
                    labels.append(
                        {"method": method, "seed": seed, "round": number, "order": order, "id": id_}
                        | {"label": float(rng.normal(150, 70)), "score": score, "gain": score}
                    )
    facts = manifest(0) | {"data": {"name": "diabetes", "source": "scikit-learn", "task": "regression"}}
    return Outcome(config(methods, seeds, 100), pd.DataFrame(results), pd.DataFrame(labels, columns=list(ASKED)), facts)


def config(methods, seeds, budget) -> dict:
    return {
        "data": "digits",
        "posterior": "mc-dropout",
        "methods": list(methods),
        "baseline": "random",
        "batch_size": 10,
        "budget": budget,
        "seeds": seeds,
        "num_hypotheses": 100,
        "training": {"epochs": 40, "learning_rate": 0.001, "patience": 5},
    }


def manifest(classes) -> dict:
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180][:classes]
    return {
        "data": {
            "name": "digits",
            "source": "scikit-learn",
            "task": "classification",
            "sizes": {"pool": 1297, "test": 500, "initial": 20},
            "class_counts": counts,
        },
        "versions": {"python": "3.11.9", "bayesal": "0.1.0", "torch": "2.13.0", "numpy": "2.4.6"},
        "machine": {"system": "Linux 6.1 x86_64", "cores": 2, "memory_gib": 24},
        "command": "bayesal demo",
        "started": "2026-11-20T12:00:00+00:00",
        "finished": "2026-11-20T12:01:41+00:00",
    }


@cache
def digits() -> Any:
    return load_digits()


def _asked(method, seed, number, batch, classes, rng) -> list[dict]:
    """BALD asks for few classes only; BatchBALD's gains fall within a batch; random has no scores."""
    answers = digits().target[:1297]
    wanted = np.isin(answers, [1, 3, 5, 8]) if method == "bald" else answers >= 0
    rows = []
    for order, position in enumerate(rng.choice(np.flatnonzero(wanted), batch, replace=False).tolist()):
        score = np.nan if method == "random" else float(0.9 * np.exp(-0.05 * number) * rng.uniform(0.8, 1))
        gain = score * (0.93**order if method == "batchbald" else 1)
        rows.append(
            {"method": method, "seed": seed, "round": number, "order": order, "id": f"digit {position:04d}"}
            | {"label": int(answers[position]) % classes, "score": score, "gain": gain}
        )
    return rows
