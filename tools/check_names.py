"""Compares the built package mlx.* with tools/api: every name, its parameters and their defaults.

Invariant: each difference is either a line of the report or a row of docs/compatibility.md that gives its reason, and each
row of that page stands for a difference that is still there, so the page can only shrink.
"""
import ast
import fnmatch
import functools
import importlib
import inspect
import pathlib
import re
import types

LISTS = ["python-core.txt", "python-core-sub.txt", "python-nn.txt", "python-optimizers.txt", "python-utils.txt"]
PAGE = "docs/compatibility.md"
KINDS = ("missing", "parameters", "extra")
MISSING = object()


def parameters(head):
    """[(name, kind, default as text)] of the text '(a, /, b=1, *, c)', self and cls left out; None if it is no signature."""
    try:
        args = ast.parse(f"def f{head}: pass").body[0].args
    except SyntaxError:
        return None
    plain = args.posonlyargs + args.args
    defaults = [None] * (len(plain) - len(args.defaults)) + args.defaults
    rows = [(a.arg, "/" if i < len(args.posonlyargs) else "", text_of(d)) for i, (a, d) in enumerate(zip(plain, defaults))]
    if rows and rows[0][0] in ("self", "cls"):
        rows = rows[1:]
    if args.vararg:
        rows.append(("*" + args.vararg.arg, "*", None))
    rows += [(a.arg, "kw", text_of(d)) for a, d in zip(args.kwonlyargs, args.kw_defaults)]
    if args.kwarg:
        rows.append(("**" + args.kwarg.arg, "**", None))
    return rows


def text_of(node):
    """A default value as text that does not depend on how it is spelled: mx.float32 and float32 are one."""
    if node is None:
        return None
    try:
        value = ast.literal_eval(node)
        return repr(list(value) if isinstance(value, tuple) else value)
    except ValueError:
        return ast.unparse(node).split(".")[-1]


def live_default(value):
    if value is inspect.Parameter.empty:
        return None
    if isinstance(value, (bool, int, float, str, type(None))):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return repr(list(value))
    return getattr(value, "__name__", repr(value)).split(".")[-1]


def live_signatures(obj, name):
    """The signatures that an object shows: its docstring's opening lines (one for each overload) or Python's own."""
    found = []
    doc = inspect.getdoc(obj) or ""
    for line in doc.splitlines():
        match = re.match(rf"(?:def )?{re.escape(name)}(\(.*\))\s*(?:->.*)?$", line.strip())
        if not match:
            break
        if (rows := parameters(match.group(1))) is not None:
            found.append(rows)
    if found:
        return found
    try:
        signature = inspect.signature(obj)
    except (TypeError, ValueError):
        return []
    marks = {inspect.Parameter.POSITIONAL_ONLY: "/", inspect.Parameter.POSITIONAL_OR_KEYWORD: "",
             inspect.Parameter.KEYWORD_ONLY: "kw", inspect.Parameter.VAR_POSITIONAL: "*",
             inspect.Parameter.VAR_KEYWORD: "**"}
    rows = []
    for p in signature.parameters.values():
        mark = marks[p.kind]
        rows.append(((mark if "*" in mark else "") + p.name, mark, live_default(p.default)))
    if rows and rows[0][0] in ("self", "cls"):
        rows = rows[1:]
    return [rows]


def shown(rows):
    words, slash, star = [], any(k == "/" for _, k, _ in rows), False
    for i, (name, kind, default) in enumerate(rows):
        if kind == "kw" and not star and not any(k == "*" for _, k, _ in rows):
            words.append("*")
            star = True
        words.append(name if default is None else f"{name}={default}")
        if slash and kind == "/" and (i + 1 == len(rows) or rows[i + 1][1] != "/"):
            words.append("/")
    return "(" + ", ".join(words) + ")"


def same(ours, wanted):
    """Equal, where a positional-only name is free and numbers are compared as numbers."""
    if len(ours) != len(wanted):
        return False
    for (a, ka, da), (b, kb, db) in zip(ours, wanted):
        if ka != kb or (a != b and kb not in ("/", "*", "**")):
            return False
        if da != db:
            try:
                if ast.literal_eval(da or "") != ast.literal_eval(db or ""):
                    return False
            except (ValueError, SyntaxError):
                return False
    return True


def find(path):
    """The object behind a dotted name, or MISSING."""
    parts = path.split(".")
    obj = None
    for end in range(len(parts), 0, -1):
        try:
            obj = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            obj = inspect.getattr_static(obj, part, MISSING) if isinstance(obj, type) else getattr(obj, part, MISSING)
            if obj is MISSING:
                return MISSING
        return obj
    return MISSING


@functools.lru_cache(None)
def stub_names():
    """What the stubs of mlx.core define beyond the module itself: type aliases and protocols."""
    stub = pathlib.Path(importlib.import_module("mlx.core").__file__).parent / "core" / "__init__.pyi"
    tree = ast.parse(stub.read_text())
    return {n.name for n in tree.body if isinstance(n, ast.ClassDef)} | {
        n.target.id for n in tree.body if isinstance(n, ast.AnnAssign)}


def read_lists(root):
    """{name: [(list, line number, text of parameters or None)]} of every public Python name."""
    wanted = {}
    for list_name in LISTS:
        path = root / "tools" / "api" / list_name
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r"(class )?([\w.]+)(\(.*?\)(?= ->|$))?", line)
            head = match.group(3) if not match.group(1) else None
            wanted.setdefault(match.group(2), []).append((path, number, head))
    return wanted


def check_one(name, rows):
    """The differences of one name: (path, line, kind, what)."""
    path, number, _ = rows[0]
    obj = find(name)
    top = ".".join(name.split(".")[:3])
    if obj is MISSING and top.startswith("mlx.core.") and find(top) is MISSING and top.split(".")[2] in stub_names():
        return []  # a name of type checkers alone, as in MLX
    if obj is MISSING:
        return [(path, number, "missing", f"{name} is missing")]
    if isinstance(obj, (staticmethod, classmethod)):
        obj = obj.__func__
    if isinstance(obj, (property, types.GetSetDescriptorType)):
        return []  # the lists show a setter as one more signature
    short = name.rsplit(".", 1)[1]
    if short.startswith("__") and short != "__init__":
        return []  # slots show no signature; the array protocol tests call them
    if short == "__init__":
        owner = find(name.rsplit(".", 1)[0])
        ours = live_signatures(owner, owner.__name__) or live_signatures(obj, short)
    elif all(head is None for _, _, head in rows):
        return []
    else:
        ours = live_signatures(obj, short)
    found = []
    for path, number, head in rows:
        wanted = parameters(head) if head else None
        if wanted is not None and not any(same(o, wanted) for o in ours):
            mine = " and ".join(shown(o) for o in ours) or "no signature in its docstring"
            found.append((path, number, "parameters", f"{name}{shown(wanted)} is here {mine}"))
    return found


def extras(root, wanted):
    """Public names of the extension that MLX does not have."""
    core = importlib.import_module("mlx.core")
    holders = [("mlx.core", core)]
    holders += [(f"mlx.core.{n}", o) for n, o in vars(core).items() if isinstance(o, types.ModuleType)]
    holders += [(f"mlx.core.{n}", o) for n, o in vars(core).items() if isinstance(o, type) and f"mlx.core.{n}" in wanted]
    for prefix, holder in holders:
        for name in vars(holder):
            full = f"{prefix}.{name}"
            known = full in wanted or any(w.startswith(full + ".") for w in wanted)
            if not known and not name.startswith("_"):
                yield root / PAGE, 1, "extra", f"{full} is not in tools/api", full


def read_page(root):
    """Rows of the table: [(line number, patterns, kind, reason)]."""
    rows = []
    for number, line in enumerate((root / PAGE).read_text().splitlines(), 1):
        if line.startswith("| `"):
            cells = [c.strip() for c in line.strip().strip("|").split("|")]
            rows.append((number, re.findall(r"`([^`]+)`", cells[0]), cells[1] if len(cells) > 1 else "",
                         cells[2] if len(cells) > 2 else ""))
    return rows


def differences(root):
    """Yields (path, line, what, mend) for each difference that the page does not explain, and each row without one."""
    import check_c_names

    wanted = read_lists(root)
    found = [(*d, name) for name, rows in wanted.items() for d in check_one(name, rows)] + list(extras(root, wanted))
    found += check_c_names.compare(root)
    page = root / PAGE
    rows = read_page(root)
    used = set()
    for path, line, kind, what, name in found:
        hits = [(number, p) for number, patterns, row_kind, reason in rows if row_kind == kind and reason
                for p in patterns if fnmatch.fnmatchcase(name, p)]
        used.update(hits)
        if not hits:
            yield path, line, what, f"mend it, or add a row `{name}` | {kind} | reason to {PAGE}"
    for number, patterns, kind, reason in rows:
        if kind not in KINDS or not reason:
            yield page, number, "row without a kind or a reason", f"| `name` | {' or '.join(KINDS)} | reason |"
            continue
        for pattern in patterns:
            if (number, pattern) not in used:
                yield page, number, f"`{pattern}` ({kind}) differs no longer", "delete it"
