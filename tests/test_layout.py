"""Imports run one way; the public names are declared; the command line answers at once."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import combogan

PACKAGE = Path(combogan.__file__).parent
LAYERS = [
    ["errors"],
    ["sections"],
    ["settings", "seeding", "storage", "machine"],
    ["data"],
    ["networks"],
    ["registry"],
    ["translation"],
    ["evaluation"],
    ["training"],
    ["cli"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("combogan"):
            yield from [node.module] if node.module != "combogan" else [f"combogan.{name.name}" for name in node.names]


def test_imports_run_one_way():
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts == ("__init__",):
            continue
        for module in imported(path):
            layer = module.split(".")[1]
            assert RANK[layer] <= RANK[parts[0]], f"{path} imports {module}"


def test_no_two_modules_import_each_other():
    graph = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(("combogan", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        if name != "combogan":
            lines = path.read_text().split("if TYPE_CHECKING:")[0]
            graph[name] = {m for m in imported(path) if m in lines}
    done = set()

    def visit(module, trail):
        assert module not in trail, f"a circle: {' -> '.join([*trail, module])}"
        if module not in done:
            for other in graph.get(module, ()):
                visit(other, [*trail, module])
            done.add(module)

    for module in graph:
        visit(module, [])


def test_what_is_declared_public_can_be_imported():
    assert combogan.__all__ == sorted(combogan.__all__)
    for name in combogan.__all__:
        assert getattr(combogan, name).__name__ == name


def test_the_help_answers_at_once_and_does_not_import_torch():
    started = time.perf_counter()
    code = "import sys, combogan.cli.main as m; sys.argv = ['combogan', '--help']\n"
    code += "try: m.main()\nexcept SystemExit: pass\n"
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert "combogan train --domains summer,winter,spring,fall" in done.stdout
    assert time.perf_counter() - started < 2  # 0.1 s on an idle machine; CI machines are not idle


def test_nothing_but_the_import_of_published_checkpoints_reads_a_pickle():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names}
                if names != {"UnpicklingError"}:
                    names |= {getattr(node, "module", None)}
                assert not names & {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve"}, path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = getattr(node.func.value, "id", None)
                assert (owner, node.func.attr) != ("torch", "save"), path
                if (owner, node.func.attr) == ("torch", "load"):
                    assert path.parent.name == "registry", path
                    given = {keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords}
                    assert given["weights_only"] is True, path
