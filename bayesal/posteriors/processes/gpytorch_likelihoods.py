"""GPyTorch's likelihoods as functions that can be copied and pickled."""

from gpytorch.likelihoods import BernoulliLikelihood, GaussianLikelihood, Likelihood, SoftmaxLikelihood

from bayesal.posteriors.processes.labels import Amounts, Labels, Probit, Softmax


def labels_of(likelihood: Likelihood, num_outputs: int, shift: float, unit: float) -> Labels:
    """What a GPyTorch likelihood says of labels. Raises ValueError for one that is not known here."""
    if type(likelihood) is GaussianLikelihood and likelihood.noise.numel() == 1:
        return Amounts(likelihood.noise.item(), shift, unit)
    if type(likelihood) is SoftmaxLikelihood and likelihood.num_features == num_outputs > 1:
        weights = likelihood.mixing_weights
        return Softmax(None if weights is None else weights.detach().clone())
    if type(likelihood) is BernoulliLikelihood and num_outputs == 1:
        return Probit()
    raise ValueError(
        "labels may have a GaussianLikelihood, a SoftmaxLikelihood of as many features as the model has outputs, or, "
        f"with one output, a BernoulliLikelihood, but this is a {type(likelihood).__name__} on {num_outputs} output(s)"
    )
