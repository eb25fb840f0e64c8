"""Whether the environment asks for OpenTelemetry, by its standard variables."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from elizanet.otel.exporting import Exporting

logger = logging.getLogger("elizanet.otel")

_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_SIGNALS: Final = ("TRACES", "METRICS")
_HTTP: Final = frozenset({"", "http/protobuf"})


def from_environment(environ: Mapping[str, str]) -> Exporting | None:
    """Return what exports traces and metrics, None if it is not asked for.

    It is where an endpoint is given (`OTEL_EXPORTER_OTLP_ENDPOINT`, or that of one signal), or
    `OTEL_TRACES_EXPORTER` or `OTEL_METRICS_EXPORTER` is `otlp`; unless `OTEL_SDK_DISABLED` is
    `true`. What is asked for and cannot be done is logged as a warning.
    """
    signals = [signal for signal in _SIGNALS if _wants(environ, signal)]
    if not signals or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    try:
        from elizanet.otel.exporting import Exporting  # noqa: PLC0415 -- only where it is wanted
    except ImportError as error:
        missing = "the environment asks for OpenTelemetry (%s), which is not installed (%s): %s"
        logger.warning(missing, _asked(environ), error.name, "pip install 'elizanet[otel]'")
        return None
    return Exporting(traces="TRACES" in signals, metrics="METRICS" in signals)


def _wants(environ: Mapping[str, str], signal: str) -> bool:
    exporter = environ.get(f"OTEL_{signal}_EXPORTER", "").strip().lower()
    own = f"OTEL_EXPORTER_OTLP_{signal}"
    if exporter == "none" or not (exporter or _ENDPOINT in environ or f"{own}_ENDPOINT" in environ):
        return False
    if exporter not in {"", "otlp"}:
        logger.warning("OTEL_%s_EXPORTER is %r: only otlp and none can be had", signal, exporter)
        return False
    protocol = environ.get(f"{own}_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    if protocol.strip().lower() not in _HTTP:
        name = f"{own}_PROTOCOL" if f"{own}_PROTOCOL" in environ else "OTEL_EXPORTER_OTLP_PROTOCOL"
        logger.warning("%s is %r: OTLP is sent as http/protobuf", name, protocol)
    return True


def _asked(environ: Mapping[str, str]) -> str:
    """Name the variables that ask for it."""
    names = [_ENDPOINT]
    for signal in _SIGNALS:
        names += [f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", f"OTEL_{signal}_EXPORTER"]
    return ", ".join(name for name in names if name in environ)
