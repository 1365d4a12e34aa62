"""Published claims checked on pools: `rollmill claims`. The claims themselves are in `pipelines.claims`."""

from flows.claims.run import ClaimsRequest, chosen_claims, run_claims

__all__ = ["ClaimsRequest", "chosen_claims", "run_claims"]
