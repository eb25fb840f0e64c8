"""Why a call went where it went: its record, told as a colleague would."""

from elizanet.cli.explaining.refusals import is_about
from elizanet.cli.explaining.story import Explanation, explanation

__all__ = ["Explanation", "explanation", "is_about"]
