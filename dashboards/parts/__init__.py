"""What several pages show: problems, rollouts, rates of verifiers, runs that work; the colours of charts."""
