"""Pools of points with stable ids, and the data sets that fill them."""

from bayesal.data.dataset import DataSet as DataSet
from bayesal.data.datasets import load as load
from bayesal.data.pool import Pool as Pool
