"""What a run's folder says about itself."""

import torch

from bayesal.bench.gather import _in_short, _small


def test_notes_that_differ_in_numbers_only_are_told_once():
    notes = [
        ("batchbald", 0, 1, "the gains add up to 3.86 of 3.91"),
        ("batchbald", 0, 2, "the gains add up to 3.70 of 3.91"),
        ("batchbald", 1, 0, "another thing"),
        ("kbald", 1, 0, "the gains add up to 3.70 of 3.91"),
    ]
    assert _in_short(notes) == [
        "batchbald, in 2 batches (first with seed 0 in round 1): the gains add up to 3.86 of 3.91",
        "batchbald, in 1 batch (first with seed 1 in round 0): another thing",
        "kbald, in 1 batch (first with seed 1 in round 0): the gains add up to 3.70 of 3.91",
    ]


def test_large_images_are_shown_small_and_small_ones_as_they_are():
    assert torch.equal(_small(torch.ones(2, 1, 8, 8)), torch.ones(2, 1, 8, 8))
    assert _small(torch.rand(2, 3, 300, 192)).shape == (2, 3, 96, 61)
