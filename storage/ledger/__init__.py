"""The ledger: the transactional record of runs, batches, segments and leases. Holds no problem's or completion's text."""
