"""Parts shared by pages: problems, rollouts, rates of verifiers, running runs; the colours of charts."""
