"""Base URLs have one written form, and hosts are near or far."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.settings.address import host_and_port, is_host, is_local, is_loopback, normalised


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http://elizanet.up.railway.app", "http://elizanet.up.railway.app/v1"),
        ("http://elizanet.up.railway.app/", "http://elizanet.up.railway.app/v1"),
        ("http://elizanet.up.railway.app/v1", "http://elizanet.up.railway.app/v1"),
        ("http://elizanet.up.railway.app/v1/", "http://elizanet.up.railway.app/v1"),
        ("http://elizanet.up.railway.app/v1//", "http://elizanet.up.railway.app/v1"),
        ("HTTPS://API.OpenAI.com/v1", "https://api.openai.com/v1"),
        ("https://api.openai.com:443", "https://api.openai.com/v1"),
        ("http://localhost:8000", "http://localhost:8000/v1"),
        ("http://localhost:80/", "http://localhost/v1"),
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        ("https://api.groq.com/openai/v1/", "https://api.groq.com/openai/v1"),
        (
            "https://x.openai.azure.com/openai/deployments/d",
            "https://x.openai.azure.com/openai/deployments/d",
        ),
        ("http://[::1]:9000", "http://[::1]:9000/v1"),
        ("http://10.0.0.1/v2", "http://10.0.0.1/v2"),
    ],
)
def test_a_base_url_has_its_version_path_and_no_trailing_slash(written: str, meant: str) -> None:
    """With or without `/v1` is the same; another path of its own is kept; twice is once."""
    assert normalised(written) == meant
    assert normalised(meant) == meant


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("api.openai.com", "must begin with http:// or https://"),
        ("localhost:8000", "must begin with http:// or https://"),
        ("ftp://host/v1", "must begin with http:// or https://"),
        ("http://", "must name a host"),
        ("http:///v1", "must name a host"),
        ("http://:8000", "must name a host"),
        ("http://-bad-/v1", "must name a host"),
        ("http://a..b", "must name a host"),
        ("http://host:0", "must name a host"),
        ("http://host:99999", "cannot be read"),
        ("http://host:port", "cannot be read"),
        ("http://[::1", "cannot be read"),
        ("http://host/v1?api-version=1", "must not have a query"),
        ("http://host/v1#top", "must not have a query"),
        ("http://host/v1?", "must not have a query"),
        ("http://ho st", "printable ASCII"),
        ("http://host\n.evil", "printable ASCII"),
        ("http://höst", "printable ASCII"),
        ("https://api.openai.com/v1/chat/completions", "without /chat/completions"),
        ("https://api.openai.com/v1/embeddings/", "without /embeddings"),
        ("https://user:planted@host/v1", "user name or password"),
        ("https://planted@host/v1", "user name or password"),
    ],
)
def test_what_is_not_a_base_url_is_refused_without_repeating_it(
    written: str, sentence: str
) -> None:
    """The sentence says what is allowed; the text may hold a password."""
    with pytest.raises(ValueError, match=sentence) as raised:
        normalised(written)
    assert "planted" not in str(raised.value)


@given(st.text())
def test_any_text_is_a_base_url_or_refused(text: str) -> None:
    """And what is accepted is its own normal form, with a host and a port."""
    for candidate in (text, f"http://{text}", f"https://host{text}"):
        try:
            url = normalised(candidate)
        except ValueError:
            continue
        assert normalised(url) == url
        host, port = host_and_port(url)
        assert is_host(host)
        assert 0 < port < 65536


@pytest.mark.parametrize(
    ("host", "loopback", "local"),
    [
        ("localhost", True, True),
        ("LOCALHOST.", True, True),
        ("api.localhost", True, True),
        ("127.0.0.1", True, True),
        ("127.8.8.8", True, True),
        ("::1", True, True),
        ("::ffff:127.0.0.1", True, True),
        ("0.0.0.0", False, True),
        ("10.1.2.3", False, True),
        ("172.31.0.1", False, True),
        ("172.32.0.1", False, False),
        ("192.168.1.1", False, True),
        ("169.254.1.1", False, True),
        ("fd00::1", False, True),
        ("fe80::1", False, True),
        ("litellm", False, True),
        ("ollama.local", False, True),
        ("proxy.internal", False, True),
        ("nas.home.arpa", False, True),
        ("2130706433", False, False),
        ("203.0.113.7", False, False),
        ("8.8.8.8", False, False),
        ("2606:4700::1111", False, False),
        ("api.openai.com", False, False),
        ("local.example.com", False, False),
        ("notlocalhost.com", False, False),
    ],
)
def test_hosts_are_this_machine_or_near_or_far(host: str, loopback: bool, local: bool) -> None:
    """Without asking any name server."""
    assert (is_loopback(host), is_local(host)) == (loopback, local)
