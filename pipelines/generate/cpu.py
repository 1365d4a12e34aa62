"""Names what of the processor can change the last bits of a computation. Knows nothing of models."""

import importlib
import platform

# The features by which onnxruntime and numpy choose their kernels, widest first.
LEVELS = ("AVX512_SPR", "AVX512_SKX", "AVX512F", "FMA3", "AVX2", "AVX", "SVE", "ASIMD", "NEON")


def cpu_level() -> str:
    """Architecture and the widest vector feature numpy found in use, such as x86_64-avx512_skx."""
    features = importlib.import_module("numpy._core._multiarray_umath").__cpu_features__
    widest = next((level for level in LEVELS if features.get(level)), "baseline")
    return f"{platform.machine()}-{widest.lower()}"
