"""Orders in which a training sees its rows."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rollmill.ground.by_name import ByName

if TYPE_CHECKING:
    from rollmill.pipelines.train.roles import Order

ORDERS: Mapping[str, Callable[..., "Order"]] = ByName(
    {
        "shuffled": "rollmill.pipelines.train.orders.arrangements:Shuffled",
        "exported": "rollmill.pipelines.train.orders.arrangements:Exported",
        "sorted": "rollmill.pipelines.train.orders.arrangements:Sorted",
        "replay": "rollmill.pipelines.train.orders.arrangements:Replay",
        "p2value": "rollmill.pipelines.train.orders.p2value:P2Value",
        "cooldown": "rollmill.pipelines.train.orders.cooldown:Cooldown",
    }
)
