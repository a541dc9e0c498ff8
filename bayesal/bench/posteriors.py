"""The table of posteriors: names for ``--posterior``, what they need and offer, and what makes their learners."""

from typing import NamedTuple

NETWORK = ("Differentiable", "Embeds")
FEATURES = ("Embeds",)


class Row(NamedTuple):
    """A posterior's row in the table; ``maker`` is the function of ``bayesal.bench.makers`` that makes its learner.

    ``offers``: what the belief has beside draws, that a method may need: most posteriors are whole networks.
    """

    name: str
    tasks: str
    needs: str
    paper: str
    maker: str
    offers: tuple[str, ...] = NETWORK


POSTERIORS = (
    Row(
        "mc-dropout",
        "any",
        "a network with dropout",
        "Gal and Ghahramani 2016; masks shared as in Kirsch et al. 2019",
        "networks:mc_dropout",
    ),
    Row(
        "ceal",
        "classification",
        "a network with dropout, trained twice where it is sure",
        "Wang et al. 2017",
        "pseudo:ceal",
    ),
    Row("ensemble", "any", "any network, trained five times", "Lakshminarayanan et al. 2017", "networks:ensemble"),
    Row(
        "greedy-ensemble",
        "any",
        "any network, trained five times, each away from the earlier ones",
        "Tiulpin and Blaschko 2022",
        "networks:greedy_ensemble",
    ),
    Row("snapshots", "any", "any network, trained in cycles", "Huang et al. 2017", "networks:snapshots"),
    Row(
        "tod",
        "any",
        "any network, trained as of a batch ago and then on",
        "Huang et al. 2021",
        "temporal:tod",
    ),
    Row(
        "scal",
        "classification",
        "a network that ends in a linear layer",
        "Krishnan et al. 2021; Khosla et al. 2020",
        "contrastive:scal",
    ),
    Row(
        "barlow-twins",
        "any",
        "a network that ends in a linear layer and has dropout; learns from the whole pool",
        "Mandivarapu et al. 2022; Zbontar et al. 2021",
        "twins:barlow_twins",
    ),
    Row("swag", "any", "any network, trained on at a high rate", "Maddox et al. 2019", "networks:swag"),
    Row(
        "sgmcmc",
        "any",
        "any network; pip install 'bayesal[sgmcmc]'",
        "Welling and Teh 2011; Leimkuhler and Matthews 2015; Zhang et al. 2020",
        "networks:sgmcmc",
    ),
    Row(
        "dropconnect",
        "any",
        "a network with linear layers",
        "Wan et al. 2013; Gal and Ghahramani 2016",
        "networks:dropconnect",
    ),
    Row(
        "laplace",
        "any",
        "a network that ends in a linear layer",
        "MacKay 1992; Ritter et al. 2018; Daxberger et al. 2021",
        "last_layer:laplace",
        FEATURES,
    ),
    Row(
        "bayesian-last-layer",
        "classification, regression",
        "a network that ends in a linear layer",
        "conjugate regression on features; for classes Milios et al. 2018",
        "last_layer:bayesian_last_layer",
        FEATURES,
    ),
    Row(
        "sngp",
        "any",
        "a residual network of its own",
        "Liu et al. 2020; soft bounds by van Amersfoort et al. 2021",
        "last_layer:sngp",
        FEATURES,
    ),
    Row(
        "gp",
        "regression",
        "nothing: a table, or few pixels",
        "Rasmussen and Williams 2006; Wilson et al. 2020",
        "processes:gp",
        (),
    ),
    Row(
        "fully-bayesian-gp",
        "regression",
        "nothing: a table, or few pixels; up to some hundred labels",
        "Lalchand and Rasmussen 2020; NUTS by Hoffman and Gelman 2014",
        "processes:fully_bayesian_gp",
        (),
    ),
    Row(
        "variational-gp",
        "classification, regression",
        "nothing: a table, or few pixels",
        "Titsias 2009; Hensman et al. 2015; Wilson et al. 2020",
        "processes:variational_gp",
        (),
    ),
    Row(
        "dirichlet-gp",
        "classification",
        "nothing: a table, or few pixels; at most 4000 labels",
        "Milios et al. 2018",
        "processes:dirichlet_gp",
        (),
    ),
    Row(
        "deep-kernel-gp",
        "classification, regression",
        "a network that ends in a linear layer",
        "van Amersfoort et al. 2021",
        "processes:deep_kernel_gp",
        FEATURES,
    ),
    Row(
        "spn",
        "classification",
        "a network that ends in a linear layer",
        "Khosravani and Zilles 2024; random structures by Peharz et al. 2019, 2020",
        "circuits:spn",
        FEATURES,
    ),
    Row(
        "nomu",
        "regression",
        "nothing but the data: it trains networks of its own",
        "Heiss et al. 2022",
        "nomu:nomu",
        FEATURES,
    ),
    Row(
        "loss-prediction",
        "any",
        "a network with dropout; trains a module that predicts its loss",
        "Yoo and Kweon 2019",
        "judged:loss_prediction",
    ),
    Row(
        "vaal",
        "any",
        "a network with dropout; trains an autoencoder of the whole pool and a discriminator",
        "Sinha et al. 2019",
        "judged:vaal",
    ),
    Row(
        "waal",
        "classification",
        "a network with dropout that ends in a linear layer; trains a critic of the whole pool's features",
        "Shui et al. 2020",
        "judged:waal",
    ),
    Row(
        "pyro-svi",
        "any",
        "a small network of its own",
        "Graves 2011; Blundell et al. 2015; Bingham et al. 2019",
        "pyro:svi",
        (),
    ),
    Row(
        "pyro-nuts",
        "classification, regression",
        "a small network of its own, and patience",
        "Hoffman and Gelman 2014; Bingham et al. 2019",
        "pyro:nuts",
        (),
    ),
)
"""Names for ``--posterior``; a ``module:name`` of the user's own is as good. ``tasks`` is "any", or some of
"classification", "regression", "multilabel"."""
