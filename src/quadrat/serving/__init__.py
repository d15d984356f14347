"""The live page: a small server on loopback that shows sweeps as they go on, and changes nothing."""

from quadrat.serving.app import make_app
from quadrat.serving.server import Address, serve
from quadrat.serving.sources import Sources

__all__ = ["Address", "Sources", "make_app", "serve"]
