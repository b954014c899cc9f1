"""Sequences whose items are made as they are asked for."""

from collections.abc import Sequence
from typing import TypeVar, overload

T = TypeVar("T")


class LazySequence(Sequence[T]):
    """Base of long sequences that hold less than their items; a subclass says `__len__` and `make`."""

    def make(self, index: int) -> T:
        """The item at an index from 0 to the length less one."""
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        positions = range(len(self))
        if isinstance(index, slice):
            return [self.make(i) for i in positions[index]]
        return self.make(positions[index])
