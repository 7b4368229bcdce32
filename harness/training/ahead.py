"""Reading ahead: while a device works on one batch, a thread reads the next."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")


def read_ahead(items: Iterable[Item], read: Callable[[Item], Value]) -> Generator[tuple[Item, Value], None, None]:
    """Each item, in order, with what `read` makes of it; one is read ahead.

    Items are drawn by the caller's thread and read by another, one after the other. So what is drawn and read, and in
    which order, is as if nothing were done ahead. What goes wrong in reading is raised when the item's turn comes.
    """
    ahead: deque[tuple[Item, Future[Value]]] = deque()
    reader = ThreadPoolExecutor(1)
    try:
        for coming in items:
            ahead.append((coming, reader.submit(read, coming)))
            if len(ahead) > 1:
                item, value = ahead.popleft()
                yield item, value.result()
        for item, value in ahead:
            yield item, value.result()
    finally:
        reader.shutdown(cancel_futures=True)
