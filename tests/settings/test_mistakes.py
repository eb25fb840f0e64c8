"""How the mistakes of a file are told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.errors import ConfigurationError
from elizanet.settings import (
    Settings,
    load_settings,
)

Load = Callable[..., Settings]
Problems = Callable[..., tuple[str, ...]]

P = '[providers.p]\nbase_url = "http://localhost"\n'


def test_all_mistakes_are_told_at_once_with_line_and_nearest_name(problems: Problems) -> None:
    """One sentence each, in the order of the file."""
    toml = """\
[gatway]
port = 1
[gateway]
prot = 8787
port = "8787"
max_body = "20 parsecs"
[providers.opnai]
base_url = "https://api.openai.com"
api_key = "env:NOT_SET"
timeouts = { fist_event = 1, total = -1 }
[models.gpt-4o]
chain = ["openai/gpt-4o", "opnai", { target = "opnai/x", windw = 1 }, 7]
[timeouts]
total = nan
connect = true
[retry]
same_provider = 1.5
[policy]
fall_back_on = [
  "timeout",
  "time_out",
]
[hooks]
classify = "my_rules"
"""
    assert problems(toml) == (
        'elizanet.toml:1: unknown key gatway; did you mean "gateway"?',
        'elizanet.toml:4: unknown key gateway.prot; did you mean "port"?',
        'elizanet.toml:5: gateway.port is "8787"; it must be a port from 1 to 65535',
        'elizanet.toml:6: gateway.max_body is "20 parsecs"; it must be a size such as "20MiB" (B, KB, KiB, MB, MiB, GB or GiB), or a number of bytes',
        "elizanet.toml:9: providers.opnai.api_key needs the environment variable NOT_SET, which is not set",
        "elizanet.toml:10: providers.opnai.timeouts.total is -1; it must be a number of seconds above 0 and at most 86400",
        'elizanet.toml:10: unknown key providers.opnai.timeouts.fist_event; did you mean "first_event"?',
        'elizanet.toml:12: models.gpt-4o.chain[0] is "openai/gpt-4o"; there is no provider "openai" (set OPENAI_API_KEY, or add its table); did you mean "opnai"?',
        'elizanet.toml:12: models.gpt-4o.chain[1] is "opnai"; it must be "provider/model", and the model may be *',
        'elizanet.toml:12: unknown key models.gpt-4o.chain[2].windw; did you mean "window"?',
        'elizanet.toml:12: models.gpt-4o.chain[3] is 7; it must be "provider/model", or a table with target = "provider/model"',
        "elizanet.toml:14: timeouts.total is nan; it must be a number of seconds above 0 and at most 86400",
        "elizanet.toml:15: timeouts.connect is true; it must be a number of seconds above 0 and at most 86400",
        "elizanet.toml:17: retry.same_provider is 1.5; it must be a whole number from 0 to 10",
        'elizanet.toml:21: policy.fall_back_on[1]: "time_out" is not a failure class; did you mean "timeout"?',
        'elizanet.toml:24: hooks.classify is "my_rules"; it must be "module:function", as in "my_rules:classify"',
    )


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("gateway = 3", "1: gateway is 3; it must be a table"),
        ("models = []", "1: models is a list; it must be a table"),
        ("[providers]\np = 'http://x'", '2: providers.p is "http://x"; it must be a table'),
        ("[gateway]\nhost = 5", "2: gateway.host is 5; it must be a host name or an IP address"),
        (
            '[gateway]\nhost = "a b"',
            '2: gateway.host is "a b"; it must be a host name or an IP address',
        ),
        ("[gateway]\nport = 0", "2: gateway.port is 0; it must be a port from 1 to 65535"),
        ("[gateway]\nport = 65536", "2: gateway.port is 65536; it must be a port from 1 to 65535"),
        (
            "[gateway]\nport = 2024-01-01",
            "2: gateway.port is a date; it must be a port from 1 to 65535",
        ),
        ("[gateway]\nmax_body = 0", "2: gateway.max_body is 0; it must be a size"),
        ('[gateway]\nkeys = "env:A"', '2: gateway.keys is "env:A"; it must be a list of keys'),
        ("[gateway]\nkeys = [3]", '2: gateway.keys[0] must be a text: "env:NAME", "file:PATH"'),
        (
            "[retry]\nsame_provider = -1",
            "2: retry.same_provider is -1; it must be a whole number from 0 to 10",
        ),
        (
            "[retry]\nmax_wait = -0.1",
            "2: retry.max_wait is -0.1; it must be a number of seconds from 0 to 86400",
        ),
        ("[retry]\nmax_wait = inf", "2: retry.max_wait is inf; it must be"),
        ("[timeouts]\nstall = 0", "2: timeouts.stall is 0; it must be a number of seconds above 0"),
        (
            "[timeouts]\ntotal = 2\nconnect = 3",
            "3: timeouts.connect is 3 s, longer than the whole call (total = 2 s)",
        ),
        (
            '[policy]\nfall_back_on = "timeout"',
            '2: policy.fall_back_on is "timeout"; it must be a list of failure classes',
        ),
        ("[policy]\nfall_back_on = [1]", "2: policy.fall_back_on[0]: 1 is not a failure class"),
        (
            '[policy]\nfall_back_on = ["cancelled"]',
            '2: policy.fall_back_on[0]: "cancelled" cannot be fallen back on',
        ),
        ("[providers.p]", "1: providers.p needs a base_url"),
        ("[providers.p]\nbase_url = 1", "2: providers.p.base_url is 1; it must be a URL"),
        (
            '[providers.p]\nbase_url = "p.example"',
            "2: providers.p.base_url must begin with http:// or https://",
        ),
        ('[providers."a/b"]\nbase_url = "http://p"', '1: providers."a/b" is not a provider name'),
        ('[providers."a b"]\nbase_url = "http://p"', '1: providers."a b" is not a provider name'),
        (P + "api_key = 3", "3: providers.p.api_key must be a text"),
        (P + 'api_key = ""', "3: providers.p.api_key is empty"),
        (
            P + 'api_key = "$OPENAI_API_KEY"',
            '3: providers.p.api_key looks like a variable of the shell; write it as "env:NAME"',
        ),
        (
            P + 'api_key = "${OPENAI_API_KEY}"',
            "3: providers.p.api_key looks like a variable of the shell",
        ),
        (P + 'api_key = "env:"', "3: providers.p.api_key must name an environment variable"),
        (P + 'api_key = "env:a-b"', "3: providers.p.api_key must name an environment variable"),
        (P + 'api_key = "file:"', "3: providers.p.api_key must name a file"),
        (
            P + 'api_key = "file:nowhere"',
            "3: providers.p.api_key cannot be read: there is no file at ",
        ),
        (P + 'api_key = "a\\nb"', "3: providers.p.api_key has a line break"),
        (P + "headers = 3", "3: providers.p.headers is 3; it must be a table"),
        (
            P + 'headers = { "a b" = "c" }',
            '3: providers.p.headers."a b" is not the name of a header',
        ),
        (P + 'headers = { Host = "c" }', "3: providers.p.headers.Host is set for each request"),
        (
            P + 'headers = { Content-Length = "1" }',
            "3: providers.p.headers.Content-Length is set for each request",
        ),
        (P + 'headers = { X-A = "1", x-a = "2" }', "3: providers.p.headers.x-a is there twice"),
        (P + "headers = { X-A = 1 }", "3: providers.p.headers.X-A must be a text"),
        (P + 'headers = { X-A = "a\\r\\nX-B: c" }', "3: providers.p.headers.X-A has a line break"),
        (
            P + 'headers = { X-A = "é" }',
            "3: providers.p.headers.X-A has a character in it that is not ASCII",
        ),
        (
            P + 'headers = { X-A = "env:NOPE" }',
            "3: providers.p.headers.X-A needs the environment variable NOPE",
        ),
        (
            P + 'paths = { "chat/completion" = "/x" }',
            '3: unknown key providers.p.paths."chat/completion"; did you mean "chat/completions"?',
        ),
        (
            P + 'paths = { embeddings = "x" }',
            '3: providers.p.paths.embeddings is "x"; it must be a path from the root of the host',
        ),
        (
            P + 'paths = { embeddings = "/x?y" }',
            '3: providers.p.paths.embeddings is "/x?y"; it must be',
        ),
        (
            P + "timeouts = { total = 1, connect = 2 }",
            "3: providers.p.timeouts.connect is 2 s, longer than the whole call",
        ),
        (P + "[models.m]", "3: models.m needs at least one target"),
        (P + "[models.m]\nchain = []", "4: models.m needs at least one target"),
        (
            P + "[models.m]\nchain = 'p/m'",
            '4: models.m.chain is "p/m"; it must be a list of targets',
        ),
        (
            P + "[models.m]\nchain = ['m']",
            '4: models.m.chain[0] is "m"; it must be "provider/model"',
        ),
        (
            P + "[models.m]\nchain = ['p/']",
            '4: models.m.chain[0] is "p/"; it must be "provider/model"',
        ),
        (
            P + '[models.m]\nchain = ["p/a\\u0007"]',
            '4: models.m.chain[0] is "p/a\\u0007"; the model is not a name of up to 256',
        ),
        (
            P + "api_key = 'file:~nobody-here/key'",
            "3: providers.p.api_key cannot be read: the home folder of ~ is not known",
        ),
        (
            P + "[models.m]\nchain = ['/m']",
            '4: models.m.chain[0] is "/m"; it must be "provider/model"',
        ),
        (
            P + "[models.m]\nchain = ['P/m']",
            '4: models.m.chain[0] is "P/m"; there is no provider "P"; did you mean "p"?',
        ),
        (
            P + "[models.m]\nchain = ['p/gpt-*']",
            '4: models.m.chain[0] is "p/gpt-*"; the model of a target is one name, or * alone',
        ),
        (
            P + "[models.m]\nchain = [\n'p/m',\n'p/*']",
            "6: models.m.chain[1] names p/m a second time",
        ),
        (
            P + "[models.'m*']\nchain = ['p/*', 'p/*']",
            '4: models."m*".chain[1] names p/* a second time',
        ),
        (P + "[models.m]\nchain = [{}]", '4: models.m.chain[0] needs target = "provider/model"'),
        (
            P + "[models.m]\nchain = [{ target = 3 }]",
            '4: models.m.chain[0].target is 3; it must be "provider/model"',
        ),
        (
            P + "[models.m]\nchain = [{ target = 'p/m', window = 0 }]",
            "4: models.m.chain[0].window is 0; it must be a whole number of tokens",
        ),
        (
            P + "[models.m]\nchain = ['p/m']\nallow_mixed_embeddings = 1",
            "5: models.m.allow_mixed_embeddings is 1; it must be true or false",
        ),
        (
            P + "[models.m]\nchain = ['p/m']\ntimeouts = { connect = 601 }",
            "5: models.m.timeouts.connect is 601 s, longer than the whole call (total = 600 s)",
        ),
        (P + "[models.'a[bc]']\nchain = ['p/m']", '3: models."a[bc]" is not a model name'),
        (
            P + "[models.gpt-4.1]\nchain = ['p/m']",
            '3: the name of this model has to be quoted: [models."gpt-4.1"]',
        ),
        (
            P + "[models.'embed']\nchain = ['p/a', 'p/b']",
            "4: models.embed.chain mixes embeddings of a, b",
        ),
    ],
)
def test_a_mistake_is_told_on_its_line(problems: Problems, toml: str, sentence: str) -> None:
    """With its full name, its value and what is allowed; and only once."""
    (problem,) = problems(toml)
    assert problem.startswith(f"elizanet.toml:{sentence}")


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        ("[gateway\n", 1),
        ("[gateway]\nport = \n", 2),
        ("[gateway]\nport = 1\nport = 2\n", 3),
        ("a = 1\nb = '''\nno end\n", 3),
        ("[a]\n[b]\n[a]\n", 3),
        ("a = " + "9" * 5000, 1),
        ("a = " + "[" * 20000, 1),
        ("a = 2024-13-99", 1),
        ("a = \x00", 1),
        ("api_key = planted", 1),
    ],
)
def test_what_is_not_toml_is_told_with_its_line(problems: Problems, toml: str, line: int) -> None:
    """And what the environment gets wrong is told in the same breath."""
    told = problems(toml, environ={"ELIZANET_TIMEOUT": "x"})
    assert len(told) == 2
    assert told[0].startswith(f"elizanet.toml:{line}: ")
    assert "planted" not in told[0]


_SCALARS = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(
        ["", "p/m", "p/*", "openai/x", "env:A", "file:x", "timeout", "20MiB", "off", "http://x"]
    ),
    st.text(max_size=8),
)

_NAMES = st.sampled_from(
    [
        "gateway",
        "providers",
        "models",
        "timeouts",
        "retry",
        "policy",
        "hooks",
        "hedge",
        "stream",
        "records",
        "health",
        "p",
        "openai",
        "elizanet",
        "host",
        "port",
        "keys",
        "max_body",
        "base_url",
        "api_key",
        "headers",
        "paths",
        "chain",
        "target",
        "window",
        "total",
        "connect",
        "attempt",
        "fall_back_on",
        "classify",
        "embeddings",
        "*",
        "gpt-4o",
        "embed",
        "interval",
        "after",
        "x",
    ]
)

_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=25,
)


def written(value: object) -> str:
    """Return a value as TOML."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str():
            return "'''" + "".join(c for c in value if c.isprintable() and c != "'") + "'''"
        case list():
            return f"[{', '.join(map(written, value))}]"
        case dict():
            return (
                "{" + ", ".join(f"'{key}' = {written(item)}" for key, item in value.items()) + "}"
            )
        case _:
            raise AssertionError(value)


@given(st.dictionaries(_NAMES, _VALUES, max_size=5))
def test_any_toml_is_settings_or_sentences(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object]
) -> None:
    """Whatever has which type: one plain line for each mistake, and never another error."""
    folder = tmp_path_factory.getbasetemp()
    (folder / "any.toml").write_text(
        "".join(f"'{key}' = {written(value)}\n" for key, value in tree.items()), encoding="utf-8"
    )
    problems: tuple[str, ...] = ()
    try:
        settings = load_settings(
            environ={"A": "a"}, config_file="any.toml", working_directory=folder
        )
    except ConfigurationError as error:
        problems = error.problems
    else:
        assert settings.describe()
        assert settings.routes
        return
    assert problems
    assert all(problem.startswith("any.toml:") for problem in problems)
    assert all(problem.isprintable() for problem in problems)
