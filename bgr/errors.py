"""The one error type that users see as a message instead of a traceback."""


class BgrError(Exception):
    """A problem the user can mend.

    Args:
        what: what was found, and where (file name or key).
        expected: what was expected instead.
        fix: the command or action that mends it.
    """

    def __init__(self, what: str, expected: str = "", fix: str = "") -> None:
        self.what = what
        self.expected = expected
        self.fix = fix
        lines = [what]
        if expected:
            lines.append(f"  expected: {expected}")
        if fix:
            lines.append(f"  to mend:  {fix}")
        super().__init__("\n".join(lines))
