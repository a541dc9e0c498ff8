"""The real data sets that come with scikit-learn: no network, no files."""

from typing import Any

import numpy as np
import torch

from bayesal.data.dataset import DataSet
from bayesal.data.split import split
from bayesal.data.uci import table

SHIPPED_TEST_FRACTION = 0.3  # digits: 539 of 1,797; diabetes: 133 of 442


def digits(seed: int) -> DataSet:
    """1,797 handwritten digits, ``1 8 8`` with pixels between 0 and 1; a seeded 30 % are the test part."""
    from sklearn.datasets import load_digits

    shipped: Any = load_digits()
    images, labels = shipped.images, shipped.target
    whole = DataSet(
        name="digits",
        inputs=torch.from_numpy(images.astype(np.float32)).div(16).unsqueeze(1),
        labels=torch.from_numpy(labels.astype(np.int64)),
        kind="classification",
        class_names=tuple("0123456789"),
        ids=np.arange(len(labels)),
        image=True,
        source="scikit-learn load_digits",
        note="pixels scaled to 0 ... 1; ids are rows of the table",
    )
    return split(whole, test_fraction=SHIPPED_TEST_FRACTION, seed=seed)


def diabetes(seed: int) -> DataSet:
    """442 patients, ten raw measurements, disease progression after a year; a seeded 30 % are the test part."""
    from sklearn.datasets import load_diabetes

    # The raw measurements: scikit-learn's own scaling has seen the rows that become the test part.
    shipped: Any = load_diabetes(scaled=False)
    whole = table("diabetes", shipped.data, shipped.target, "scikit-learn load_diabetes")
    return split(whole, test_fraction=SHIPPED_TEST_FRACTION, seed=seed)
