"""Query strategies: view × rule. The only place where positions become ids."""

from bayesal.strategies.balanced import Balanced as Balanced
from bayesal.strategies.beside import Beside as Beside
from bayesal.strategies.clustered import Believing as Believing
from bayesal.strategies.clustered import Clustered as Clustered
from bayesal.strategies.combined import Mix as Mix
from bayesal.strategies.combined import Narrow as Narrow
from bayesal.strategies.contract import Strategy as Strategy
from bayesal.strategies.contract import check_batch as check_batch
from bayesal.strategies.distinct import Distinct as Distinct
from bayesal.strategies.drift import Drift as Drift
from bayesal.strategies.either import ByTask as ByTask
from bayesal.strategies.either import Either as Either
from bayesal.strategies.gaussian import GrowMoments as GrowMoments
from bayesal.strategies.gaussian import GrowSamples as GrowSamples
from bayesal.strategies.lookahead import LookingAhead as LookingAhead
from bayesal.strategies.mixing import FeatureMixing as FeatureMixing
from bayesal.strategies.paired import Paired as Paired
from bayesal.strategies.represent import Represent as Represent
from bayesal.strategies.retrained import Retrained as Retrained
from bayesal.strategies.rho import ReducibleLoss as ReducibleLoss
from bayesal.strategies.shortlisted import Shortlisted as Shortlisted
from bayesal.strategies.similar import LikeQueries as LikeQueries
from bayesal.strategies.single import Blind as Blind
from bayesal.strategies.single import Grow as Grow
from bayesal.strategies.single import Pick as Pick
from bayesal.strategies.sparse import Imitate as Imitate
