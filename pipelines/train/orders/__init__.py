"""Orders in which a training sees its rows."""

from collections.abc import Callable, Mapping

from pipelines.train.orders.arrangements import Exported, Replay, Shuffled, Sorted
from pipelines.train.roles import Order
from storage.ground.by_name import ByName

ORDERS: Mapping[str, Callable[..., Order]] = ByName(
    {"shuffled": Shuffled, "exported": Exported, "sorted": Sorted, "replay": Replay}
)
