"""The laws, public: what every posterior, acquisition, rule and ledger must keep, the user's own included.

``check_*`` raises ``LawBroken`` with one sentence a broken law; ``examine_*`` returns all findings instead.
"""

from bayesal.testing.acquisition import check_acquisition as check_acquisition
from bayesal.testing.acquisition import examine_acquisition as examine_acquisition
from bayesal.testing.findings import Finding as Finding
from bayesal.testing.findings import LawBroken as LawBroken
from bayesal.testing.ledger import check_ledger as check_ledger
from bayesal.testing.ledger import examine_ledger as examine_ledger
from bayesal.testing.posterior import check_posterior as check_posterior
from bayesal.testing.posterior import examine_posterior as examine_posterior
from bayesal.testing.rule import check_rule as check_rule
from bayesal.testing.rule import examine_rule as examine_rule
