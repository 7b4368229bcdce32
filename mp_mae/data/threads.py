"""One thread for matrix products: for small ones, and for those whose last bits must not depend on the machine."""

import sys
from contextlib import AbstractContextManager
from functools import lru_cache

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager[object]:
    """A block in which NumPy's products take one thread: how threads cut a product decides its last bits."""
    return _libraries(len(sys.modules)).limit(limits=1, user_api="blas")


@lru_cache(maxsize=1)
def _libraries(n_modules: int) -> ThreadpoolController:
    """The libraries of matrix products that this process has loaded.

    Finding them takes longer than many a run: only after imports it is done again.
    """
    return ThreadpoolController()
