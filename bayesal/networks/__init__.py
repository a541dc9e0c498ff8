"""Networks: small reference modules, plain ``nn.Module`` all."""

from bayesal.networks.cnn import MnistCNN as MnistCNN
from bayesal.networks.cnn import SmallCNN as SmallCNN
from bayesal.networks.dropconnect import DropConnected as DropConnected
from bayesal.networks.encoders import ImageEncoder as ImageEncoder
from bayesal.networks.encoders import TableEncoder as TableEncoder
from bayesal.networks.encoders import encoder_for as encoder_for
from bayesal.networks.loss_module import LossModule as LossModule
from bayesal.networks.loss_module import LossPredictor as LossPredictor
from bayesal.networks.mlp import MLP as MLP
from bayesal.networks.nomu import NOMUNetwork as NOMUNetwork
from bayesal.networks.nomu import Readout as Readout
from bayesal.networks.ntk_mlp import NTKMLP as NTKMLP
from bayesal.networks.projector import Projector as Projector
from bayesal.networks.random_features import RandomFourierFeatures as RandomFourierFeatures
from bayesal.networks.residual import ResidualCNN as ResidualCNN
from bayesal.networks.residual import ResidualMLP as ResidualMLP
from bayesal.networks.spectral import soft_spectral_norm as soft_spectral_norm
from bayesal.networks.stages import stages_of as stages_of
from bayesal.networks.standardise import Standardise as Standardise
from bayesal.networks.trunk import split_head as split_head
from bayesal.networks.unet import SmallUNet as SmallUNet
from bayesal.networks.vae import VAE as VAE
from bayesal.networks.vae import vae_for as vae_for
