"""Names of streams: draws of one purpose, and their redraws."""

from rollmill.ground.records import STREAMS, Stream


def redrawn(stream: Stream, number: int) -> Stream:
    """The stream of the `number`-th redraw of a stream; 0 is the stream itself."""
    return f"{stream}-{number}" if number else stream


def is_stream(name: str) -> bool:
    """True for the name of a stream."""
    stream, dash, number = name.partition("-")
    return stream in STREAMS and (not dash or (number.isascii() and number.isdigit() and number[0] != "0"))
