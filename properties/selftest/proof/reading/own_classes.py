"""What rules may compare a context with: strings, numbers and others of classes of their own."""


class AnyCase(str):
    """Equal in any case. `!=` is a string's own all the same: it is asked for before the contrary of `==` would be."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return str.lower(self) == other

    __hash__ = str.__hash__


class Unlike(str):
    """Unlike whatever it is compared with."""

    __slots__ = ()

    def __ne__(self, other: object) -> bool:
        return True


class Three(int):
    def __ne__(self, other: object) -> bool:
        return other != 0


class Refusing:
    def __eq__(self, other: object) -> bool:
        raise LookupError
