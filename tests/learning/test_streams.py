"""Streams: what is drawn for one purpose shifts nothing else, and nothing global is left changed."""

import torch

from bayesal.learning.streams import Streams, seeded


def seeds(number: int, seed: int = 0) -> list[Streams]:
    generator = torch.Generator().manual_seed(seed)
    return [Streams.of(generator) for _ in range(number)]


def test_all_streams_differ() -> None:
    drawn = [seed for s in seeds(20) for seed in (s.initialisation, s.order, s.noise)]
    assert len(set(drawn)) == 60


def test_a_member_has_the_same_streams_in_an_ensemble_of_any_size() -> None:
    assert seeds(7)[:3] == seeds(3)
    assert seeds(3) != seeds(3, seed=1)


def test_inside_seeded_only_the_seed_counts() -> None:
    drawn = []
    for before in (1, 2):
        torch.manual_seed(before)
        with seeded(5):
            drawn.append(torch.rand(4))
    assert torch.equal(*drawn)
    with seeded(6):
        assert not torch.equal(torch.rand(4), drawn[0])


def test_seeded_leaves_the_global_generator_as_it_was() -> None:
    before = torch.get_rng_state()
    with seeded(5):
        torch.rand(4)
    assert torch.equal(torch.get_rng_state(), before)
