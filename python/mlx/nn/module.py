"""Module: a dict of parameters and submodules with a ``__call__``."""

from __future__ import annotations

import textwrap

import mlx.core as mx
from mlx.utils import tree_flatten, tree_unflatten


class Module(dict):
    """The base of all layers and models.

    Attributes that are arrays, modules, or lists and dicts of them are the module's parameters and children: they live in the
    dict itself. Attributes whose names begin with an underscore, and values of other types, are not parameters.
    """

    def __init__(self):
        object.__setattr__(self, "_no_grad", set())
        object.__setattr__(self, "_training", True)

    @property
    def training(self):
        """Is the module in training mode (True after construction and ``train()``)?"""
        return self._training

    @property
    def state(self):
        """The module's own dict: what ``mx.compile`` captures."""
        return self

    # Attributes are dict entries where they are parameters, ordinary attributes otherwise.

    def __getattr__(self, key):
        try:
            return self[key]
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {key!r}") from None

    def __setattr__(self, key, value):
        if isinstance(value, (mx.array, dict, list, tuple)) and not key.startswith("__"):
            self.__dict__.pop(key, None)
            self[key] = value
        else:
            super().__setattr__(key, value)
            self.pop(key, None)

    def __delattr__(self, key):
        if key in self:
            del self[key]
        else:
            super().__delattr__(key)

    def __repr__(self):
        children = tree_flatten(self.children(), is_leaf=Module.is_module)
        text = f"{type(self).__name__}({self._extra_repr()}"
        for name, child in children:
            text += "\n" + textwrap.indent(f"({name}): {child!r}", "  ")
        return text + ("\n)" if children else ")")

    def _extra_repr(self):
        return ""

    # A dict compares by content; modules are themselves.

    def __eq__(self, other):
        return self is other

    def __hash__(self):
        return id(self)

    def __reduce__(self):
        return _restore, (type(self), dict(self), dict(self.__dict__))

    def __deepcopy__(self, memo):
        import copy

        made = type(self).__new__(type(self))
        memo[id(self)] = made
        made.__dict__.update({k: copy.deepcopy(v, memo) for k, v in self.__dict__.items()})
        dict.update(made, {k: copy.deepcopy(v, memo) for k, v in self.items()})
        return made

    # Trees

    @staticmethod
    def is_module(value):
        return isinstance(value, Module)

    @staticmethod
    def valid_child_filter(module, key, value):
        return isinstance(value, (dict, list, tuple))

    @staticmethod
    def valid_parameter_filter(module, key, value):
        return isinstance(value, (dict, list, tuple, mx.array)) and not key.startswith("_")

    @staticmethod
    def trainable_parameter_filter(module, key, value):
        return Module.valid_parameter_filter(module, key, value) and key not in module._no_grad

    def filter_and_map(self, filter_fn, map_fn=None, is_leaf_fn=None):
        """The tree of entries for which ``filter_fn(module, key, value)`` holds, each leaf through ``map_fn``."""
        map_fn = map_fn or (lambda x: x)
        is_leaf_fn = is_leaf_fn or (lambda m, k, v: not isinstance(v, (Module, dict, list, tuple)))
        return {k: _walk(self, k, v, filter_fn, map_fn, is_leaf_fn) for k, v in self.items() if filter_fn(self, k, v)}

    def parameters(self):
        """All arrays of the module and its children, as a tree."""
        return self.filter_and_map(self.valid_parameter_filter)

    def trainable_parameters(self):
        """The arrays that are not frozen, as a tree."""
        return self.filter_and_map(self.trainable_parameter_filter)

    def children(self):
        """The direct child modules, as a tree."""
        return self.filter_and_map(self.valid_child_filter, is_leaf_fn=lambda m, k, v: isinstance(v, Module))

    def leaf_modules(self):
        """The modules without children, as a tree."""

        def is_leaf(m, k, v):
            return isinstance(v, Module) and not tree_flatten(v.children(), is_leaf=Module.is_module)

        return self.filter_and_map(self.valid_child_filter, is_leaf_fn=is_leaf)

    def named_modules(self):
        """This module and all below it with their dotted names."""
        found, stack = [], [("", self)]
        while stack:
            name, module = stack.pop()
            found.append((name, module))
            prefix = f".{name}" if name else ""
            stack.extend(tree_flatten(module.children(), prefix=prefix, is_leaf=Module.is_module))
        return found

    def modules(self):
        """This module and all below it."""
        return [m for _, m in self.named_modules()]

    def apply(self, map_fn, filter_fn=None):
        """Replaces parameters by ``map_fn`` of them."""
        self.update(self.filter_and_map(filter_fn or Module.valid_parameter_filter, map_fn))
        return self

    def apply_to_modules(self, apply_fn):
        """Calls ``apply_fn(name, module)`` on this module and all below it."""
        for name, module in self.named_modules():
            apply_fn(name, module)
        return self

    def update(self, parameters, strict=True):
        """Replaces parameters by those of a tree that may be partial. strict: names that are not there are an error."""
        _update(self, parameters, strict, "")
        return self

    def update_modules(self, modules, strict=True):
        """Replaces child modules by those of a tree that may be partial."""
        _update_modules(self, modules, strict)
        return self

    # Freezing

    def freeze(self, *, recurse=True, keys=None, strict=False):
        """Takes parameters (all, or those named) out of ``trainable_parameters``."""
        return self._freeze(recurse, keys, strict, lambda m, k: m._no_grad.update(k))

    def unfreeze(self, *, recurse=True, keys=None, strict=False):
        """Puts parameters back into ``trainable_parameters``."""

        def change(m, k):
            if keys is None:
                m._no_grad.clear()
            else:
                m._no_grad.difference_update(k)

        return self._freeze(recurse, keys, strict, change)

    def _freeze(self, recurse, keys, strict, change):
        wanted = [keys] if isinstance(keys, str) else keys

        def one(_, m):
            names = wanted
            if names is None:
                flat = m.filter_and_map(lambda m, k, v: not isinstance(v, Module) and Module.valid_parameter_filter(m, k, v))
                names = list(flat)
            missing = [k for k in names if k not in m]
            if strict and missing:
                raise KeyError(f"Module doesn't contain member {missing[0]}.")
            change(m, [k for k in names if k in m])

        if recurse:
            self.apply_to_modules(one)
        else:
            one("", self)
        return self

    def train(self, mode=True):
        """Sets training mode here and below."""

        def change(_, m):
            object.__setattr__(m, "_training", mode)

        return self.apply_to_modules(change)

    def eval(self):
        """Leaves training mode here and below."""
        return self.train(False)

    def set_dtype(self, dtype, predicate=lambda d: mx.issubdtype(d, mx.floating)):
        """Casts the parameters whose dtype the predicate holds for."""
        if predicate is None:
            predicate = lambda d: True  # noqa: E731
        self.apply(lambda x: x.astype(dtype) if predicate(x.dtype) else x)

    # Weights

    def load_weights(self, file_or_weights, strict=True):
        """Sets the parameters from a file (npz, safetensors) or a list of (name, array)."""
        weights = file_or_weights
        if not isinstance(weights, list):
            weights = list(mx.load(str(weights)).items())
        if strict:
            given, own = dict(weights), dict(tree_flatten(self.parameters()))
            extra, missing = sorted(given.keys() - own.keys()), sorted(own.keys() - given.keys())
            if extra:
                raise ValueError(f"Received {len(extra)} parameters not in model: \n{', '.join(extra)}.")
            if missing:
                raise ValueError(f"Missing {len(missing)} parameters: \n{', '.join(missing)}.")
            for name, old in own.items():
                if not isinstance(given[name], mx.array):
                    raise ValueError(f"Expected mx.array but received {type(given[name])} for parameter {name}")
                if given[name].shape != old.shape:
                    raise ValueError(f"Expected shape {old.shape} but received shape {given[name].shape} for parameter {name}")
        if weights:
            self.update(tree_unflatten(weights), strict=False)
        return self

    def save_weights(self, file):
        """Writes the parameters to an npz or safetensors file."""
        weights = tree_flatten(self.parameters(), destination={})
        file = str(file)
        if file.endswith(".npz"):
            mx.savez(file, **weights)
        elif file.endswith(".safetensors"):
            mx.save_safetensors(file, weights)
        else:
            raise ValueError(f"Unsupported file extension for {file}. Use '.npz' or '.safetensors'.")


def _restore(cls, entries, attributes):
    made = cls.__new__(cls)
    made.__dict__.update(attributes)
    dict.update(made, entries)
    return made


def _walk(module, key, value, filter_fn, map_fn, is_leaf_fn):
    if is_leaf_fn(module, key, value):
        return map_fn(value)
    if isinstance(value, Module):
        return {
            k: _walk(value, k, v, filter_fn, map_fn, is_leaf_fn) for k, v in value.items() if filter_fn(value, k, v)
        }
    if isinstance(value, dict):
        return {k: _inside(module, f"{key}.{k}", v, filter_fn, map_fn, is_leaf_fn) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_inside(module, f"{key}.{i}", v, filter_fn, map_fn, is_leaf_fn) for i, v in enumerate(value)]
    raise RuntimeError(f"Unexpected value of type {type(value)} under {key!r}")


def _inside(module, key, value, filter_fn, map_fn, is_leaf_fn):
    """A value inside a list or dict; what the filter refuses there (a number between layers, say) leaves an empty tree."""
    return _walk(module, key, value, filter_fn, map_fn, is_leaf_fn) if filter_fn(module, key, value) else {}


def _update(target, tree, strict, path):
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, new in items:
        where = f"{path}.{key}" if path else str(key)
        present = key in target if isinstance(target, dict) else key < len(target)
        if not present:
            if strict:
                raise ValueError(f"Module does not have parameter named {where!r}.")
            continue
        old = target[key]
        if isinstance(old, mx.array):
            if isinstance(new, mx.array):
                target[key] = new
            elif strict:
                raise ValueError(f"Received invalid type {type(new).__name__} for parameter {where!r}.")
        elif isinstance(old, (dict, list)) and isinstance(new, (dict, list, tuple)):
            _update(old, new, strict, where)
        elif isinstance(old, tuple) and isinstance(new, (dict, list, tuple)):
            changed = list(old)
            _update(changed, new, strict, where)
            target[key] = tuple(changed)
        elif strict:
            raise ValueError(f"Received invalid type {type(new).__name__} for parameter {where!r}.")


def _update_modules(target, tree, strict):
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, new in items:
        present = key in target if isinstance(target, dict) else key < len(target)
        if not present:
            if strict:
                raise ValueError(f"Module does not have sub-module named {key!r}.")
            continue
        old = target[key]
        if isinstance(old, Module) and isinstance(new, Module):
            target[key] = new
        elif isinstance(old, (dict, list)) and isinstance(new, (dict, list, tuple)):
            _update_modules(old, new, strict)
        elif strict:
            raise ValueError(f"Received invalid type {type(new).__name__} for sub-module {key!r}.")
