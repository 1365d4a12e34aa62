"""Published claims checked on pools: `rollmill claims`. The claims themselves are in `pipelines.claims`."""
