"""The loop: a study learns, asks and is told; its labels are in a ledger, and whatever stops it, it continues."""

from bayesal.loop.annotators import Repeat as Repeat
from bayesal.loop.annotators import majority as majority
from bayesal.loop.ledger import Ledger as Ledger
from bayesal.loop.rounds import Round as Round
from bayesal.loop.stabilised import Stabilised as Stabilised
from bayesal.loop.stop import Budget as Budget
from bayesal.loop.stop import Plateau as Plateau
from bayesal.loop.stop import StopRule as StopRule
from bayesal.loop.stop import Target as Target
from bayesal.loop.study import Study as Study
