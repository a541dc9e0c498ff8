"""Running a subject: agreement, interleaved medians, memory, the floor, growth, and the goals."""

import gc
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from operator import attrgetter
from statistics import median
from typing import Any

import torch

from benchmarks._compare import Job
from benchmarks._device import Ceilings, Time, counted, peak, timed
from benchmarks._measure import exponent
from benchmarks._subjects.subject import Case, Setting, Size, Subject

OURS = "bayesal"
ENOUGH = 0.5  # seconds of runs that make a median of a quick job trustworthy
MOST = 15  # runs of a quick job
LONG = 1.0  # seconds; the first run of such a job is as good as any


@dataclass
class Runs:
    """The times of one job, its peak of memory and what it returned."""

    job: Job
    device: torch.device
    patience: float
    times: list[Time] = field(default_factory=list)
    mib: float = 0.0
    result: Any = None

    def first(self) -> None:
        def keep() -> None:
            self.result = self.job()

        self.mib = peak(lambda: self.times.append(timed(keep, self.device)), self.device)
        if self.seconds < LONG:
            self.times.clear()  # it warmed the caches

    def again(self, rounds: int) -> bool:
        """One more run, if another is wanted."""
        spent = sum(counted(each, self.device) for each in self.times)
        wanted = MOST if spent < ENOUGH and rounds > 1 else rounds
        if len(self.times) >= wanted or spent > self.patience:
            return False
        self.times.append(timed(self.job, self.device))
        return True

    def median(self, of: Callable[[Time], float]) -> float:
        return median(of(each) for each in self.times)

    @property
    def seconds(self) -> float:
        return self.median(lambda each: counted(each, self.device))


def measured(jobs: Mapping[str, Job], device: torch.device, rounds: int, patience: float) -> dict[str, Runs]:
    """Every job at least once, taking turns, so that a busy moment of the machine does not hit one alone."""
    runs = {name: Runs(job, device, patience) for name, job in jobs.items()}
    gc.collect()
    gc.freeze()  # a peer that collects garbage in each call should not pay for what others imported
    for each in runs.values():
        each.first()
    wanting = list(runs.values())
    while wanting:
        wanting = [each for each in wanting if each.again(rounds)]
    return runs


@dataclass(frozen=True)
class Line:
    """One line of the summary."""

    subject: str
    size: str
    seconds: float
    of_floor: float
    mib: float
    peers: Mapping[str, float]
    goals: str


def shown(size: Size) -> str:
    return " ".join(f"{letter}={value:,}" for letter, value in size.items())


def compare(subject: Subject, setting: Setting, ceilings: Ceilings, rounds: int, failing: Set[str]) -> Line:
    case = subject.build(setting.size, ceilings.device)
    without = setting.without | failing
    wanted = {name: job for name, job in case.peers.items() if setting.peers and name not in without}
    jobs = {OURS: case.ours, **wanted}
    runs = measured(jobs, ceilings.device, rounds, setting.patience)
    ours, floors = runs[OURS], {name: work.seconds(ceilings) for name, work in case.floors.items()}
    floor = next(iter(floors.values()))

    print(f"\n{subject.title}: {shown(setting.size)}")
    print(f"  {'':44}{'s':>10}{'CPU s':>10}{'of ours':>9}{'of floor':>10}{'MiB':>9}{'runs':>5}")
    for name, each in sorted(runs.items(), key=lambda pair: pair[1].seconds):
        wall, processor = each.median(attrgetter("wall")), each.median(attrgetter("processor"))
        ratios = f"{each.seconds / ours.seconds:>8.2f}x{each.seconds / floor:>9.2f}x"
        told = f"  {case.tells(each.result)}" if case.tells else ""
        print(f"  {name:44}{wall:>10.4f}{processor:>10.4f}{ratios}{each.mib:>9.1f}{len(each.times):>5}{told}")
    for name, work in case.floors.items():
        reached = f"ours reaches {work.of_ceilings(ours.seconds, ceilings)}"
        if floors[name] > ours.seconds:
            reached = f"ours leaves out at least {1 - ours.seconds / floors[name]:.0%} of it"
        print(f"  floor, {name}: {floors[name]:.4f} s ({work}); {reached}", flush=True)
    return Line(
        subject.name,
        shown(setting.size),
        ours.seconds,
        ours.seconds / floor,
        ours.mib,
        {name: each.seconds / ours.seconds for name, each in runs.items() if name != OURS},
        _goals(setting, runs),
    )


def _goals(setting: Setting, runs: Mapping[str, Runs]) -> str:
    told = [
        f"{goal:g} x {name} {_met(runs[name].seconds >= goal * runs[OURS].seconds)}"
        for name, goal in setting.goals.items()
        if name in runs
    ]
    if setting.most_mib is not None:
        told.append(f"< {setting.most_mib:g} MiB {_met(runs[OURS].mib < setting.most_mib)}")
    if setting.most_processor_seconds is not None:
        spent = runs[OURS].median(attrgetter("processor"))
        told.append(
            f"< {setting.most_processor_seconds:g} processor seconds {_met(spent < setting.most_processor_seconds)}"
        )
    return ", ".join(told)


def _met(yes: bool) -> str:
    return "met" if yes else "NOT met"


def grow(subject: Subject, ceilings: Ceilings, rounds: int, growth: Mapping[str, Sequence[int]], base: Size) -> None:
    """Ours at several sizes of one letter, the others fixed: seconds, memory, and the exponents of both."""
    print(f"  growth of ours, from {shown(base)}")
    for letter, values in growth.items():
        cases: dict[str, Case] = {f"{v:,}": subject.build({**base, letter: v}, ceilings.device) for v in values}
        ours = {value: case.ours for value, case in cases.items()}
        runs = list(measured(ours, ceilings.device, rounds, Setting.patience).values())
        seconds, mib = [each.seconds for each in runs], [max(1.0, each.mib) for each in runs]
        floors = [next(iter(case.floors.values())).seconds(ceilings) for case in cases.values()]
        powers = [f"^{exponent(values, costs):.2f}" for costs in (seconds, floors, mib)]
        times, memory = " ".join(f"{each:.4f}" for each in seconds), " ".join(f"{each:.0f}" for each in mib)
        print(
            f"    {letter} {' '.join(cases):26}{times} s, {powers[0]} (floor {powers[1]}); {memory} MiB, {powers[2]}",
            flush=True,
        )
