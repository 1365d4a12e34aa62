"""Orders in which a training sees its rows."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from storage.ground.by_name import ByName

if TYPE_CHECKING:
    from pipelines.train.roles import Order

ORDERS: Mapping[str, Callable[..., "Order"]] = ByName(
    {
        "shuffled": "pipelines.train.orders.arrangements:Shuffled",
        "exported": "pipelines.train.orders.arrangements:Exported",
        "sorted": "pipelines.train.orders.arrangements:Sorted",
        "replay": "pipelines.train.orders.arrangements:Replay",
        "p2value": "pipelines.train.orders.p2value:P2Value",
        "cooldown": "pipelines.train.orders.cooldown:Cooldown",
    }
)
