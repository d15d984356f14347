"""Numbers in sentences."""


def plural(count: int, word: str) -> str:
    """A count with its word: "1 run", "1,200 runs"."""
    return f"{count:,} {word}" + ("" if count == 1 else "s")
