"""Rows to positions: which B points to label, given what a view saw of each."""

from bayesal.selection.batchbald import BatchBALD as BatchBALD
from bayesal.selection.greedy import grow as grow
from bayesal.selection.power import power as power
from bayesal.selection.power import softmax as softmax
from bayesal.selection.power import softrank as softrank
from bayesal.selection.random import random as random
from bayesal.selection.top import top as top
