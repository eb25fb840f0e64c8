"""Log lines: a sink that writes them, and formatters and a handler for whoever wants ours.

The library installs nothing: its lines go to the loggers `elizanet` and `elizanet.gateway`, and
applications do with them what they like. `elizanet serve` uses the formatters and the handler.
"""

from elizanet.logs.background import BackgroundHandler
from elizanet.logs.formats import JsonFormatter, TextFormatter, name_no_places
from elizanet.logs.sink import log_sink

__all__ = ["BackgroundHandler", "JsonFormatter", "TextFormatter", "log_sink", "name_no_places"]
