"""Predictions, features and gradients to rows: what a rule chooses from, and what kernels make of it."""

from bayesal.representations.acs_grad import acs_grad as acs_grad
from bayesal.representations.acs_random import acs_rf as acs_rf
from bayesal.representations.acs_random import acs_rf_hyper as acs_rf_hyper
from bayesal.representations.badge import badge_embedding as badge_embedding
from bayesal.representations.combined import Part as Part
from bayesal.representations.combined import Product as Product
from bayesal.representations.combined import Scaled as Scaled
from bayesal.representations.combined import Sum as Sum
from bayesal.representations.ensemble import ensemble as ensemble
from bayesal.representations.fisher import binary_fisher_factors as binary_fisher_factors
from bayesal.representations.fisher import fisher_factors as fisher_factors
from bayesal.representations.infinite import nngp as nngp
from bayesal.representations.infinite import ntk as ntk
from bayesal.representations.kernels import laplace as laplace
from bayesal.representations.kernels import linear as linear
from bayesal.representations.posterior import posterior as posterior
from bayesal.representations.represented import Represented as Represented
from bayesal.representations.represented import Transform as Transform
from bayesal.representations.scale import scale as scale
from bayesal.representations.signatures import gradient_signatures as gradient_signatures
from bayesal.representations.signatures import label_model as label_model
from bayesal.representations.signatures import log_likelihood_signatures as log_likelihood_signatures
from bayesal.representations.signatures import loss_signatures as loss_signatures
from bayesal.representations.signatures import regression_signatures as regression_signatures
from bayesal.representations.sketch import sketch as sketch
