"""The OpenAI-compatible gateway: a raw ASGI application over a `Router`, and its server."""
