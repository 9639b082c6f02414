"""The command `zoo`, or `python -m handmade_zoo`: Ctrl-C is one line from the first moment, imports included."""

import os
import signal
import sys


def main() -> int:
    """What `properties.command.main` returns."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else somebody ignores it, or has his own
        signal.signal(signal.SIGINT, _end)
    from properties.command import main

    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return main()


def _end(*_: object) -> None:
    """At once, without cleaning up: nothing is begun, and an import would make any error of an exception in it."""
    os.write(2, b"zoo: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
