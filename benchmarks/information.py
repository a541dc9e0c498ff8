"""The information family against its peers and the machine: ``python -m benchmarks.information [--smoke] [JOB ...]``.

Every job runs ours and each peer that has the method in one process, on the same data, taking turns. The tables give
medians of at least three runs (fewer where one takes tens of seconds: column "runs") and the memory added at the peak;
with one thread, ratios are of processor seconds. The floor is what nobody can avoid (products, exponentials and
logarithms, bytes) at the ceilings of this device, measured at the start. Where ours and a peer compute the same thing,
they are compared at a small size first, and the run ends if they differ. Peers need minutes at full size, so some are
run at a smaller one, which is printed. They are optional: ``pip install 'bayesal[benchmark]'``.

On a GPU (``--device cuda``, the default where there is one) the same jobs run with tensors there, timed by CUDA events.
"""

import argparse
import sys

import torch

from benchmarks import _device as devices
from benchmarks._information.balance import BALANCE, BATCH_BALANCE, CLUSTERING
from benchmarks._information.bald import BALD
from benchmarks._information.balentacq import BALENTACQ
from benchmarks._information.batchbald import BATCHBALD
from benchmarks._information.compare import Line, compare, grow
from benchmarks._information.epig import EPIG
from benchmarks._information.gaussian import GAUSSIAN_EPIG, JOINT_BALD
from benchmarks._information.jepig import JEPIG_JOB
from benchmarks._information.kbald import TWO_BALD
from benchmarks._information.sampling import POWER, SOFTMAX, SOFTRANK
from benchmarks._information.subject import Setting, Subject

JOBS = (
    *(BALD, BATCHBALD, TWO_BALD, EPIG, JEPIG_JOB, BALANCE, BATCH_BALANCE, CLUSTERING, BALENTACQ),
    *(POWER, SOFTMAX, SOFTRANK, JOINT_BALD, GAUSSIAN_EPIG),
)
SUBJECTS: dict[str, Subject] = {job.name: job for job in JOBS}


def run(subject: Subject, ceilings: devices.Ceilings, rounds: int, smoke: bool) -> list[Line]:
    print(f"\n== {subject.name}", flush=True)
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


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.information",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("jobs", nargs="*", choices=[[], *SUBJECTS], metavar="JOB", help=", ".join(SUBJECTS))
    parser.add_argument("--smoke", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where there is a GPU")
    parser.add_argument("--runs", type=int, default=3, help="runs of each job (3); quick ones run more often")
    arguments = parser.parse_args()
    device, rounds = devices.chosen(arguments.device), 1 if arguments.smoke else max(1, arguments.runs)
    print(f"torch {torch.__version__}, Python {sys.version.split()[0]}, {devices.described(device)}")
    ceilings = devices.Ceilings.of(device, smoke=arguments.smoke)
    print(f"ceilings: {ceilings}", flush=True)
    lines = [
        line for name in arguments.jobs or SUBJECTS for line in run(SUBJECTS[name], ceilings, rounds, arguments.smoke)
    ]
    summary(lines)
    if arguments.smoke:
        print("a smoke run: at these sizes the seconds mean nothing")


if __name__ == "__main__":
    main()
