"""The docstrings of mlx.core: every public name, found by introspection, and every example run as it stands."""

import doctest
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


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_gives_what_it_shows(name):
    mx.random.seed(0)
    example = doctest.DocTestParser().get_doctest(NAMES[name].__doc__, {"mx": mx}, name, None, None)
    report = []
    doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert not report, "".join(report)
