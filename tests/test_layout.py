"""Imports run one way; the public names are declared; the command line answers at once."""

import ast
import re
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
    ["scenery"],
    ["data"],
    ["networks"],
    ["registry"],
    ["published"],
    ["translation"],
    ["evaluation"],
    ["training"],
    ["runs"],
    ["deployment"],
    ["cli"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
MODULES = {
    ".".join(("combogan", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
    if path.name != "__main__.py"  # which only calls the command line
}


def imported(path):
    """The modules that a file imports, also those that only type checkers see."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("combogan"):
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                yield inner if inner in MODULES else node.module


def test_imports_run_one_way():
    for name, path in MODULES.items():
        if name != "combogan":
            for module in imported(path):
                if module != "combogan":  # for its version
                    assert RANK[module.split(".")[1]] <= RANK[name.split(".")[1]], f"{path} imports {module}"


def test_no_modules_import_each_other_in_a_circle():
    graph = {name: set(imported(path)) - {"combogan"} for name, path in MODULES.items() if name != "combogan"}
    done = set()

    def visit(module, trail):
        assert module not in trail, f"a circle: {' -> '.join([*trail, module])}"
        if module not in done:
            for other in graph.get(module, ()):
                visit(other, [*trail, module])
            done.add(module)

    for module in graph:
        visit(module, [])


def test_every_room_has_a_map_with_a_line_for_each_of_its_files():
    for room in (path.parent for path in PACKAGE.glob("*/__init__.py")):
        files = {path.stem for path in room.glob("*.py")} - {"__init__"}
        told = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
        assert sorted(re.findall(r"^(\w+)  +\w", told, re.MULTILINE)) == sorted(files), room.name


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


def test_a_plan_imports_neither_torchmetrics_nor_the_compiler_of_torch(tmp_path):
    code = "import sys, torch, combogan.cli.main as m\nbefore = set(sys.modules)\n"
    code += "sys.argv = 'combogan train --domains summer,winter --preset quick --dry-run'.split()\n"
    code += "try: m.main()\nexcept SystemExit: pass\n"
    code += "print(sorted({'torchmetrics', 'torch._dynamo'} & set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "each domain trained 2,500 times" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"  # torchmetrics takes two seconds to import, torch._dynamo one


def test_nothing_but_published_checkpoints_and_pretrained_features_are_read_from_pickles():
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
                    allowed = path.parent.name == "published" or path == PACKAGE / "networks" / "features.py"
                    assert allowed, path
                    given = {keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords}
                    assert given["weights_only"] is True, path


def test_the_hash_of_pretrained_features_is_checked_before_they_are_loaded():
    tree = ast.parse((PACKAGE / "networks" / "features.py").read_text())
    (reading,) = (node for node in tree.body if "torch.load(" in ast.unparse(node))
    steps = [(node, ast.unparse(node)) for node in reading.body]
    (check,) = (place for place, (_, code) in enumerate(steps) if "hashlib.sha256(content)" in code)
    (load,) = (place for place, (_, code) in enumerate(steps) if "torch.load(" in code)
    assert isinstance(steps[check][0], ast.If)
    assert isinstance(steps[check][0].body[-1], ast.Raise)
    assert check < load
    assert "torch.load(io.BytesIO(content)," in steps[load][1]  # the bytes that were hashed, not the file again
