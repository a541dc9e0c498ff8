"""For each posterior of the table: what makes its default learner for a data set, ``(given) -> learner``."""
