"""What a process keeps once it was made: values, failures, and features that are open."""

from collections.abc import Callable, Hashable, Set
from typing import TypeVar

from harness.errors import UserError, as_user_error
from harness.extraction.image_features import ImageFeatures
from harness.extraction.pixel_features import PixelFeatures

KEPT_OPEN = 64
"""Features of each kind that stay open; each takes some of the files that a process may have open. Opening is cheap."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


def once(store: dict[Key, Value | UserError], key: Key, make: Callable[[], Value]) -> Value:
    """What `make` returned the first time. A failure is kept as well: a damaged dataset has many runs, and none of them
    should convert it once more only to fail.

    Raises:
        UserError: what was raised, or that something was raised that nobody foresaw.
    """
    if key not in store:
        try:
            store[key] = make()
        except Exception as error:  # of a plug-in, a library or ours: it costs the runs that need this and no others
            store[key] = as_user_error(error)
    found = store[key]
    if isinstance(found, UserError):
        raise found.with_traceback(None)
    return found


class OpenFeatures:
    """Features of images and of pixels, by what decides them."""

    def __init__(self) -> None:
        self._of_images: dict[str, ImageFeatures | UserError] = {}
        self._of_pixels: dict[str, PixelFeatures | UserError] = {}

    def of_images(self, key: str, make: Callable[[], ImageFeatures]) -> ImageFeatures:
        """As `once`."""
        return once(_with_room(self._of_images), key, make)

    def of_pixels(self, key: str, make: Callable[[], PixelFeatures]) -> PixelFeatures:
        """As `once`."""
        return once(_with_room(self._of_pixels), key, make)

    def read_already(self, key: str) -> ImageFeatures | PixelFeatures:
        """Features that are open."""
        found = self._of_images.get(key) or self._of_pixels[key]
        assert not isinstance(found, UserError), "the job has read its features"
        return found

    def close(self, besides: Set[str] = frozenset()) -> None:
        """Close all but some, as far as nobody else holds them."""
        for kept in (self._of_images, self._of_pixels):
            for key in kept.keys() - besides:
                del kept[key]


def _with_room(store: dict[Key, Value]) -> dict[Key, Value]:
    """The store, without what has been in it for longest if it is full."""
    while len(store) > KEPT_OPEN:
        del store[next(iter(store))]
    return store
