"""Speed and memory against peers and against the machine's limit: ``python -m benchmarks [NAME ...] [--smoke]``."""
