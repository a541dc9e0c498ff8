"""Pools of points with stable ids, and the data sets that fill them."""

from bayesal.data.pool import Pool as Pool
