"""The parts of ``benchmarks.bmdal``."""
