"""Rows to positions: which B points to label, given what a view saw of each."""

from bayesal.selection.acs_frank_wolfe import ACSFrankWolfe as ACSFrankWolfe
from bayesal.selection.bait import Bait as Bait
from bayesal.selection.balance_clustering import BALanCeClustering as BALanCeClustering
from bayesal.selection.batch_balance import BatchBALanCe as BatchBALanCe
from bayesal.selection.batchbald import BatchBALD as BatchBALD
from bayesal.selection.fisher_bait import FisherBait as FisherBait
from bayesal.selection.flqmi import FLQMI as FLQMI
from bayesal.selection.flvmi import FLVMI as FLVMI
from bayesal.selection.gaussian import BatchALC as BatchALC
from bayesal.selection.gaussian import BatchEPIG as BatchEPIG
from bayesal.selection.gaussian import JointBALD as JointBALD
from bayesal.selection.gcmi import GCMI as GCMI
from bayesal.selection.greedy import grow as grow
from bayesal.selection.jepig import JEPIG as JEPIG
from bayesal.selection.kbald import KBALD as KBALD
from bayesal.selection.logdetmi import LogDetMI as LogDetMI
from bayesal.selection.max_det import MaxDet as MaxDet
from bayesal.selection.max_diag import MaxDiag as MaxDiag
from bayesal.selection.power import power as power
from bayesal.selection.power import softmax as softmax
from bayesal.selection.power import softrank as softrank
from bayesal.selection.random import random as random
from bayesal.selection.retrained_jepig import RetrainedJEPIG as RetrainedJEPIG
from bayesal.selection.sparse_approximation import SparseApproximation as SparseApproximation
from bayesal.selection.top import top as top
