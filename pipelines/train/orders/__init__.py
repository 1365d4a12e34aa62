"""Orders in which a training sees its rows."""

from collections.abc import Callable, Mapping

from pipelines.train.roles import Order
from storage.ground.by_name import ByName

ORDERS: Mapping[str, Callable[..., Order]] = ByName(
    {
        "shuffled": "pipelines.train.orders.arrangements:Shuffled",
        "exported": "pipelines.train.orders.arrangements:Exported",
        "sorted": "pipelines.train.orders.arrangements:Sorted",
        "replay": "pipelines.train.orders.arrangements:Replay",
    }
)
