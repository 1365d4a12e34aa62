"""A run over HTTP under a limit, to be killed: python -m tests.flows.rounds.together.limit_child WORKSPACE ROWS TOKENS
URL...

Its exit status is 1 where the limit ended it.
"""

import sys
from pathlib import Path

from rollmill.flows.rounds import run_all
from rollmill.ground.records import Sampling
from rollmill.storage.spending import Limit
from tests.flows.rounds.together.http_child import http_spec
from tests.flows.rounds.toy import with_spec, with_step, workspace


def main() -> int:
    """Recover and run as far as the limit goes."""
    with workspace(Path(sys.argv[1])) as ws:
        ws.recover()
        asked = with_step(http_spec(sys.argv[4:], int(sys.argv[2])), sampling=Sampling(max_tokens=5))
        with with_spec(asked, limit=Limit(tokens=int(sys.argv[3]))).open(ws) as run:
            return 0 if run_all(run)[-1].stopped is None else 1


if __name__ == "__main__":
    sys.exit(main())
