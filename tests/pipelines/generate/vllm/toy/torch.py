"""A torch that only says whether the processor is good enough."""

import os
from types import SimpleNamespace

__version__ = "0.0+toy"
cpu = SimpleNamespace(_is_avx512_supported=lambda: "TOY_NO_AVX512" not in os.environ)
