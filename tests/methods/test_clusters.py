"""Methods by clusters as they are called: from nothing, and with a model."""

import pytest
import torch
from torch import Generator, Tensor

from bayesal import Pool, methods
from bayesal.networks import MLP
from bayesal.posteriors import MCDropout
from bayesal.views import Inputs


def blobs(count: int = 6, each: int = 20) -> Tensor:
    g = Generator().manual_seed(0)
    return (8 * torch.randn(count, 1, 10, generator=g) + torch.randn(count, each, 10, generator=g)).flatten(0, 1)


@pytest.mark.parametrize("name", ["typiclust", "probcover", "kmeans"])
@pytest.mark.parametrize("features", ["pca", "inputs", Inputs()])
def test_before_anything_is_labelled_every_cluster_gives_one_point(name: str, features: object) -> None:
    pool = Pool.of(blobs())
    selection = getattr(methods, name)(features)(None, pool, 6, generator=Generator().manual_seed(0))
    assert sorted(int(key) // 20 for key in selection.ids) == [0, 1, 2, 3, 4, 5]


def test_kmeans_without_a_belief_says_what_it_looked_at() -> None:
    selection = methods.kmeans()(None, Pool.of(blobs()), 6, generator=Generator().manual_seed(0))
    assert sorted(int(key) // 20 for key in selection.ids) == [0, 1, 2, 3, 4, 5]
    assert "nothing is believed yet" in selection.notes[0]
    assert "Principal(" in selection.notes[0]


@pytest.mark.parametrize("name", ["typiclust", "probcover"])
def test_what_is_labelled_is_left_alone(name: str) -> None:
    pool = Pool.of(blobs(), labels={0: 0, 25: 1, 110: 5})
    method = methods.typiclust(max_clusters=6) if name == "typiclust" else methods.probcover(num_clusters=6)
    selection = method(None, pool, 3, generator=Generator().manual_seed(0))
    assert sorted(int(key) // 20 for key in selection.ids) == [2, 3, 4]


def test_labels_of_text_do_not_matter_to_methods_that_look_at_points() -> None:
    pool = Pool.of(blobs(), labels={0: "cat", 25: "dog"})
    for name in ("typiclust", "kmeans"):
        assert len(getattr(methods, name)("pca")(None, pool, 3, generator=Generator().manual_seed(0))) == 3


def test_cluster_margin_chooses_among_the_least_margins() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        belief = MCDropout(MLP(10, 3, hidden=(8,), dropout=0.5))
    pool = Pool.of(blobs(), labels={0: 0})
    unsure = methods.margin()(belief, pool, 12, generator=Generator().manual_seed(0))
    chosen = methods.cluster_margin(times=3)(belief, pool, 4, generator=Generator().manual_seed(0))
    assert set(chosen.ids) <= set(unsure.ids)
    assert [pool.unlabelled[p] for p in chosen.positions] == list(chosen.ids)


def test_features_and_settings_are_in_the_recipe() -> None:
    assert "SelfSupervised(" in repr(methods.typiclust("self_supervised"))
    assert "purity=0.5, num_clusters=10" in repr(methods.probcover())
    assert "purity=0.95, num_clusters=3" in repr(methods.probcover(purity=0.95, num_clusters=3))


def test_features_that_are_none_get_a_sentence() -> None:
    with pytest.raises(
        ValueError, match="there are no features 'resnet'; there are belief, inputs, pca, self_supervised"
    ):
        methods.typiclust("resnet")
    with pytest.raises(ValueError, match="NoneType shows no features"):
        methods.typiclust("belief")(None, Pool.of(blobs()), 2, generator=Generator())
