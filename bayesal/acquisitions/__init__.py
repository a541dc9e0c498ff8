"""Predictions to scores: ``Distribution`` of batch_shape (N, K) in, N scores out, larger = ask first."""

from bayesal.acquisitions.balance import balance as balance
from bayesal.acquisitions.bald import bald as bald
from bayesal.acquisitions.balentacq import balentacq as balentacq
from bayesal.acquisitions.causal import mu_bald as mu_bald
from bayesal.acquisitions.causal import mu_rho_bald as mu_rho_bald
from bayesal.acquisitions.causal import propensity_score as propensity_score
from bayesal.acquisitions.causal import rho_bald as rho_bald
from bayesal.acquisitions.causal import tau_bald as tau_bald
from bayesal.acquisitions.class_prior import class_prior_weights as class_prior_weights
from bayesal.acquisitions.epig import epig as epig
from bayesal.acquisitions.epig import epig_sampled as epig_sampled
from bayesal.acquisitions.gaussian import alc as alc
from bayesal.acquisitions.gaussian import gaussian_bald as gaussian_bald
from bayesal.acquisitions.gaussian import gaussian_epig as gaussian_epig
from bayesal.acquisitions.moments import moment_matched_bald as moment_matched_bald
from bayesal.acquisitions.moments import moment_matched_entropy as moment_matched_entropy
from bayesal.acquisitions.rho_loss import label_loss as label_loss
from bayesal.acquisitions.rho_loss import rho_loss as rho_loss
from bayesal.acquisitions.uncertainty import entropy as entropy
from bayesal.acquisitions.uncertainty import expected_entropy as expected_entropy
from bayesal.acquisitions.uncertainty import least_confidence as least_confidence
from bayesal.acquisitions.uncertainty import margin as margin
from bayesal.acquisitions.uncertainty import mean_std as mean_std
from bayesal.acquisitions.uncertainty import variance as variance
from bayesal.acquisitions.uncertainty import variation_ratio as variation_ratio
