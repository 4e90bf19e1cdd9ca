"""The preparation that a transform does, found by reading it or by probing it with made images."""

from andon.build.infer.find import Found, find_input

__all__ = ["Found", "find_input"]
