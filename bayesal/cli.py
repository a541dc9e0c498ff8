"""The command line: thin doors to the rooms behind. Nothing heavy is imported before a command needs it."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import bayesal
from bayesal.bench.shell import Sentences, Task, say

app = typer.Typer(
    cls=Sentences,
    name="bayesal",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    epilog="Start with [bold]bayesal demo[/]. Every command takes --smoke (shrink it to seconds) where it computes, "
    "and --debug (show where an error comes from).",
)


class Part(StrEnum):
    posterior = "posterior"
    acquisition = "acquisition"
    rule = "rule"


DATA = (
    "A name ([bold]digits, diabetes, mnist, fashion-mnist[/], a UCI table: see the documentation) or the path of a "
    ".npz, .parquet or .csv file or a folder of images."
)
Data = Annotated[str, typer.Argument(help=DATA, show_default=False)]
OptionalData = Annotated[str | None, typer.Argument(help=DATA, show_default=False)]
Words = Annotated[
    list[str] | None, typer.Argument(help="Only those that these words are all said of.", show_default=False)
]
Target = Annotated[str | None, typer.Option(help="The column (or array) of the labels, in a file of your own.")]
Cost = Annotated[
    str | None,
    typer.Option(help="The column (or array) of what each point's label costs, in a table or .npz file of your own."),
]
Kind = Annotated[str | None, typer.Option(help="classification or regression; by default told from the labels.")]
Posterior = Annotated[
    str | None,
    typer.Option(
        help="A name of [bold]bayesal posteriors[/] or your module:name, the same for every method; by default what "
        "the methods need, else mc-dropout."
    ),
]
Network = Annotated[
    str | None, typer.Option(help="module:name of what makes your network, for posteriors that take one.")
]
Hypotheses = Annotated[int | None, typer.Option("--hypotheses", "-K", help="Functions drawn from the posterior.")]
Smoke = Annotated[bool, typer.Option("--smoke", help="Shrink everything to a few seconds, to see that it works.")]
Workers = Annotated[int | None, typer.Option(help="Studies at the same time; by default one a core.")]
Out = Annotated[Path | None, typer.Option(help="Where to write.")]
Run = Annotated[Path | None, typer.Option(help="The folder of a finished run, whose data and model are used.")]
Seed = Annotated[int | None, typer.Option(help="Of the training, the hypotheses and the choice.")]


def _version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"bayesal {bayesal.__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from, in any command.")] = False,
) -> None:
    """Label less, know more: Bayesian active learning, compared honestly with asking at random."""


@app.command(epilog="[bold]bayesal demo[/] · [bold]bayesal demo --smoke --out /tmp/demo[/]")
def demo(
    out: Annotated[Path, typer.Option(help="Where to write.")] = Path("runs/demo"),
    workers: Workers = None,
    smoke: Smoke = False,
) -> None:
    """BatchBALD against BALD top-k and random on scikit-learn's digits: 5 paired seeds, under 2 minutes on 2 cores."""
    from bayesal.bench.protocol import DEMO

    _run({**DEMO, "out": str(out), "workers": workers, "smoke": smoke})


@app.command(
    epilog="[bold]bayesal run digits --method batchbald --method bald --budget 120[/]\n\n"
    "[bold]bayesal run diabetes --posterior ensemble --method variance[/]\n\n"
    "[bold]bayesal run my.csv --target species --method powerbald --seeds 10 --out runs/mine[/]\n\n"
    "[bold]bayesal run my.csv --target species --cost euros --method bald --budget 500[/]: labels have prices\n\n"
    "[bold]bayesal run --config runs/demo/config.yaml[/] repeats a run exactly. "
    "Killed or interrupted? The same line continues."
)
def run(
    data: OptionalData = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file of these settings; flags go before it.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; by default runs/DATA.")] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="A name of [bold]bayesal methods[/] or your module:name; repeatable.")
    ] = None,
    posterior: Posterior = None,
    network: Network = None,
    batch_size: Annotated[int | None, typer.Option(help="Labels asked in a round.")] = None,
    budget: Annotated[
        float | None,
        typer.Option(help="Labels in all at the end, the initial ones included; with --cost, what they cost in all."),
    ] = None,
    initial: Annotated[int | None, typer.Option(help="Labels at the start.")] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="The method that chooses the initial labels where nothing is known, e.g. random or typiclust, the "
            "same for every method; by default they are balanced."
        ),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Repetitions, paired over the methods.")] = None,
    first_seed: Annotated[int | None, typer.Option(help="The first of the seeds; the others follow.")] = None,
    baseline: Annotated[str | None, typer.Option(help="The method to compare with.")] = None,
    no_baseline: Annotated[bool, typer.Option("--no-baseline", help="Compare with nothing.")] = False,
    target: Target = None,
    cost: Cost = None,
    task: Kind = None,
    hypotheses: Hypotheses = None,
    test_hypotheses: Annotated[int | None, typer.Option(help="Functions averaged on the test points.")] = None,
    configurations: Annotated[int | None, typer.Option(help="Joint label configurations sampled.")] = None,
    validation: Annotated[int | None, typer.Option(help="Labels held out to stop training early.")] = None,
    pool_size: Annotated[int | None, typer.Option(help="Keep a random part of the pool.")] = None,
    test_size: Annotated[int | None, typer.Option(help="Keep a random part of the test points.")] = None,
    repeat: Annotated[int | None, typer.Option(help="Copies of every pool point (repeated MNIST).")] = None,
    noise: Annotated[float | None, typer.Option(help="Noise added to each copy.")] = None,
    relevant: Annotated[
        list[int] | None, typer.Option(help="A class that is tested; the others become one, in the pool only.")
    ] = None,
    rare: Annotated[list[int] | None, typer.Option(help="A class of which the pool keeps only a share.")] = None,
    rare_share: Annotated[float | None, typer.Option(help="That share; by default 0.1.")] = None,
    strange: Annotated[
        list[int] | None,
        typer.Option(help="A class nobody can label, in the pool only: asking for it costs an answer; repeatable."),
    ] = None,
    distinct: Annotated[
        float | None,
        typer.Option(help="Set aside points that are this alike (cosine, 0 to 1) before a method chooses."),
    ] = None,
    label_noise: Annotated[
        float | None, typer.Option(help="The share of answers that are wrong; initial and test labels are right.")
    ] = None,
    repeat_answers: Annotated[
        int | None, typer.Option(help="Annotators asked until most agree; the budget counts each answer.")
    ] = None,
    targets: Annotated[int | None, typer.Option(help="Target inputs of EPIG and JEPIG in a round.")] = None,
    epochs: Annotated[int | None, typer.Option(help="At most.")] = None,
    epoch_size: Annotated[int | None, typer.Option(help="Points drawn in an epoch.")] = None,
    train_batch_size: Annotated[int | None, typer.Option(help="Points in a step of the training.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of Adam.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Of Adam.")] = None,
    patience: Annotated[int | None, typer.Option(help="Epochs without a better validation loss.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of a worker; part of the recipe.")] = None,
    workers: Workers = None,
    smoke: Smoke = False,
) -> None:
    """Compare methods with asking at random, on any data set, and write an honest report."""
    training = {
        "epochs": epochs,
        "epoch_size": epoch_size,
        "batch_size": train_batch_size,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "patience": patience,
    }
    flags = {
        "data": data,
        "target": target,
        "cost": cost,
        "task": task,
        "posterior": posterior,
        "network": network,
        "methods": method or None,
        "baseline": baseline,
        "batch_size": batch_size,
        "budget": int(budget) if budget is not None and budget.is_integer() else budget,
        "initial": initial,
        "start": start,
        "seeds": seeds,
        "first_seed": first_seed,
        "num_hypotheses": hypotheses,
        "test_hypotheses": test_hypotheses,
        "num_configurations": configurations,
        "validation": validation,
        "pool_size": pool_size,
        "test_size": test_size,
        "repeat": repeat,
        "noise": noise,
        "relevant": relevant or None,
        "rare": rare or None,
        "rare_share": rare_share,
        "strange": strange or None,
        "distinct": distinct,
        "label_noise": label_noise,
        "repeat_answers": repeat_answers,
        "num_targets": targets,
        "training": {name: value for name, value in training.items() if value is not None} or None,
        "threads": threads,
        "workers": workers,
        "smoke": smoke or None,
        "out": str(out) if out else None,
    }
    given = {name: value for name, value in flags.items() if value is not None}
    if no_baseline:
        given["baseline"] = None
    from bayesal.bench.config import override, read_settings

    settings, changed = override(read_settings(config) if config else {}, given)
    if changed:
        say(f"From the command line, before {config}: " + ", ".join(changed))
    _run(settings)


@app.command(epilog="[bold]bayesal methods k-means[/] · [bold]bayesal methods regression kirsch[/]")
def methods(words: Words = None) -> None:
    """The table of methods: names for --method, what they do and need, and their papers."""
    from bayesal.bench.shell import catalogue
    from bayesal.methods import describe

    rows = [(r.name, r.summary, (r.tasks, f"needs {r.needs}", r.paper)) for r in describe()]
    catalogue("methods", rows, words or [])


@app.command(epilog="[bold]bayesal posteriors laplace[/] · [bold]bayesal posteriors regression[/]")
def posteriors(words: Words = None) -> None:
    """The table of posteriors: names for --posterior, what they need, and their papers."""
    from bayesal.bench.posteriors import POSTERIORS
    from bayesal.bench.shell import catalogue

    catalogue("posteriors", [(p.name, p.needs, (p.tasks, p.paper)) for p in POSTERIORS], words or [])
    say("")
    say("Your own, as module:name: a function that makes a network (trained anew in each round, for MC dropout), or a")
    say("learner, called with (pool, generator). For score and select also a posterior that needs no training.")


@app.command(
    epilog="[bold]bayesal doctor my_models:make_net[/] · [bold]bayesal doctor my_models:posterior --inputs x.npy[/]"
    " · [bold]bayesal doctor mine:my_score --as acquisition[/]"
)
def doctor(
    target: Annotated[str, typer.Argument(help="module:name of a network, a posterior, or a function making one.")],
    inputs: Annotated[Path | None, typer.Option(help="Some points, in a .npy or .npz file.")] = None,
    task: Annotated[Task, typer.Option(help="What a network's outputs mean.")] = Task.classification,
    part: Annotated[Part, typer.Option("--as", help="What the target is.")] = Part.posterior,
) -> None:
    """Check a model or posterior of your own against the laws active learning needs; exit code 1 if one is broken."""
    from bayesal.bench.doctor import examine
    from bayesal.bench.shell import table

    findings = examine(target, part=part.value, task=task.value, inputs=inputs)
    words = [("to know" if f.warning else "holds") if f.passed else "BROKEN" for f in findings]
    table(target, ("law", "", "finding"), [(f.law, word, f.sentence) for f, word in zip(findings, words, strict=True)])
    broken = words.count("BROKEN")
    say(f"{broken} of {len(findings)} laws are broken." if broken else f"All {len(findings)} laws hold.")
    if broken:
        raise typer.Exit(1)


@app.command(
    epilog="[bold]bayesal score my.csv --target species[/] · [bold]bayesal score --run runs/demo[/] · "
    "[bold]bayesal score points.npy --posterior my_models:posterior --out scores.parquet[/]"
)
def score(
    data: OptionalData = None,
    run: Run = None,
    method: Annotated[str | None, typer.Option(help="Whose study, with --run; by default the first method's.")] = None,
    target: Target = None,
    task: Kind = None,
    posterior: Posterior = None,
    hypotheses: Hypotheses = None,
    seed: Seed = None,
    out: Annotated[Path, typer.Option(help="A .csv or .parquet file.")] = Path("scores.csv"),
    smoke: Smoke = False,
) -> None:
    """Score every unlabelled point: what is predicted, how surely, and what its label would tell."""
    situation = _situation(
        data,
        run,
        seed,
        {"smoke": smoke},
        methods=method,
        target=target,
        task=task,
        posterior=posterior,
        num_hypotheses=hypotheses,
    )
    from bayesal.bench.choose import score as scores
    from bayesal.bench.choose import write_table
    from bayesal.bench.shell import frame_table

    frame = scores(situation, seed=seed or 0)
    write_table(frame, out)
    say(f"{situation.note[0].upper()}{situation.note[1:]}.")
    shown = [name for name in ("id", "prediction", "probability", "sd", "bald", "entropy") if name in frame]
    frame_table("The ten most informative", frame[shown].head(10))
    say(f"Wrote the scores of {len(frame)} unlabelled points to {out}.")


@app.command(
    epilog="[bold]bayesal select my.csv --target species --method batchbald --batch-size 10[/]: rows whose species is "
    "empty are to be labelled\n\n[bold]bayesal select photos/[/] · [bold]bayesal select --run runs/demo[/] · "
    "[bold]bayesal select points.npy --posterior my_models:posterior --method bald[/]"
)
def select(
    data: OptionalData = None,
    run: Run = None,
    method: Annotated[str | None, typer.Option(help="A name of [bold]bayesal methods[/] or your module:name.")] = None,
    batch_size: Annotated[int, typer.Option(help="How many to label next.")] = 10,
    target: Target = None,
    cost: Cost = None,
    task: Kind = None,
    posterior: Posterior = None,
    hypotheses: Hypotheses = None,
    seed: Seed = None,
    out: Annotated[
        Path | None, typer.Option(help="A .csv or .parquet file; by default next.csv, or next-2.csv ...")
    ] = None,
    smoke: Smoke = False,
) -> None:
    """Choose what to label next: train on what is labelled, and print the ids of the best batch."""
    situation = _situation(
        data,
        run,
        seed,
        {"batch_size": batch_size, "smoke": smoke},
        methods=method,
        target=target,
        cost=cost,
        task=task,
        posterior=posterior,
        num_hypotheses=hypotheses,
    )
    from bayesal.bench.choose import select as selected
    from bayesal.bench.choose import unused, write_table
    from bayesal.bench.shell import frame_table

    frame, notes = selected(situation, method or situation.config.methods[0], batch_size, seed=seed or 0)
    path = unused(out or Path("next.csv"))
    write_table(frame, path)
    for note in (*notes, situation.data.note):
        say(f"{note[:1].upper()}{note[1:]}.")
    frame_table("Label these next", frame)
    say(f"Wrote {path}.")


@app.command(epilog="[bold]bayesal report runs/demo[/]")
def report(
    folder: Annotated[Path, typer.Argument(help="The folder of a run.")],
    baseline: Annotated[
        str | None, typer.Option(help="Compare with another method of the run; by default the run's own baseline.")
    ] = None,
) -> None:
    """Write the report of a finished run anew, from its tables."""
    from bayesal.bench.report import write_report
    from bayesal.bench.results import against, load
    from bayesal.bench.verdict import verdict

    outcome = load(folder)
    if baseline is not None:
        outcome = against(outcome, baseline)
        for sentence in verdict(outcome):
            say(sentence)
    write_report(outcome, folder)
    say(f"Wrote {folder / 'report.html'}")


def _situation(
    data: str | None, run: Path | None, seed: int | None, sizes: dict[str, Any], *, methods: str | None, **flags: Any
) -> Any:
    """``sizes`` are taken where the run does not say its own, ``flags`` only where there is none."""
    from bayesal.bench.config import configure

    if (data is None) == (run is None):
        raise ValueError("name either DATA or, with --run, the folder of a finished run")
    given = {name: value for name, value in flags.items() if value is not None}
    if run is not None:
        if given:
            raise ValueError(f"with --run the {', '.join(given)} of the run is taken; leave it out")
        from bayesal.bench.situation import from_run

        return from_run(run, method=methods, seed=seed)
    config = configure({"data": data, **sizes, **({"methods": [methods]} if methods else {}), **given})
    from bayesal.bench.situation import from_data

    return from_data(config, seed=seed or 0)


def _run(settings: dict[str, Any]) -> None:
    from bayesal.bench.config import configure

    config = configure(settings)  # before torch is imported: a mistake is told at once
    from bayesal.bench.experiment import run_experiment
    from bayesal.bench.verdict import verdict

    outcome, folder = run_experiment(config, Console())
    for sentence in verdict(outcome):
        say(sentence)
    say(f"Report: {folder / 'report.html'}; curve, tables and recipe are beside it.")
