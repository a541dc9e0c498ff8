"""The parts of ``benchmarks.nomu``."""
