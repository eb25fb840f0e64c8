"""Records: what happened to every call, kept beside the answers and never in their way."""
