"""One thread for matrix products whose last bits must not depend on the machine's cores."""

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager[object]:
    """While it is open, NumPy's products take one thread: how threads cut a product decides its last bits."""
    return _libraries().limit(limits=1, user_api="blas")


@cache
def _libraries() -> ThreadpoolController:
    """Those this process has loaded. Finding them takes as long as ten tiles."""
    return ThreadpoolController()
