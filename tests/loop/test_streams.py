import hashlib
import itertools

import torch

from bayesal.loop.streams import stream


def _draws(seed: int, round: int, purpose: str) -> tuple[float, ...]:
    return tuple(torch.rand(4, generator=stream(seed, round, purpose)).tolist())


def test_a_stream_is_the_same_whenever_it_is_asked_for():
    assert _draws(1, 2, "learn") == _draws(1, 2, "learn")


def test_streams_of_different_names_are_different():
    names = list(itertools.product(range(12), range(12), ["learn", "evaluate", "select 0", "select 1"]))
    assert len({_draws(*name) for name in names}) == len(names)
    assert _draws(1, 11, "learn") != _draws(11, 1, "learn")


def test_the_seed_of_a_stream_is_its_hash():
    expected = int(hashlib.sha256(b"5/3/learn").hexdigest()[:16], 16) // 2
    assert stream(5, 3, "learn").initial_seed() == expected


def test_the_global_generator_is_left_alone():
    before = torch.random.get_rng_state()
    stream(0, 0, "learn")
    assert torch.equal(before, torch.random.get_rng_state())
