"""The registry of templates: one line each, names to classes. Which of them train and which only evaluate: splits.py."""

from collections.abc import Mapping

from rollmill.pipelines.synthesize.library.ages import AgeChain, AgeGap, AgeSum
from rollmill.pipelines.synthesize.library.arithmetic import Basket, Divisor, Leftovers, Machine, Shop
from rollmill.pipelines.synthesize.library.counting import Clubs, Counter, Outfits
from rollmill.pipelines.synthesize.library.equations import Linear, TwoNumbers, Undo
from rollmill.pipelines.synthesize.library.rates import CatchUp, Tank, Trips
from rollmill.pipelines.synthesize.library.ratios import Conversion, Discount, Rope, Sharing
from rollmill.pipelines.synthesize.template import Template

_CLASSES: tuple[type[Template], ...] = (
    Basket,
    Shop,
    Machine,
    Trips,
    Tank,
    CatchUp,
    Sharing,
    Discount,
    AgeChain,
    AgeSum,
    AgeGap,
    Conversion,
    Rope,
    Outfits,
    Counter,
    Clubs,
    Linear,
    Undo,
    TwoNumbers,
    Divisor,
    Leftovers,
)

TEMPLATES: Mapping[str, type[Template]] = {template.name: template for template in _CLASSES}
