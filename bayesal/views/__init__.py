"""Views: a belief, prepared once, becomes a look (points in, rows out)."""

from bayesal.views.causal import Causal as Causal
from bayesal.views.causal import Propensity as Propensity
from bayesal.views.conceivable import Conceivable as Conceivable
from bayesal.views.conceivable import Conceives as Conceives
from bayesal.views.embedded import Embedded as Embedded
from bayesal.views.features import Features as Features
from bayesal.views.gradients import Gradients as Gradients
from bayesal.views.gradnorm import GradNorm as GradNorm
from bayesal.views.inputs import Inputs as Inputs
from bayesal.views.last_layer import LastLayer as LastLayer
from bayesal.views.last_layer import LastLayerGradients as LastLayerGradients
from bayesal.views.moments import MomentScore as MomentScore
from bayesal.views.predictive import Predictions as Predictions
from bayesal.views.predictive import Predictive as Predictive
from bayesal.views.samples import SampleScore as SampleScore
from bayesal.views.targeted import Targeted as Targeted
from bayesal.views.targets import FromPool as FromPool
from bayesal.views.targets import Given as Given
from bayesal.views.targets import TargetPoints as TargetPoints
from bayesal.views.targets import Targets as Targets
from bayesal.views.view import View as View
