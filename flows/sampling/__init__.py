"""Drawing completions durably: leases, spools, attempts, spend limits, and the segments that hold completions."""
