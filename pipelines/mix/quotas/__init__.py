"""Set methods that give quotas of rows to strata, clusters, sources or bins."""
