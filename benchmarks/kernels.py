"""Gradients, Fisher information and kernels against peers: ``python -m benchmarks.kernels [--smoke] [JOB ...]``.

Every job runs ours and each peer that has the method in one process, on the same data, taking turns, on all cores. The
tables give medians of at least three runs (fewer where one takes tens of seconds: column "runs") and the memory added
at the peak. The floor is what nobody can avoid at the ceilings of this device, measured at the start. Where ours and a
peer compute the same thing, they are compared in float64 at a small size first, and the run ends if they differ; what
a batch is worth is printed for each ("ln det", "variance left", "radius"), computed in float64: float32 is not enough
for every peer. The peers are bmdal_reg and scikit-activeml (``pip install 'bayesal[benchmark]'``), and plain code from
the formulas. ``wide-pool`` prints how large a process gets with 200,000 rows of 512 numbers.

Letters: N points, D features, C classes, L labelled rows that are given, B batch, P numbers in a sketch.
"""

from benchmarks._kernels.badge import BADGE
from benchmarks._kernels.core_set import CORE_SET, CORE_SET_UNRELATED
from benchmarks._kernels.distance import KMEANS, LCMD_JOB, MAX_DIST
from benchmarks._kernels.fisher import FISHER
from benchmarks._kernels.frank_wolfe import FRANK_WOLFE
from benchmarks._kernels.gradients import GRADIENTS
from benchmarks._kernels.gradnorm import GRADNORM
from benchmarks._kernels.variance import BAIT_BACKWARD, BAIT_FORWARD, MAX_DET
from benchmarks._kernels.wide_pool import wide_pool
from benchmarks._subjects.command import command

JOBS = (
    *(MAX_DET, BAIT_FORWARD, BAIT_BACKWARD, FRANK_WOLFE, MAX_DIST, KMEANS, LCMD_JOB),
    *(BADGE, FISHER, CORE_SET, CORE_SET_UNRELATED, GRADIENTS, GRADNORM),
)

if __name__ == "__main__":
    command("benchmarks.kernels", __doc__, JOBS, {"wide-pool": wide_pool})
