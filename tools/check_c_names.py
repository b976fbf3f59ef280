"""Compares the public headers with tools/api/c.txt: every function of mlx-c with the types of its parameters and result, every
struct and enumeration.

Invariant: as in check_names: each difference is a line of the report or a row of docs/compatibility.md with its reason.
"""
import re

LIST = "tools/api/c.txt"
OWN = "mlx_ravel_"  # our additions, in mlx/c/ravel.h


def split(text):
    """The parameters of a list, commas inside of parentheses left alone."""
    parts, depth, part = [], 0, ""
    for c in text:
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += c
    return [p for p in (*parts, part) if p.strip()]


def type_of(parameter):
    """A parameter as its type, without its name: 'const int* shape' is 'const int*'."""
    text = " ".join(parameter.split())
    if match := re.match(r"(.*?)\(\*\s*\w*\s*\)\s*\((.*)\)$", text):  # a function pointer
        return f"{tidy(match.group(1))}(*)({', '.join(types_of(match.group(2)))})"
    words = re.sub(r"\[\w*\]$", "", text)
    if re.search(r"[\w*]\s*\b\w+$", words) and len(re.findall(r"\w+", words)) > 1 + words.startswith("const "):
        words = re.sub(r"\b\w+$", "", words)
    return tidy(words) + ("*" if text.endswith("]") else "")


def tidy(text):
    return re.sub(r"\s*\*", "*", " ".join(text.split())).strip()


def types_of(parameters):
    return [t for t in map(type_of, split(parameters)) if t != "void"]


def wanted(root):
    """{name: (line, what it is)} of mlx-c's interface."""
    found = {}
    for number, line in enumerate((root / LIST).read_text().splitlines(), 1):
        if match := re.match(r"(\w+)\((.*)\) -> (.*)$", line):
            found[match.group(1)] = number, f"({', '.join(types_of(match.group(2)))}) -> {tidy(match.group(3))}"
        elif match := re.match(r"struct (\w+):(.*)$", line):
            found[match.group(1)] = number, "struct " + "; ".join(type_of(p) for p in match.group(2).split(";") if p.strip())
        elif match := re.match(r"enum (\w+):(.*)$", line):
            found[match.group(1)] = number, "enum " + ", ".join(w.strip() for w in match.group(2).split(",") if w.strip())
        elif match := re.match(r"callback (.*?)\(\*(\w+)\)\((.*)\)$", line):
            found[match.group(2)] = number, f"{tidy(match.group(1))}(*)({', '.join(types_of(match.group(3)))})"
    return found


def declared(root):
    """{name: (path, line, what it is)} of the public headers."""
    found = {}
    for path in sorted((root / "include" / "mlx" / "c").glob("*.h")):
        text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)), path.read_text(), flags=re.S)

        def line(match):
            return text.count("\n", 0, match.start(1)) + 1

        for match in re.finditer(r"MLX_API\s+([^;()]*?)\b(\w+)\s*\(((?:[^;])*)\)\s*;", text):
            found[match.group(2)] = path, line(match), f"({', '.join(types_of(match.group(3)))}) -> {tidy(match.group(1))}"
        for match in re.finditer(r"typedef struct \w*\s*\{([^}]*)\}\s*(\w+);", text):
            found[match.group(2)] = path, line(match), "struct " + "; ".join(type_of(p) for p in match.group(1).split(";") if p.strip())
        for match in re.finditer(r"typedef enum \w*\s*\{([^}]*)\}\s*(\w+);", text):
            names = [re.sub(r"=.*", "", w).strip() for w in match.group(1).split(",") if w.strip()]
            found[match.group(2)] = path, line(match), "enum " + ", ".join(names)
        for match in re.finditer(r"typedef ([^;{}()]*?)\(\*(\w+)\)\(([^;]*)\);", text):
            found[match.group(2)] = path, line(match), f"{tidy(match.group(1))}(*)({', '.join(types_of(match.group(3)))})"
    return found


def compare(root):
    """(path, line, kind, what, name) of each difference."""
    theirs, ours = wanted(root), declared(root)
    for name, (number, what) in theirs.items():
        if name not in ours:
            yield root / LIST, number, "missing", f"{name} is missing from include/mlx/c", name
        elif ours[name][2] != what:
            yield ours[name][0], ours[name][1], "parameters", f"{name} is {what} in mlx-c and here {ours[name][2]}", name
    for name, (path, number, _) in ours.items():
        if name not in theirs and not name.startswith(OWN):
            yield path, number, "extra", f"{name} is not in mlx-c; ours begin with {OWN}", name
