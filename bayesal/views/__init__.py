"""Views: a belief, prepared once, becomes a look (points in, rows out)."""

from bayesal.views.predictive import Predictions as Predictions
from bayesal.views.predictive import Predictive as Predictive
from bayesal.views.view import View as View
