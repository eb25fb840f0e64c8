"""Providers: a call to one API's wire and back. No retries, no time limits, no policy."""
