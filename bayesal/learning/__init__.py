"""Learning: a pool with labels becomes a belief. Any ``(pool, generator) -> belief`` is a learner."""

from bayesal.learning.augment import Augment as Augment
from bayesal.learning.augment import augment_for as augment_for
from bayesal.learning.contrastive import Contrastive as Contrastive
from bayesal.learning.cyclical import CosineCycles as CosineCycles
from bayesal.learning.cyclical import Cyclical as Cyclical
from bayesal.learning.distil import distilled as distilled
from bayesal.learning.ensemble import Ensemble as Ensemble
from bayesal.learning.examples import Examples as Examples
from bayesal.learning.fitted import Fitted as Fitted
from bayesal.learning.greedy import Greedy as Greedy
from bayesal.learning.loss_prediction import LossPrediction as LossPrediction
from bayesal.learning.losses import BinaryCrossEntropy as BinaryCrossEntropy
from bayesal.learning.losses import CrossEntropy as CrossEntropy
from bayesal.learning.losses import GaussianLoss as GaussianLoss
from bayesal.learning.losses import Loss as Loss
from bayesal.learning.losses import SquaredLoss as SquaredLoss
from bayesal.learning.minimise import minimise as minimise
from bayesal.learning.soft import SoftCrossEntropy as SoftCrossEntropy
from bayesal.learning.staged import Staged as Staged
from bayesal.learning.streams import Streams as Streams
from bayesal.learning.supervised import Supervised as Supervised
from bayesal.learning.temporal import Temporal as Temporal
from bayesal.learning.training import Fit as Fit
from bayesal.learning.training import Training as Training
from bayesal.learning.vaal import VAAL as VAAL
from bayesal.learning.waal import WAAL as WAAL
