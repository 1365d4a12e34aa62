"""Published claims checked on pools: `rollmill claims`. The claims themselves are in `rollmill.pipelines.claims`."""
