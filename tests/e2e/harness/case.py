"""What a case is: a function with a name, a question and needs; and how it passes, fails or skips."""

ALL = []


class Failure(Exception):
    """The case does not hold. The text says what was wanted and what was found."""


class Skip(Exception):
    """The case cannot be asked here. The text says what is missing."""


class Case:
    def __init__(self, function, limit, breaks):
        theme = function.__module__.rsplit(".", 1)[-1]
        self.name = f"{theme}.{function.__name__}"
        self.asks = (function.__doc__ or "").strip().split("\n")[0]
        self.function = function
        self.limit = limit
        self.breaks = breaks


def case(limit=120, breaks=()):
    """Registers a case. `limit`: seconds. `breaks`: the falsifications (harness/falsify.py) that
    this case must notice in a --self-test."""
    def register(function):
        if not function.__doc__:
            raise TypeError(f"{function.__name__}: a case says in one line what it asks")
        ALL.append(Case(function, limit, breaks))
        return function
    return register


def check(condition, text):
    if not condition:
        raise Failure(text)


def equal(what, wanted, found):
    if wanted != found:
        raise Failure(f"{what}: wanted {wanted}, found {found}")


def between(what, low, value, high):
    if not low <= value <= high:
        raise Failure(f"{what}: {value} is not in [{low}, {high}]")
