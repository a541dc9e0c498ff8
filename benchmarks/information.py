"""The information family against its peers and the machine: ``python -m benchmarks.information [--smoke] [JOB ...]``.

Every job runs ours and each peer that has the method in one process, on the same data, taking turns. The tables give
medians of at least three runs (fewer where one takes tens of seconds: column "runs") and the memory added at the peak;
with one thread, ratios are of processor seconds. The floor is what nobody can avoid (products, exponentials and
logarithms, bytes) at the ceilings of this device, measured at the start. Where ours and a peer compute the same thing,
they are compared at a small size first, and the run ends if they differ. Peers need minutes at full size, so some are
run at a smaller one, which is printed. They are optional: ``pip install 'bayesal[benchmark]'``.

On a GPU (``--device cuda``, the default where there is one) the same jobs run with tensors there, timed by CUDA events.
"""

from benchmarks._information.balance import BALANCE, BATCH_BALANCE, CLUSTERING
from benchmarks._information.bald import BALD
from benchmarks._information.balentacq import BALENTACQ
from benchmarks._information.batchbald import BATCHBALD
from benchmarks._information.epig import EPIG
from benchmarks._information.gaussian import GAUSSIAN_EPIG, JOINT_BALD
from benchmarks._information.jepig import JEPIG_JOB
from benchmarks._information.kbald import TWO_BALD
from benchmarks._information.sampling import POWER, SOFTMAX, SOFTRANK
from benchmarks._subjects.command import command

JOBS = (
    *(BALD, BATCHBALD, TWO_BALD, EPIG, JEPIG_JOB, BALANCE, BATCH_BALANCE, CLUSTERING, BALENTACQ),
    *(POWER, SOFTMAX, SOFTRANK, JOINT_BALD, GAUSSIAN_EPIG),
)

if __name__ == "__main__":
    command("benchmarks.information", __doc__, JOBS)
