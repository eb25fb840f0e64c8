"""Does the gateway last? Twenty minutes at 70 % of capacity, with a provider failing at any time.

    python -m benchmarks.gateway.soak                 # twenty minutes
    python -m benchmarks.gateway.soak --minutes 1     # shorter, and less certain

First the capacity is measured: requests a second, one in five a stream, with nothing wrong.
Then callers ask at 70 % of it while the providers fail in turn (`soak_provider`). Exits with 1
if a call is lost, a broken stream is passed off as whole, or memory or descriptors grow.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvloop

from benchmarks.gateway import subjects
from benchmarks.gateway.soak_load import Crowd, Outcomes
from benchmarks.gateway.subjects import TRAFFIC_CORE, Subject
