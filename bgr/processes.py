"""Worker processes."""

import signal


def ignore_signals(worker: int = 0) -> None:
    """Leave Ctrl-C and SIGTERM to the main process, which still needs the workers to stop well."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
