"""The package as a whole: what importing it does, and which room may stand on which."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import chainrule

SOURCE = Path(chainrule.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))

# What each room may import, besides itself: imports run downwards only.
GROUND = {"checks", "rule"}
FUNCTIONS = GROUND | {"ops"}
MODELS = FUNCTIONS | {"losses", "layer", "compose", "layers", "models"}
TRAINING = MODELS | {"optim", "data", "train"}
MAY_IMPORT = {
    "checks": set(),
    "rule": {"checks"},
    "ops": GROUND,
    "losses": FUNCTIONS,
    "layer": GROUND,
    "compose": GROUND | {"layer"},
    "flops": set(),
    "model_summary": {"flops", "layer", "compose", "rule"},
    "layers": FUNCTIONS | {"layer", "compose"},
    "models": MODELS - {"models"},
    "train": TRAINING | {"plot"},
    "recipes": TRAINING | {"plot", "chainrule", "maths"},
    "course": TRAINING | {"plot", "maths"},
    "cli": TRAINING | {"plot", "audit", "recipes", "chainrule", "model_summary", "course"},
    "__main__": {"cli"},
    # Side rooms: on the ground, or on arrays alone; the referee looks at everything that has a derivative or a
    # formula.
    "optim": GROUND,
    "data": GROUND,
    "maths": {"checks"},
    "plot": GROUND | {"audit"},  # draws its reports
    "audit": MODELS | {"optim"},
    # The front door, which opens the other rooms when they are asked for.
    "chainrule": GROUND | {"layer", "compose", "model_summary"},
}


def module_name(path):
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


def room(module):
    """The room of a module: ``chainrule.ops.affine`` is in ops; what is not in a room is the front door."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "chainrule"


def modules_imported(node, where):
    """The full names of what an import statement imports; names of a package that are modules count as modules."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    origin = node.module or ""
    if node.level:  # from .adam import adam, in chainrule.optim.chain: chainrule.optim.adam
        package = where if MODULES[where].name == "__init__.py" else where.rpartition(".")[0]
        origin = importlib.util.resolve_name("." * node.level + origin, package)
    found = []
    for alias in node.names:
        full = f"{origin}.{alias.name}"
        face = getattr(chainrule, alias.name, None) if origin == "chainrule" else None
        if full in MODULES:
            found.append(full)
        elif getattr(face, "__module__", "").startswith("chainrule."):
            found.append(face.__module__)  # `from chainrule import chain` is an import of compose
        else:
            found.append(origin)
    return found


def imports(name):
    """What a module imports, wherever in it."""
    statements = [node for node in ast.walk(TREES[name]) if isinstance(node, (ast.Import, ast.ImportFrom))]
    return [imported for node in statements for imported in modules_imported(node, name)]


def imports_when_loaded(name):
    """Those that run when the module is imported, not when one of its functions is called."""
    found, open_nodes = [], list(TREES[name].body)
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found += modules_imported(node, name)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            open_nodes += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
    return found


# ----------------------------------------------------------------------------------------------------------------------
# What importing does
# ----------------------------------------------------------------------------------------------------------------------

PROBE = """
import json, sys
import jax
before = dict(jax.config.values)
import chainrule
at_import = sorted(sys.modules)
import chainrule.layers, chainrule.losses, chainrule.models, chainrule.ops, chainrule.optim, chainrule.train
import chainrule.data, chainrule.audit, chainrule.recipes, chainrule.cli
after = dict(jax.config.values)
changed = [name for name in after if before.get(name) != after[name]]
backends = len(jax._src.xla_bridge._backends)
print(json.dumps({"at_import": at_import, "modules": sorted(sys.modules), "changed": changed, "backends": backends}))
"""


@pytest.fixture(scope="module")
def fresh():
    """A new process that imports the package, and then the rooms."""
    run = subprocess.run([sys.executable, "-W", "error", "-c", PROBE], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_import_loads_no_heavy_library(fresh):
    loaded = {name.partition(".")[0] for name in fresh["at_import"]}
    assert "jax" in loaded
    assert not loaded & {"matplotlib", "sklearn", "rich", "optax", "torch", "flax", "scipy.stats", "PIL", "mlxtend"}


def test_not_even_the_rooms_load_what_a_program_may_not_need(fresh):
    loaded = {name.partition(".")[0] for name in fresh["modules"]}
    assert not loaded & {"matplotlib", "sklearn", "optax", "torch", "flax", "mlxtend"}


def test_import_changes_no_configuration_of_jax(fresh):
    assert fresh["changed"] == []


def test_import_computes_nothing(fresh):
    assert fresh["backends"] == 0  # no device was asked for an array


# ----------------------------------------------------------------------------------------------------------------------
# Names
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", chainrule._ROOMS)
def test_every_room_opens(name):
    assert getattr(chainrule, name).__name__ == f"chainrule.{name}"
    assert name in chainrule.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'chainrule' has no attribute 'garage'"):
        chainrule.garage  # noqa: B018


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_names_in_all_exist_and_none_twice(name):
    module = importlib.import_module(name)
    names = list(getattr(module, "__all__", []))
    assert [missing for missing in names if not hasattr(module, missing)] == []
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_every_module_says_what_it_is(name):
    assert (importlib.import_module(name).__doc__ or "").strip()


# ----------------------------------------------------------------------------------------------------------------------
# Imports
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODULES)
def test_no_other_framework_is_imported(name):
    roots = {imported.partition(".")[0] for imported in imports(name)}
    assert not roots & {"optax", "flax", "torch", "equinox", "haiku", "tensorflow", "keras"}


@pytest.mark.parametrize("name", MODULES)
def test_imports_run_downwards(name):
    own = room(name)
    assert own in MAY_IMPORT, f"a new room: say in this test which rooms {own} may import"
    within = [imported for imported in imports(name) if imported.partition(".")[0] == "chainrule"]
    rooms = {room(imported) for imported in within}
    assert rooms - {own} <= MAY_IMPORT[own]


def test_rooms_stand_on_one_another_without_circles():
    TopologicalSorter(MAY_IMPORT | {"train": MAY_IMPORT["train"] - {"train"}}).prepare()


def closed(targets):
    return {target for target in targets if target in MODULES}


def test_modules_import_one_another_without_circles():
    graph = {name: closed(imports_when_loaded(name)) - {name, room_package(name)} for name in MODULES}
    TopologicalSorter(graph).prepare()
    assert graph["chainrule.ops.affine"] == {"chainrule.checks", "chainrule.rule"}


def room_package(name):
    """The package that a module lies in: it is loaded first, whatever the module imports."""
    return name.rpartition(".")[0]


# ----------------------------------------------------------------------------------------------------------------------
# No differentiation where rules are
# ----------------------------------------------------------------------------------------------------------------------

DIFFERENTIATION = {
    *("grad", "value_and_grad", "vjp", "jvp", "linearize", "jacfwd", "jacrev", "jacobian", "hessian"),
    *("linear_transpose", "custom_jvp", "custom_vjp", "custom_gradient", "checkpoint", "remat", "ad", "fwd_and_bwd"),
}
JAX_MODULES = {"jax", "lax", "jnp", "api", "ad"}


def differentiation_in(tree):
    """The names of JAX's differentiation that a module uses: ``jax.grad``, or imported from jax by name."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "jax":
            found += [alias.name for alias in node.names if alias.name in DIFFERENTIATION]
            found += [node.module for part in node.module.split(".") if part in ("_src", "interpreters")]
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.startswith(("jax._src", "jax.interpreters"))]
        if isinstance(node, ast.Attribute) and node.attr in DIFFERENTIATION:
            base = node.value
            if isinstance(base, ast.Name) and base.id in JAX_MODULES:
                found.append(node.attr)
        if isinstance(node, ast.Attribute) and node.attr == "by_hand":
            found.append("by_hand")
    return found


@pytest.mark.parametrize(
    "name",
    [name for name in MODULES if room(name) in ("ops", "losses", "layers", "models", "optim", "compose", "layer")],
)
def test_rules_use_no_differentiation(name):
    assert differentiation_in(TREES[name]) == []


@pytest.mark.parametrize(
    "source",
    [
        "import jax\njax.grad(f)",
        "from jax import vjp",
        "from jax import lax, linearize as line",
        "import jax\n@jax.custom_vjp\ndef f(x): ...",
        "from jax._src.interpreters import ad",
        "import jax.interpreters.ad",
        "from chainrule import ops\nops.tanh.by_hand(1.0)",
    ],
)
def test_planted_differentiation_is_found(source):
    assert differentiation_in(ast.parse(source))


MATHEMATICS = {"maths", "course"}  # of derivatives, JAX's own among them: no rule or layer stands on it


def test_only_two_modules_differentiate_where_rules_are():
    """``rule`` for the third way in, and the training step for its comparison with autodiff."""
    users = {name for name, tree in TREES.items() if set(differentiation_in(tree)) - {"by_hand"}}
    elsewhere = {"audit", *MATHEMATICS}
    assert {name for name in users if room(name) not in elsewhere} == {"chainrule.rule", "chainrule.train.step"}
    assert {name for name, allowed in MAY_IMPORT.items() if allowed & MATHEMATICS} == {"recipes", "course", "cli"}
