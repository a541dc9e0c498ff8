"""BoTorch, both ways: beliefs as BoTorch models for its acquisitions, and BoTorch models as posteriors."""

from bayesal.integrations.botorch.functions import FunctionsModel as FunctionsModel
from bayesal.integrations.botorch.integrated import NegIntegratedVariance as NegIntegratedVariance
from bayesal.integrations.botorch.mixture import MixtureModel as MixtureModel
from bayesal.integrations.botorch.moments import MomentsModel as MomentsModel
from bayesal.integrations.botorch.wrapped import from_botorch as from_botorch
