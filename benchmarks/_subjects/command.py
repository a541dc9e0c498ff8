"""The command line of a family of jobs: which ones, on which device, small or in full, and the summary at the end."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import torch

from benchmarks import _device as devices
from benchmarks._subjects.compare import Line, compare, grow
from benchmarks._subjects.subject import Setting, Subject


@torch.no_grad()
def command(
    name: str,
    description: str | None,
    jobs: Sequence[Subject],
    others: Mapping[str, Callable[[bool], None]] = MappingProxyType({}),
) -> None:
    """``python -m NAME [--smoke] [--device DEVICE] [--runs RUNS] [JOB ...]``.

    ``others``: jobs that compare nothing, by name; they are told whether this is a smoke run, and print for themselves.
    """
    subjects = {job.name: job for job in jobs}
    names = (*subjects, *others)
    parser = argparse.ArgumentParser(
        prog=f"python -m {name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("jobs", nargs="*", choices=[[], *names], metavar="JOB", help=", ".join(names))
    parser.add_argument("--smoke", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where there is a GPU")
    parser.add_argument("--runs", type=int, default=3, help="runs of each job (3); quick ones run more often")
    arguments = parser.parse_args()
    device, rounds = devices.chosen(arguments.device), 1 if arguments.smoke else max(1, arguments.runs)
    print(f"torch {torch.__version__}, Python {sys.version.split()[0]}, {devices.described(device)}")
    ceilings = devices.Ceilings.of(device, smoke=arguments.smoke)
    print(f"ceilings: {ceilings}", flush=True)
    lines: list[Line] = []
    for job in arguments.jobs or names:
        print(f"\n== {job}", flush=True)
        if job in others:
            others[job](arguments.smoke)
        else:
            lines += run(subjects[job], ceilings, rounds, arguments.smoke)
    summary(lines)
    if arguments.smoke:
        print("a smoke run: at these sizes the seconds mean nothing")


def run(subject: Subject, ceilings: devices.Ceilings, rounds: int, smoke: bool) -> list[Line]:
    failing = subject.check(ceilings.device)
    settings = [Setting(subject.small)] if smoke else subject.settings
    lines = [compare(subject, setting, ceilings, rounds, failing) for setting in settings]
    if smoke:
        doubled = {letter: (subject.small[letter], 2 * subject.small[letter]) for letter in subject.growth}
        grow(subject, ceilings, rounds, doubled, subject.small)
    else:
        grow(subject, ceilings, rounds, subject.growth, subject.base)
    return lines


def summary(lines: list[Line]) -> None:
    print(f"\n== summary\n{'job':17}{'size':44}{'s':>9}{'of floor':>10}{'MiB':>8}  peers, times ours; goals")
    for line in lines:
        peers = ", ".join(f"{name} {ratio:.1f}" for name, ratio in line.peers.items())
        numbers = f"{line.seconds:>9.4f}{line.of_floor:>9.1f}x{line.mib:>8.1f}"
        print(f"{line.subject:17}{line.size:44}{numbers}  {'; '.join(filter(None, (peers, line.goals)))}")
