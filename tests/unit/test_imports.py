"""Modules of the package do not import each other in circles, imports inside functions included."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import vifex

SOURCE = Path(vifex.__file__).parent


def _modules() -> dict[str, Path]:
    """Return every module's dotted name and file; a package's name stands for its `__init__.py`."""
    found = {}
    for path in SOURCE.rglob("*.py"):
        parts = ("vifex", *path.relative_to(SOURCE).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _run_statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield every statement that may run: what stands under `if TYPE_CHECKING` does not."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _run_statements(child)


def _imports(path: Path, modules: dict[str, Path]) -> set[str]:
    named = set()
    for node in _run_statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports name the whole path"
            of = [f"{node.module}.{alias.name}" for alias in node.names]
            named |= {name if name in modules else str(node.module) for name in of}
    return named & set(modules)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that reach each other, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[-len(group) :]
            if len(group) > 1 or name in graph[name]:
                found.append(sorted(group))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]


def test_modules_do_not_import_each_other_in_circles() -> None:
    modules = _modules()
    graph = {name: _imports(path, modules) for name, path in modules.items()}
    assert sum(map(len, graph.values())) > 500, "the imports were not read"
    assert circles(graph) == []
