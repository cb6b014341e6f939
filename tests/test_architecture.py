"""House rules that can be read off the source. Import arrows are import-linter's; these are the others."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("telemetry", "runtime", "storage", "edge", "ingest", "api", "firmware_sim", "grafana", "halong")
MODULES = sorted(
    str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("*.py")
)

# A queue without a bound of its own needs a reason here: what bounds it instead.
BOUNDED_OTHERWISE = {
    "edge/line.py": "from MAX_CHUNKS on the port is not read any more",
    "firmware_sim/mqtt_devices.py": "put() drops the oldest above BUFFER and tells",
    "ingest/receive.py": "Inbox.offer() refuses above INBOX_MESSAGES and INBOX_BYTES",
}

# One door per library: the only modules that may know it.
DOORS = {
    "aiomqtt": {"runtime/mqtt.py"},
    "paho": {"runtime/mqtt.py"},
    "serial": {"edge/line.py", "edge/serialports.py"},
    "serial_asyncio_fast": {"edge/line.py"},
    "duckdb": {"storage/duckfile.py", "storage/duckpool.py", "storage/embedded.py", "storage/parquet.py"},
    "influxdb_client": {"storage/influx_http.py"},
    "aiohttp": {"storage/influx_http.py", "ingest/alarms/channels.py"},
    "aiosmtplib": {"ingest/alarms/channels.py"},
    "uvicorn": {"halong/serving.py"},
    "cryptography": {"halong/pki.py"},
    "fastapi": {module for module in MODULES if module.startswith("api/")},
    "starlette": {module for module in MODULES if module.startswith("api/")},
}

# Where processes are put together: they own the clock and the dice, everybody else is given them.
OWN_CLOCK = {
    "edge/hostclock.py",
    "firmware_sim/publishing.py",
    "firmware_sim/street.py",
    "halong/chaos/run.py",
    "halong/chaos/stepped.py",
    "halong/cli/edge_options.py",
    "halong/cli/pki.py",
    "halong/doctor/look.py",
    "halong/hub.py",
    "halong/installation.py",
    "halong/processes.py",
    "halong/cli/records.py",
    "halong/status.py",
    "halong/up.py",
    "storage/open.py",
}
OWN_DICE = {
    "edge/agent.py",
    "halong/chaos/run.py",
    "halong/doctor/look.py",
    "halong/hub.py",
    "halong/keys.py",
}
CLOCKS = {
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.localtime", "time.gmtime",
    "time.clock_gettime", "time.clock_gettime_ns",
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today",
}  # fmt: skip
SEEDED, DICE_TYPES = {"random.Random", "numpy.random.default_rng"}, {"numpy.random.Generator"}
DICE = ("random.", "secrets.", "os.urandom", "uuid.uuid1", "uuid.uuid4", "numpy.random.")

DOCUMENTED_ELSEWHERE = {"storage/inventory.py": "its methods are the Book's, which say what they do"}

PURE = ("telemetry/", "edge/drivers/", "firmware_sim/devices/", "ingest/detectors/")
IMPURE = {
    "asyncio", "concurrent", "fcntl", "http", "logging", "multiprocessing", "os", "select", "selectors", "signal", "socket",
    "sqlite3", "structlog", "subprocess", "tempfile", "termios", "threading", "time", "urllib.request",
}  # fmt: skip


@cache
def tree(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"), module)


def imports(module: str) -> Iterator[str]:
    """Dotted names of everything imported, also inside functions: `a.b` for `from a import b`."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def names(module: str) -> dict[str, str]:
    """What a local name stands for: {"now": "time.time"} after `from time import time as now`."""
    found: dict[str, str] = {}
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                found[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def dotted(node: ast.AST, known: dict[str, str]) -> str:
    """`time.time` for the expression that means it; "" for anything else."""
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value, known)
        return f"{inner}.{node.attr}" if inner else ""
    return known.get(node.id, "") if isinstance(node, ast.Name) else ""


def used(module: str) -> Iterator[str]:
    """Dotted names of imported things that are used, called or not."""
    known = names(module)
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Attribute | ast.Name) and (name := dotted(node, known)):
            yield name


def where(module: str, node: ast.expr | ast.stmt | ast.excepthandler) -> str:
    return f"{module}:{node.lineno}"


def test_there_is_something_to_look_at() -> None:
    assert len(MODULES) > 90
    assert {module.partition("/")[0] for module in MODULES} == set(PACKAGES)


def unbounded(module: str) -> list[str]:
    known, found = names(module), []
    for node in ast.walk(tree(module)):
        if not isinstance(node, ast.Call):
            continue
        kind = dotted(node.func, known)
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        match kind:
            case "collections.deque":
                bound = given.get("maxlen", node.args[1] if len(node.args) > 1 else None)
            case "asyncio.Queue" | "asyncio.PriorityQueue" | "asyncio.LifoQueue" | "queue.Queue":
                bound = given.get("maxsize", node.args[0] if node.args else None)
            case "queue.SimpleQueue":
                bound = None
            case _:
                continue
        if bound is None or (isinstance(bound, ast.Constant) and not bound.value):
            found.append(where(module, node))
    return found


@pytest.mark.parametrize(
    "module", [module for module in MODULES if unbounded(module)] + list(BOUNDED_OTHERWISE)
)
def test_every_queue_has_a_bound_or_a_reason(module: str) -> None:
    assert module in BOUNDED_OTHERWISE, unbounded(module)
    assert unbounded(module), "no reason is needed any more"


def is_everything(kind: ast.expr | None) -> bool:
    return kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException"))


def too_broad(module: str) -> list[str]:
    """Handlers that catch everything, except to clean up and raise it again; and suppress(Exception)."""
    known, found = names(module), []
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ExceptHandler):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            broad = any(is_everything(kind) for kind in kinds)
            last = node.body[-1]
            if broad and not (isinstance(last, ast.Raise) and last.exc is None):
                found.append(where(module, node))
        elif isinstance(node, ast.Call) and dotted(node.func, known) == "contextlib.suppress":
            found += [where(module, node)] * any(is_everything(kind) for kind in node.args)
    return found


def test_nobody_catches_everything() -> None:
    assert [place for module in MODULES for place in too_broad(module)] == []


@pytest.mark.parametrize("library", DOORS)
def test_a_library_has_its_door(library: str) -> None:
    inside = {
        module for module in MODULES if any(name.partition(".")[0] == library for name in imports(module))
    }
    assert inside - DOORS[library] == set()
    assert inside, f"nobody imports {library}: take it from the list"


def test_clocks_are_read_where_processes_are_put_together() -> None:
    readers = {module for module in MODULES if CLOCKS.intersection(used(module))}
    assert readers - OWN_CLOCK == set()
    assert OWN_CLOCK - readers == set(), "no clock there any more"


def rolls(module: str) -> list[str]:
    """Randomness that nobody handed in: module functions of `random`, unseeded Random() and default_rng(), secrets, UUIDs."""
    known = names(module)
    unseeded = [
        where(module, node)
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and dotted(node.func, known) in SEEDED and not node.args
    ]
    return unseeded + [
        name for name in used(module) if name.startswith(DICE) and name not in SEEDED | DICE_TYPES
    ]


def test_dice_are_rolled_where_processes_are_put_together() -> None:
    assert {module: rolls(module) for module in MODULES if rolls(module) and module not in OWN_DICE} == {}
    assert all(rolls(module) for module in OWN_DICE)


def says_pure(module: str) -> bool:
    """By its place, or by the word in its own docstring."""
    docstring = ast.get_docstring(tree(module)) or ""
    return module.startswith(PURE) or re.search(r"\b[Pp]ure\b(?! but| module)", docstring) is not None


def test_many_modules_say_that_they_are_pure() -> None:
    claimed = [module for module in MODULES if says_pure(module)]
    assert {
        "edge/delivery.py",
        "firmware_sim/model.py",
        "halong/account.py",
        "storage/lineprotocol.py",
    } <= set(claimed)
    assert len(claimed) > 40


@pytest.mark.parametrize("module", [module for module in MODULES if says_pure(module)])
def test_what_says_it_is_pure_does_no_io_and_reads_no_clock(module: str) -> None:
    wrong = [
        name
        for name in imports(module)
        if name.partition(".")[0] in IMPURE or name.startswith("urllib.request")
    ]
    assert wrong == []
    assert [name for name in imports(module) if name.startswith("random") and name != "random.Random"] == []
    assert CLOCKS.isdisjoint(used(module))
    opened = [
        where(module, node)
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("open", "print", "input")
    ]
    assert opened == []


def undocumented(module: str) -> Iterator[str]:
    """The module, and what of it others may use: classes, functions, methods."""
    content = tree(module)
    if not ast.get_docstring(content) and content.body:
        yield module
    public: list[ast.AST] = [content]
    while public:
        for node in ast.iter_child_nodes(public.pop()):
            if isinstance(
                node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            ) and not node.name.startswith("_"):
                if not ast.get_docstring(node):
                    yield f"{where(module, node)} {node.name}"
                if isinstance(node, ast.ClassDef):
                    public.append(node)


def test_every_public_module_class_and_function_says_what_it_is() -> None:
    found = [
        place for module in MODULES if module not in DOCUMENTED_ELSEWHERE for place in undocumented(module)
    ]
    assert found == []


IMPORT_EVERYTHING = """
import importlib, os, sys, threading
seen = []
known = [("socket.bind", "('::1', 0)")]  # urllib3 looks whether there is IPv6, and closes
watched = ("socket.bind", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.fork", "os.posix_spawn")
def hear(event, args):
    if event in watched and (event, str(args[-1])) not in known:
        seen.append((event, args))
sys.addaudithook(hear)
for module in sys.argv[1:]:
    before = threading.active_count()
    importlib.import_module(module)
    if threading.active_count() != before:
        print(module, "starts a thread")
    if seen:
        print(module, "does", seen)
        seen.clear()
links = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{fd}")]
print(*[link for link in links if link.startswith("socket:")], end="")
print(len(sys.argv) - 1, "imported")
"""


def test_importing_any_module_starts_no_thread_and_opens_no_connection() -> None:
    modules = [module.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for module in MODULES]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING, *modules],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{len(modules)} imported"]
    assert done.stderr == ""


@pytest.mark.parametrize(("tests", "other"), [("firmware_sim", "edge"), ("edge", "firmware_sim")])
def test_simulator_and_agent_are_tested_apart(tests: str, other: str) -> None:
    """The one place where they meet is tests/contracts: else a shared mistake would look like agreement."""
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "tests" / tests).rglob("*.py")]
    assert files
    assert [(file, name) for file in files for name in imports(file) if name.partition(".")[0] == other] == []


def test_the_verifiers_readers_know_nothing_of_the_agent() -> None:
    """A bug there cannot hide itself in the account."""
    assert [name for name in imports("halong/sets.py") if name.partition(".")[0] in ("edge", "ingest")] == []


def test_whoever_counts_examples_is_multiplied_in_make_fuzz() -> None:
    """A plain number of examples would stay the same there."""
    counting = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "max_examples"
    }
    assert counting == {"tests/thorough.py"}


def test_only_the_table_of_commands_leads_to_the_command_line() -> None:
    """What a command does is beside `halong.cli`, and knows nothing of options."""
    outside = [module for module in MODULES if not module.startswith("halong/cli/")]
    assert [m for m in outside if any(f"{name}.".startswith("halong.cli.") for name in imports(m))] == []
