"""Networks that runs of evidence take by name: ``--posterior benchmarks.networks:small_cnn``."""

from bayesal.networks import SmallCNN


def small_cnn() -> SmallCNN:
    """For 28 x 28 grey images of ten classes: a tenth of the work of the protocol's network, dropout in the head."""
    return SmallCNN(10, image_size=28, width=8, hidden=64, dropout=0.5)


def small_cnn_of_six() -> SmallCNN:
    """The same for six classes."""
    return SmallCNN(6, image_size=28, width=8, hidden=64, dropout=0.5)
