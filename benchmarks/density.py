"""Densities of rows and batches by density: ``python -m benchmarks.density [--smoke] [JOB ...]``.

DACS with hashes, which is linear in N, against exact densities, plain k-center, and all pairs at once. Every job runs
in one process on the same data, taking turns. No library that we know of has the method, so the peers are its parts and
plain code from the formulas; where they compute the same thing, they are compared in float64 at a small size first.

Letters: N points, D features, L labelled rows that are given, B batch.
"""

from benchmarks._density.dacs import DACS, DACS_EXACT
from benchmarks._density.neighbours import DENSITY
from benchmarks._subjects.command import command

JOBS = (DENSITY, DACS, DACS_EXACT)

if __name__ == "__main__":
    command("benchmarks.density", __doc__, JOBS)
