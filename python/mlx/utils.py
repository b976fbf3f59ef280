"""Trees: nested dicts, lists and tuples with values at the leaves."""

from collections import defaultdict
from itertools import zip_longest


def tree_map(fn, tree, *rest, is_leaf=None):
    """Applies ``fn`` to each leaf of ``tree`` and the values at the same place of ``rest``; the same structure out."""
    if is_leaf is not None and is_leaf(tree):
        return fn(tree, *rest)
    if isinstance(tree, (list, tuple)):
        made = [tree_map(fn, child, *(r[i] for r in rest), is_leaf=is_leaf) for i, child in enumerate(tree)]
        return type(tree)(*made) if hasattr(tree, "_fields") else type(tree)(made)
    if isinstance(tree, dict):
        return {k: tree_map(fn, child, *(r[k] for r in rest), is_leaf=is_leaf) for k, child in tree.items()}
    return fn(tree, *rest)


def tree_map_with_path(fn, tree, *rest, is_leaf=None, path=None):
    """As :func:`tree_map`, with the dotted path of each leaf as the first argument of ``fn``."""
    if is_leaf is not None and is_leaf(tree):
        return fn(path, tree, *rest)

    def below(key):
        return f"{path}.{key}" if path else str(key)

    if isinstance(tree, (list, tuple)):
        return type(tree)(
            tree_map_with_path(fn, child, *(r[i] for r in rest), is_leaf=is_leaf, path=below(i)) for i, child in enumerate(tree)
        )
    if isinstance(tree, dict):
        return {
            k: tree_map_with_path(fn, child, *(r[k] for r in rest), is_leaf=is_leaf, path=below(k)) for k, child in tree.items()
        }
    return fn(path, tree, *rest)


def tree_flatten(tree, prefix="", is_leaf=None, destination=None):
    """The leaves with their dotted paths: a list of pairs, or added to ``destination`` (a list or a dict)."""
    if destination is None:
        destination = []
    if is_leaf is None or not is_leaf(tree):
        items = None
        if isinstance(tree, (list, tuple)):
            items = enumerate(tree)
        elif isinstance(tree, dict):
            items = tree.items()
        if items is not None:
            for key, child in items:
                tree_flatten(child, f"{prefix}.{key}", is_leaf, destination)
            return destination
    if isinstance(destination, dict):
        destination[prefix[1:]] = tree
    else:
        destination.append((prefix[1:], tree))
    return destination


def tree_unflatten(tree):
    """The inverse of :func:`tree_flatten`; a level whose keys are all integers becomes a list."""
    items = list(tree.items() if isinstance(tree, dict) else tree)
    if len(items) == 1 and items[0][0] == "":
        return items[0][1]
    children = defaultdict(list)
    for key, value in items:
        head, _, rest = key.partition(".")
        children[head].append((rest, value))
    if children and all(k.isdigit() for k in children):
        made = []
        for k in sorted(children, key=int):
            made.extend({} for _ in range(int(k) - len(made)))
            made.append(tree_unflatten(children[k]))
        return made
    return {k: tree_unflatten(v) for k, v in children.items()}


def tree_reduce(fn, tree, initializer=None, is_leaf=None):
    """Folds the leaves with ``fn(accumulator, leaf)``; the first leaf begins where there is no initializer."""
    for _, leaf in tree_flatten(tree, is_leaf=is_leaf):
        initializer = leaf if initializer is None else fn(initializer, leaf)
    return initializer


def tree_merge(tree_a, tree_b, merge_fn=None):
    """One tree with the leaves of both; where both have one, ``merge_fn(a, b)`` decides (without it: an error)."""
    empty = (None, {}, [], ())
    if any(tree_a is e or (e is not None and type(tree_a) is type(e) and tree_a == e) for e in empty):
        return tree_b
    if any(tree_b is e or (e is not None and type(tree_b) is type(e) and tree_b == e) for e in empty):
        return tree_a
    if isinstance(tree_a, dict) and isinstance(tree_b, dict):
        merged = dict(tree_a)
        for k, v in tree_b.items():
            merged[k] = tree_merge(merged[k], v, merge_fn) if k in merged else v
        return merged
    if isinstance(tree_a, (list, tuple)) and isinstance(tree_b, (list, tuple)):
        return type(tree_a)(tree_merge(a, b, merge_fn) for a, b in zip_longest(tree_a, tree_b))
    if merge_fn is None:
        raise ValueError(f"The trees hold values at the same place ({type(tree_a)} and {type(tree_b)}): give a merge_fn")
    return merge_fn(tree_a, tree_b)
