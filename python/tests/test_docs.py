"""The docstrings of mlx.core: every public name, found by introspection, and every example run as it stands."""

import doctest
import re
import types

import mlx.core as mx
import pytest


def members(owner, name):
    """(full name, object) of what a module or class shows, itself included, depth first."""
    yield name, owner
    for key, value in sorted(vars(owner).items()):
        if key.startswith("_"):
            continue
        full = f"{name}.{key}"
        if isinstance(value, types.ModuleType) or (isinstance(value, type) and isinstance(owner, types.ModuleType)):
            yield from members(value, full)
        elif callable(value) or isinstance(value, (types.GetSetDescriptorType, types.MethodDescriptorType, property)):
            yield full, value


NAMES = dict(members(mx, "mx"))
EXAMPLES = [name for name, value in NAMES.items() if ">>>" in (value.__doc__ or "")]


def test_the_walk_finds_functions_methods_properties_and_classes_of_every_module():
    assert len(NAMES) > 300
    assert {"mx.exp", "mx.array", "mx.array.sum", "mx.array.shape", "mx.random.normal", "mx.Device.type"} <= set(NAMES)


def missing(name, value):
    """What a docstring lacks: a first line with its signature (a property's: its type), what it gives, a sentence, an example."""
    doc, short = value.__doc__ or "", name.rsplit(".", 1)[1]
    head, _, text = doc.partition("\n\n")
    is_property = isinstance(value, (types.GetSetDescriptorType, property))
    if not doc:
        yield "a docstring"
    elif is_property:
        if not re.match(rf"{re.escape(short)}: \S", head):
            yield "its type"
    elif not isinstance(value, type):
        for line in head.splitlines():
            if not re.match(rf"{re.escape(short)}\(.*\) -> \S", line):
                yield f"a signature that says what it gives ({line})"
    elif doc.startswith(short + "("):  # a class that can be made
        pass
    else:
        text = doc
    if not re.search(r"\w", text.split(">>>")[0]):
        yield "a sentence"
    if ">>>" not in doc:
        yield "an example"


def test_every_public_name_says_what_it_is_and_shows_it():
    found = [f"{name} lacks {what}" for name, value in NAMES.items() if not isinstance(value, types.ModuleType) for what in missing(name, value)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_gives_what_it_shows(name):
    mx.random.seed(0)
    example = doctest.DocTestParser().get_doctest(NAMES[name].__doc__, {"mx": mx}, name, None, None)
    report = []
    doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert not report, "".join(report)
