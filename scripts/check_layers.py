"""Dependencies point down only: fail on an import that points up.

    python scripts/check_layers.py

Every module of the package belongs to one layer, and imports from its own layer or a lower
one; `policy` imports nothing of ours but data. The list is read from the bottom up.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src"

LAYERS: tuple[tuple[str, ...], ...] = (
    (
        "elizanet._version",
        "elizanet.multipart",
        "elizanet.operation",
        "elizanet.redact",
        "elizanet.sse",
        "elizanet.json_fields",
        "elizanet.limit",
    ),
    ("elizanet.errors", "elizanet.call", "elizanet.capture", "elizanet.pushing"),
    ("elizanet.policy", "elizanet.classify", "elizanet.settings", "elizanet.tokens"),
    ("elizanet.http", "elizanet.telemetry", "elizanet.usage", "elizanet.prices", "elizanet.logs"),
    ("elizanet.health", "elizanet.continuation", "elizanet.records"),
    ("elizanet.target", "elizanet.metrics", "elizanet.otel"),
    ("elizanet.plan", "elizanet.history", "elizanet.providers"),
    (
        "elizanet.run",
        "elizanet.trial",
        "elizanet.stream",
        "elizanet.scarcity",
        "elizanet.race",
        "elizanet.resume",
    ),
    ("elizanet.engine", "elizanet.embedding_space", "elizanet.hooks", "elizanet.model_types"),
    ("elizanet.router",),
    ("elizanet.monitor",),
    ("elizanet.library", "elizanet.gateway", "elizanet.testing"),
    ("elizanet.cli", "elizanet.__main__"),
    ("elizanet",),
)


def layer_of(module: str) -> int:
    """Return the layer of a module: that of its longest listed prefix."""
    best = ("", -1)
    for level, names in enumerate(LAYERS):
        for name in names:
            inside = module == name or module.startswith(f"{name}.")
            if inside and len(name) > len(best[0]) and (name != "elizanet" or module == name):
                best = (name, level)
    return best[1]


def imports_of(path: Path) -> list[tuple[int, str]]:
    """Return line and module of every import of ours in a file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [
                (
                    node.lineno,
                    n
                    if (SOURCE / Path(*n.split("."))).exists()
                    or (SOURCE / Path(*n.split("."))).with_suffix(".py").exists()
                    else node.module,
                )
                for n in names
            ]
        elif isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
    return [(line, name) for line, name in found if name.split(".")[0] == "elizanet"]


def main() -> int:
    """Print each violation and return 1 if there is one."""
    problems = []
    for path in sorted((SOURCE / "elizanet").rglob("*.py")):
        relative = path.relative_to(SOURCE).with_suffix("")
        module = ".".join(relative.parts).removesuffix(".__init__")
        if layer_of(module) < 0:
            problems.append(f"{path}: {module} belongs to no layer; add it to LAYERS")
        for line, imported in imports_of(path):
            if layer_of(imported) > layer_of(module):
                problems.append(f"{path}:{line}: {module} imports {imported}, which is above it")
    print("\n".join(problems) or "dependencies point down only")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
