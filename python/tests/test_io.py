"""Files: every format and dtype against NumPy and against the formats' own texts, file objects, and files that lie.

The GGUF decoders here are plain NumPy after the published block layouts; values that MLX gives are written as values.
"""
import ctypes
import errno
import io
import json
import os
import resource
import struct
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import mlx.core as mx

NUMPY = ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64"]
SHAPES = [(), (0,), (1,), (7,), (2, 3), (3, 0, 2), (2, 1, 3, 4)]
ROOT = Path(__file__).resolve().parents[2]


def some(dtype, shape):
    rng = np.random.default_rng(len(shape) * 7 + len(dtype))
    raw = rng.integers(0, 2 if dtype == "bool" else 256, size=int(np.prod(shape)) * np.dtype(dtype).itemsize, dtype=np.uint8)
    if np.dtype(dtype).kind in "fc":
        raw = rng.standard_normal(int(np.prod(shape)) * (2 if dtype == "complex64" else 1)).astype("f4" if dtype == "complex64" else dtype)
    return raw.view(dtype).reshape(shape)


def same(a, want):
    """Equal to the last bit, dtype and shape."""
    assert isinstance(a, mx.array) and str(a.dtype).split(".")[-1] == str(want.dtype) and a.shape == want.shape
    got = np.array(a.view(mx.uint16)) if want.dtype == ml_dtypes.bfloat16 and a.ndim else np.array(a)
    want = want.view(np.uint16) if want.dtype == ml_dtypes.bfloat16 and want.ndim else want
    assert got.tobytes() == np.ascontiguousarray(want).tobytes()


def of(x):
    """An array of NumPy's, with its dtype (float64 too)."""
    return mx.array(x, dtype=getattr(mx, "bool_" if x.dtype == bool else str(x.dtype)))


# npy and npz


@pytest.mark.parametrize("dtype", NUMPY)
def test_npy_goes_both_ways(dtype, tmp_path):
    for shape in SHAPES:
        x = some(dtype, shape)
        np.save(tmp_path / "n.npy", x)
        same(mx.load(tmp_path / "n.npy"), x)
        mx.save(tmp_path / "m.npy", of(x))
        y = np.load(tmp_path / "m.npy")
        assert y.dtype == x.dtype and y.shape == x.shape and y.tobytes() == x.tobytes()
        np.save(tmp_path / "f.npy", np.array(x, order="F"))
        same(mx.load(tmp_path / "f.npy"), x)
        if x.dtype.itemsize > 1:
            np.save(tmp_path / "b.npy", x.astype(x.dtype.newbyteorder(">")))
            same(mx.load(tmp_path / "b.npy"), x)
    for version in (2, 3):
        with open(tmp_path / "v.npy", "wb") as f:
            np.lib.format.write_array(f, x, version=(version, 0))
        same(mx.load(tmp_path / "v.npy"), x)


def test_bfloat16_is_two_opaque_bytes_in_npy(tmp_path):
    x = np.array([1.5, -2, 1e30, np.inf], dtype=ml_dtypes.bfloat16)
    np.save(tmp_path / "a.npy", x)
    same(mx.load(tmp_path / "a.npy"), x)
    mx.save(tmp_path / "b.npy", mx.array([1.5, -2, 1e30, np.inf], dtype=mx.bfloat16))
    assert np.load(tmp_path / "b.npy").view(ml_dtypes.bfloat16).tolist() == x.tolist()


def test_large_fortran_and_swapped_arrays_are_read_in_pieces(tmp_path):
    x = np.random.default_rng(0).standard_normal((700, 900)).astype("f4")
    np.save(tmp_path / "f.npy", np.asfortranarray(x))
    np.save(tmp_path / "b.npy", x.astype(">f4"))
    same(mx.load(tmp_path / "f.npy"), x)
    same(mx.load(tmp_path / "b.npy"), x)
    assert mx.load(tmp_path / "f.npy")[3, 5].item() == x[3, 5]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed, mx.savez, mx.savez_compressed])
def test_npz_goes_both_ways(save, tmp_path):
    x = {f"a/{d}": some(d, (3, 5)) for d in NUMPY} | {"é": np.zeros((200, 300), "f4"), "r": some("float32", (300, 400)), "s": np.float32(3).reshape(())}
    path = str(tmp_path / "a.npz")
    save(path, np.arange(4, dtype="i4") if save.__module__ == "numpy" else mx.arange(4), **{k: v if save.__module__ == "numpy" else of(v) for k, v in x.items()})
    for key, a in mx.load(path).items():
        same(a, x[key] if key != "arr_0" else np.arange(4, dtype="i4"))
    with np.load(path) as z:
        assert set(z) == set(x) | {"arr_0"} == set(mx.load(path))
        for key in x:
            assert z[key].tobytes() == x[key].tobytes() and z[key].dtype == x[key].dtype


def test_an_archive_whose_member_is_another_s_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as z:
        z.writestr("x.npy", b"not an npy file at all")
    with pytest.raises(RuntimeError, match="npy"):
        mx.load(tmp_path / "a.npz")


def test_the_last_of_two_members_of_a_name_counts_as_in_numpy(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as z, pytest.warns(UserWarning, match="Duplicate"):
        for i in (1, 2):
            memory = io.BytesIO()
            np.save(memory, np.arange(i))
            z.writestr("x.npy", memory.getvalue())
    assert mx.load(tmp_path / "a.npz")["x"].tolist() == np.load(tmp_path / "a.npz")["x"].tolist() == [0, 1]


def test_long_names_stand_in_archives(tmp_path):
    name = "layer." * 1000 + "é"
    for save, arrays in ((np.savez, np), (mx.savez, mx)):
        save(str(tmp_path / "a.npz"), **{name: arrays.ones(2)})
        assert list(mx.load(tmp_path / "a.npz")) == list(np.load(tmp_path / "a.npz")) == [name]
    with pytest.raises(ValueError, match="longer"):
        mx.savez(str(tmp_path / "a.npz"), **{"n" * 65532: mx.ones(2)})


def test_an_archive_behind_a_hole_of_gigabytes_is_read(tmp_path):
    path, hole = tmp_path / "a.npz", 5_000_000_000  # offsets that need zip64; the hole takes no space
    with open(path, "wb") as f:
        f.seek(hole)
        np.savez_compressed(f, a=np.arange(5), b=np.ones((2, 3), "f4"))
    got = mx.load(path)
    assert got["a"].tolist() == list(range(5)) and got["b"].shape == (2, 3)


# safetensors, against its description: a length, a JSON header, bytes.

NAMES = dict(zip(NUMPY, ["BOOL", "U8", "U16", "U32", "U64", "I8", "I16", "I32", "I64", "F16", "F32", "F64", "C64"])) | {"bfloat16": "BF16"}


def read_safetensors(data):
    n = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + n])
    meta = header.pop("__metadata__", None)
    back = {v: k for k, v in NAMES.items()}
    out, at = {}, 0
    for name, t in sorted(header.items(), key=lambda e: e[1]["data_offsets"]):
        begin, end = t["data_offsets"]
        assert begin == at, "no holes"
        at = end
        out[name] = np.frombuffer(data[8 + n + begin:8 + n + end], dtype=back[t["dtype"]]).reshape(t["shape"])
    assert at == len(data) - 8 - n
    return out, meta


def write_safetensors(arrays, metadata=None):
    header, data = {} if metadata is None else {"__metadata__": metadata}, b""
    for k, v in arrays.items():
        header[k] = {"dtype": NAMES[str(v.dtype)], "shape": list(v.shape), "data_offsets": [len(data), len(data) + v.nbytes]}
        data += v.tobytes()
    text = json.dumps(header, ensure_ascii=False).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_safetensors_of_every_dtype_and_shape_goes_both_ways(tmp_path):
    x = {f"{d}.{i} é \"q\" \u4e2d": some(d, s) for d in NUMPY for i, s in enumerate(SHAPES)}
    x["half"] = np.array([1, 2.5, -3], dtype=ml_dtypes.bfloat16)
    (tmp_path / "n.safetensors").write_bytes(write_safetensors(x, {"format": "pt", "é": "\u4e2d"}))
    got, meta = mx.load(tmp_path / "n.safetensors", return_metadata=True)
    assert meta == {"format": "pt", "é": "\u4e2d"} and set(got) == set(x)
    for k in x:
        same(got[k], x[k])
    mx.save_safetensors(tmp_path / "m", got, meta)
    back, meta = read_safetensors((tmp_path / "m.safetensors").read_bytes())
    assert meta == {"format": "pt", "é": "\u4e2d"} and set(back) == set(x)
    for k in x:
        assert back[k].tobytes() == x[k].tobytes() and back[k].shape == x[k].shape and back[k].dtype == x[k].dtype
    mx.save_safetensors(tmp_path / "e", {})
    assert mx.load(tmp_path / "e.safetensors", return_metadata=True) == ({}, {})


def test_a_name_told_twice_is_refused(tmp_path):
    one = '{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]}'
    text = '{"a":%s,"a":%s}' % (one % (0, 1), one % (1, 2))
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(text)) + text.encode() + b"xy")
    with pytest.raises(RuntimeError, match="duplicate"):
        mx.load(tmp_path / "a.safetensors")


def test_metadata_that_is_no_text_is_refused(tmp_path):
    with pytest.raises(TypeError):
        mx.save_safetensors(tmp_path / "a", {"a": mx.ones(1)}, {"k": 3})
    with pytest.raises(TypeError, match="metadata"):
        mx.save_safetensors(tmp_path / "a", {"a": mx.ones(1)}, ["k"])
    for name in ("a.npy", "a.npz"):
        with pytest.raises(ValueError, match="Metadata is not supported"):
            mx.load(tmp_path / name, return_metadata=True)
    assert not list(tmp_path.iterdir())


# GGUF


def text(t):
    t = t if isinstance(t, bytes) else t.encode()
    return struct.pack("<Q", len(t)) + t


CODES = dict(zip([0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12], "BbHhIif?Qqd"))


def packed(kind, value):
    if kind == 8:
        return text(value)
    if kind == 9:
        inner, values = value
        return struct.pack("<IQ", inner, len(values)) + b"".join(packed(inner, v) for v in values)
    return struct.pack("<" + CODES[kind], value)


def gguf(values=(), tensors=(), version=3, align=32):
    out, data = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(values)), b""
    for key, kind, value in values:
        out += text(key) + struct.pack("<I", kind) + packed(kind, value)
    for name, dims, kind, raw in tensors:
        data += bytes(-len(data) % align)
        out += text(name) + struct.pack(f"<I{len(dims)}Q", len(dims), *dims) + struct.pack("<IQ", kind, len(data)) + b""
        data += raw
    return out + bytes(-len(out) % align) + data


def read_gguf(data):
    """An independent reader: (version, values, tensors with shapes the numpy way)."""
    f = io.BytesIO(data)
    take = lambda code: struct.unpack("<" + code, f.read(struct.calcsize("<" + code)))[0]
    string = lambda: f.read(take("Q")).decode()

    def value(kind):
        if kind == 8:
            return string()
        if kind == 9:
            inner = take("I")
            return [value(inner) for _ in range(take("Q"))]
        return take(CODES[kind])

    assert f.read(4) == b"GGUF"
    version, tensors, values = take("I"), take("Q"), take("Q")
    values = {string(): value(take("I")) for _ in range(values)}
    infos = [(string(), [take("Q") for _ in range(take("I"))], take("I"), take("Q")) for _ in range(tensors)]
    align = values.get("general.alignment", 32)
    start = f.tell() + -f.tell() % align
    kinds = {0: "f4", 1: "f2", 24: "i1", 25: "i2", 26: "i4", 27: "i8", 28: "f8", 30: ml_dtypes.bfloat16}
    out = {}
    for name, dims, kind, offset in infos:
        assert offset % align == 0
        n, d = int(np.prod(dims)), np.dtype(kinds[kind])
        out[name] = np.frombuffer(data[start + offset:start + offset + n * d.itemsize], dtype=d).reshape(dims[::-1])
    return version, values, out


@pytest.mark.parametrize("version", [2, 3])
def test_gguf_metadata_is_what_mlx_makes_of_it(version, tmp_path):
    numbers = [(0, 200, mx.uint8), (1, -3, mx.int8), (2, 60000, mx.uint16), (3, -300, mx.int16), (4, 4000000000, mx.uint32),
               (5, -5, mx.int32), (6, 1.5, mx.float32), (7, True, mx.bool_), (10, 2**63 + 5, mx.uint64), (11, -2**40, mx.int64),
               (12, 0.1, mx.float64)]
    values = [(f"one.{k}", k, v) for k, v, _ in numbers] + [(f"list.{k}", 9, (k, [v, v])) for k, v, _ in numbers]
    values += [(f"none.{k}", 9, (k, [])) for k, _, _ in numbers]
    values += [("text", 8, "héllo\0 x"), ("nothing", 8, ""), ("texts", 9, (8, ["a", "bb", ""])), ("no texts", 9, (8, []))]
    (tmp_path / "a.gguf").write_bytes(gguf(values, version=version))
    arrays, meta = mx.load(tmp_path / "a.gguf", return_metadata=True)
    assert arrays == {} and list(meta) == [k for k, _, _ in values]
    for k, v, dtype in numbers:
        one, two, none = meta[f"one.{k}"], meta[f"list.{k}"], meta[f"none.{k}"]
        assert one.dtype == two.dtype == none.dtype == dtype and one.shape == () and two.shape == (2,) and none.shape == (0,)
        assert one.item() == v and two.tolist() == [v, v]
    assert meta["text"] == "héllo\0 x" and meta["nothing"] == "" and meta["texts"] == ["a", "bb", ""] and meta["no texts"] == []
    assert mx.load(tmp_path / "a.gguf") == {}


def test_a_large_vocabulary_is_read(tmp_path):
    words = [f"word {i} é" * (i % 9) for i in range(30000)] + ["x" * 200000]
    numbers = list(range(70000))
    (tmp_path / "a.gguf").write_bytes(gguf([("w", 9, (8, words)), ("n", 9, (5, numbers)), ("last", 8, "end")]))
    meta = mx.load(tmp_path / "a.gguf", return_metadata=True)[1]
    assert meta["w"] == words and meta["n"].tolist() == numbers and meta["last"] == "end"
    mx.save_gguf(tmp_path / "b", {}, meta)
    assert read_gguf((tmp_path / "b.gguf").read_bytes())[1] == {"w": words, "n": numbers, "last": "end"}


def test_a_gguf_tensor_behind_a_hole_of_gigabytes_is_read_alone(tmp_path):
    path, n = tmp_path / "a.gguf", 6_000_000_000
    data = gguf([], [("hole", [n], 24, b""), ("x", [2], 0, b"")])
    info = data.index(b"\x01\0\0\0\0\0\0\0x") + 9 + 4 + 8 + 4  # the offset of x, after its name, dimensions and type
    with open(path, "wb") as f:
        f.write(data[:info] + struct.pack("<Q", n) + data[info + 8:])
        f.seek(len(data) + n)
        f.write(struct.pack("<2f", 1.5, -2))
    got = mx.load(path)
    assert got["x"].tolist() == [1.5, -2] and got["hole"].shape == (n,)


def test_gguf_tensors_keep_their_dtype(tmp_path):
    kinds = {0: "f4", 1: "f2", 24: "i1", 25: "i2", 26: "i4", 27: "i8", 28: "f8", 30: ml_dtypes.bfloat16}
    x = {k: np.arange(6).astype(d).reshape(2, 3) for k, d in kinds.items()}
    tensors = [(f"t{k}", [3, 2], k, v.tobytes()) for k, v in x.items()] + [("s", [], 0, b"\0\0@@"), ("e", [0, 4], 26, b"")]
    for align in (32, 64, 8):
        (tmp_path / "a.gguf").write_bytes(gguf([("general.alignment", 4, align)], tensors, align=align))
        got = mx.load(tmp_path / "a.gguf")
        for k, v in x.items():
            same(got[f"t{k}"], v)
        assert got["s"].item() == 3 and got["s"].shape == () and got["e"].shape == (4, 0)


def halves(raw, at):
    return np.ascontiguousarray(raw[:, at:at + 2]).view("<f2").astype("f4")


def nibbles(q):
    return np.concatenate([q & 15, q >> 4], axis=1)


def planes(q, bits, width=32):
    """Bytes in runs of `width`: each gives 8 / bits planes of width numbers, the low bits first."""
    n = len(q)
    q = q.reshape(n, -1, 1, width) >> np.arange(0, 8, bits, dtype="u1")[:, None] & (2**bits - 1)
    return q.reshape(n, -1).astype("i4")


def six_bits(s):
    """Q4_K's and Q5_K's 8 scales and 8 minima out of 12 bytes."""
    a, b, c = s[:, 0:4].astype("i4"), s[:, 4:8].astype("i4"), s[:, 8:12].astype("i4")
    return np.concatenate([a & 63, (c & 15) | (a >> 6 << 4)], 1), np.concatenate([b & 63, (c >> 4) | (b >> 6 << 4)], 1)


def decode(kind, raw):
    """The numbers of blocks raw[n, bytes], every step in float32, as the format's own code takes them."""
    f4, spread = lambda v: v.astype("f4"), lambda v, times: np.repeat(v.astype("f4"), times, axis=1)
    if kind == 2:
        return halves(raw, 0) * (nibbles(raw[:, 2:]).astype("f4") - 8)
    if kind == 3:
        return halves(raw, 0) * f4(nibbles(raw[:, 4:])) + halves(raw, 2)
    if kind in (6, 7):
        q = raw[:, 2 if kind == 6 else 4:]
        v = nibbles(q[:, 4:]).astype("i4") | np.unpackbits(np.ascontiguousarray(q[:, :4]), axis=1, bitorder="little").astype("i4") << 4
        return halves(raw, 0) * f4(v - 16) if kind == 6 else halves(raw, 0) * f4(v) + halves(raw, 2)
    if kind == 8:
        return halves(raw, 0) * f4(raw[:, 2:].view("i1"))
    if kind == 10:
        q = planes(raw[:, 16:80], 2)
        return halves(raw, 80) * spread(raw[:, :16] & 15, 16) * f4(q) - halves(raw, 82) * spread(raw[:, :16] >> 4, 16)
    if kind == 11:
        s = raw[:, 96:108].astype("i4")
        low = np.concatenate([s[:, :8] & 15, s[:, :8] >> 4], 1)
        high = np.concatenate([s[:, 8:] >> k & 3 for k in (0, 2, 4, 6)], 1)
        q = planes(raw[:, 32:96], 2) | planes(raw[:, :32], 1) << 2
        return halves(raw, 108) * spread((low | high << 4) - 32, 16) * f4(q - 4)
    if kind in (12, 13):
        scale, least = six_bits(raw[:, 4:16])
        q = planes(raw[:, -128:], 4)
        if kind == 13:
            q = q | planes(raw[:, 16:48], 1) << 4
        return halves(raw, 0) * spread(scale, 32) * f4(q) - halves(raw, 2) * spread(least, 32)
    if kind == 14:
        q = planes(raw[:, :128], 4, 64) | planes(raw[:, 128:192], 2) << 4
        return halves(raw, 208) * spread(raw[:, 192:208].view("i1"), 16) * f4(q - 32)
    assert kind == 15
    return np.ascontiguousarray(raw[:, :4]).view("<f4") * f4(raw[:, 4:260].view("i1"))


BLOCKS = {2: (32, 18, [0]), 3: (32, 20, [0, 2]), 6: (32, 22, [0]), 7: (32, 24, [0, 2]), 8: (32, 34, [0]), 10: (256, 84, [80, 82]),
          11: (256, 110, [108]), 12: (256, 144, [0, 2]), 13: (256, 176, [0, 2]), 14: (256, 210, [208]), 15: (256, 292, [])}


def random_blocks(kind, n):
    elements, size, scales = BLOCKS[kind]
    rng = np.random.default_rng(kind)
    raw = rng.integers(0, 256, (n, size), dtype="u1")
    for at in scales:
        raw[:, at:at + 2] = (rng.standard_normal(n) * 0.01).astype("f2").view("u1").reshape(n, 2)
    if kind == 15:
        raw[:, :4] = (rng.standard_normal(n) * 0.01).astype("f4").view("u1").reshape(n, 4)
    return raw


@pytest.mark.parametrize("kind", BLOCKS)
@pytest.mark.parametrize("rows", [3, 700])  # small ones are read at once, large ones lazily and in pieces
def test_quantized_tensors_are_decoded(kind, rows, tmp_path):
    elements = BLOCKS[kind][0]
    raw = random_blocks(kind, rows * 5)
    (tmp_path / "a.gguf").write_bytes(gguf([], [("w.weight", [elements * 5, rows], kind, raw.tobytes())]))
    want = decode(kind, raw).reshape(rows, -1)
    got = mx.load(tmp_path / "a.gguf")
    if kind not in (2, 3, 8):
        assert list(got) == ["w.weight"] and got["w.weight"].dtype == mx.float16
        np.testing.assert_array_equal(np.array(got["w.weight"]), want.astype("f2"))
        return
    bits = 8 if kind == 8 else 4
    assert set(got) == {"w.weight", "w.scales", "w.biases"}
    w, s, b = (np.array(got["w." + k]) for k in ("weight", "scales", "biases"))
    assert w.dtype == "u4" and w.shape == (rows, elements * 5 * bits // 32) and s.dtype == b.dtype == "f2" and s.shape == b.shape == (rows, 5)
    q = (w[..., None] >> np.arange(0, 32, bits, dtype="u4") & (2**bits - 1)).reshape(rows, -1).astype("f4")
    np.testing.assert_array_equal(q * np.repeat(s, 32, 1).astype("f4") + np.repeat(b, 32, 1).astype("f4"), want)


def test_what_is_saved_as_gguf_reads_back_by_the_specification(tmp_path):
    arrays = {f"t.{d}": mx.array(np.arange(6).reshape(2, 3)).astype(getattr(mx, d))
              for d in ("int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")}
    arrays |= {"é": mx.array(3.0), "turned": mx.arange(6, dtype=mx.float32).reshape(2, 3).T, "none": mx.zeros((0, 3))}
    values = {"n": mx.array(7, mx.uint32), "l": mx.array([1, 2], mx.int64), "f": mx.array(0.1, mx.float64), "b": mx.array([True, False]),
              "s": "héllo\0", "e": "", "w": ["a", ""], "t": ("x",), "general.alignment": mx.array(64, mx.uint32), "z": mx.zeros((0,))}
    mx.save_gguf(tmp_path / "a", arrays, values)
    data = (tmp_path / "a.gguf").read_bytes()
    version, got, tensors = read_gguf(data)
    assert version == 3 and list(tensors) == list(arrays) and len(data) % 64 == 0
    assert got == {"n": 7, "l": [1, 2], "f": 0.1, "b": [True, False], "s": "héllo\0", "e": "", "w": ["a", ""], "t": ["x"],
                   "general.alignment": 64, "z": []}
    for k, a in arrays.items():
        same(a, tensors[k])
    again, meta = mx.load(tmp_path / "a.gguf", return_metadata=True)
    for k, a in arrays.items():
        assert again[k].dtype == a.dtype and again[k].shape == a.shape and mx.array_equal(again[k], a).item()
    assert meta["s"] == "héllo\0" and meta["t"] == ["x"] and meta["f"].dtype == mx.float64
    mx.save_gguf(tmp_path / "bare.gguf", {"x": mx.ones(2)})
    assert read_gguf((tmp_path / "bare.gguf").read_bytes())[1] == {}


def test_what_gguf_has_no_word_for_is_refused(tmp_path):
    path = tmp_path / "a.gguf"
    for dtype in (mx.bool_, mx.uint8, mx.uint32, mx.complex64):
        with pytest.raises(RuntimeError, match="dtype .* is not supported"):
            mx.save_gguf(path, {"x": mx.zeros(2, dtype)})
    for value, kind, match in [(mx.zeros((2, 2)), RuntimeError, "dimensions"), (mx.zeros(2, mx.float16), ValueError, "float16"), (3, TypeError, "k"),
                               (object(), TypeError, "k"), ([1, 2], TypeError, "k"), (b"x", TypeError, "k")]:
        with pytest.raises(kind, match=match):
            mx.save_gguf(path, {}, {"k": value})
    with pytest.raises(TypeError):
        mx.save_gguf(path, [mx.ones(2)])
    with pytest.raises(TypeError):
        mx.save_gguf(path, {}, [1])
    with pytest.raises(TypeError):
        mx.save_gguf(path, {1: mx.ones(2)})
    assert not list(tmp_path.iterdir())


def test_text_that_is_not_utf8_is_said_to_be_so(tmp_path):
    (tmp_path / "a.gguf").write_bytes(gguf([("k", 8, b"a\xff")]))
    assert mx.load(tmp_path / "a.gguf") == {}
    with pytest.raises(UnicodeDecodeError):
        mx.load(tmp_path / "a.gguf", return_metadata=True)
    for data in (gguf([(b"k\xff", 8, "")]), gguf([], [(b"k\xff", [1], 0, b"abcd")])):
        (tmp_path / "a.gguf").write_bytes(data)
        with pytest.raises(RuntimeError, match="UTF-8"):
            mx.load(tmp_path / "a.gguf")


# File objects

FORMATS = {
    "npy": (lambda f, a: mx.save(f, a["x"]), lambda got: got),
    "npz": (lambda f, a: mx.savez(f, **a), lambda got: got["x"]),
    "safetensors": (lambda f, a: mx.save_safetensors(f, a), lambda got: got["x"]),
    "gguf": (lambda f, a: mx.save_gguf(f, a), lambda got: got["x"]),
}


class NoSeek(io.RawIOBase):
    """A pipe, as Python sees it."""

    def __init__(self, data):
        self.data = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, b):
        return self.data.readinto(b)


class Plain:
    """No more than MLX asks of a file: no readinto."""

    def __init__(self, data):
        self.f = io.BytesIO(data)
        self.seek, self.tell, self.read = self.f.seek, self.f.tell, self.f.read


class Short(io.BytesIO):
    """Gives a little at a time, as a raw file may."""

    def readinto(self, b):
        return super().readinto(memoryview(b)[:1000])


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("count", [5, 300000])
def test_file_objects_are_written_and_read(name, count, tmp_path):
    save, pick = FORMATS[name]
    a = {"x": mx.arange(count, dtype=mx.float32)}
    memory = io.BytesIO()
    save(memory, a)
    path = tmp_path / f"a.{name}"
    save(str(path), a)
    assert path.read_bytes() == memory.getvalue()
    data = memory.getvalue()
    for file in (io.BytesIO(data), NoSeek(data), Plain(data), Short(data)):
        assert mx.array_equal(pick(mx.load(file, format=name)), a["x"]).item()
    with open(path, "rb") as f, open(path, "rb", buffering=0) as raw:
        assert mx.array_equal(pick(mx.load(f)), a["x"]).item() and mx.array_equal(pick(mx.load(raw)), a["x"]).item()
    shifted = io.BytesIO(b"before" + data)
    shifted.seek(6)
    assert mx.array_equal(pick(mx.load(shifted, format=name)), a["x"]).item()


class Slow(io.RawIOBase):
    """Takes a little at a time, as a raw file may."""

    def __init__(self):
        self.data = bytearray()

    def writable(self):
        return True

    def write(self, b):
        self.data += b[:1000]
        return min(len(b), 1000)


class Appending:
    """No more than a method write, which says nothing."""

    def __init__(self):
        self.data = bytearray()

    def write(self, b):
        self.data += b


@pytest.mark.parametrize("name", FORMATS)
def test_whatever_takes_bytes_is_written_to(name):
    save, _ = FORMATS[name]
    a = {"x": mx.arange(5000, dtype=mx.float32)}
    memory, slow, appending = io.BytesIO(), Slow(), Appending()
    for file in (memory, slow, appending):
        save(file, a)
    assert slow.data == appending.data == memory.getvalue()

    class Full(io.RawIOBase):
        def write(self, b):
            return 0

    with pytest.raises(OSError, match="no more bytes"):
        save(Full(), a)

    class Keeper(io.BytesIO):  # what it keeps is its own
        kept = []

        def write(self, b):
            self.kept.append(b[1:])
            return super().write(b)

        def readinto(self, b):
            self.kept.append(b[1:])
            return super().readinto(b)

    keeper = Keeper()
    save(keeper, a)
    keeper.seek(0)
    got = mx.load(keeper, format=name)
    mx.eval(got)
    for b in keeper.kept:
        if not b.readonly:
            b[:] = bytes(len(b))
    assert mx.array_equal(FORMATS[name][1](got), a["x"]).item()


@pytest.mark.parametrize("name", FORMATS)
def test_file_objects_that_fail_say_so(name, tmp_path):
    save, _ = FORMATS[name]
    a = {"x": mx.arange(100, dtype=mx.float32)}
    memory = io.BytesIO()
    save(memory, a)
    with pytest.raises((TypeError, RuntimeError, ValueError)):
        mx.load(io.StringIO("text"), format=name)
    with pytest.raises(ValueError, match="infer"):
        mx.load(io.BytesIO(memory.getvalue()))
    closed = io.BytesIO(memory.getvalue())
    closed.close()
    with pytest.raises(ValueError, match="closed"):
        mx.load(closed, format=name)
    with pytest.raises(RuntimeError):
        mx.load(io.BytesIO(memory.getvalue()[:-20]), format=name)

    class Angry(io.BytesIO):
        def readinto(self, b):
            raise ZeroDivisionError("mine")

        def write(self, b):
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        mx.load(Angry(memory.getvalue()), format=name)
    with pytest.raises(ZeroDivisionError, match="mine"):
        save(Angry(), a)

    class Liar(io.BytesIO):
        def readinto(self, b):
            return super().readinto(b) + 10**9

    with pytest.raises(OSError, match="more bytes than"):
        mx.load(Liar(memory.getvalue()), format=name)


# Disks that are full, paths that are not there


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_disk_is_an_error(name, tmp_path):
    save, _ = FORMATS[name]
    path = tmp_path / f"a.{name}"  # a name with the format's ending, which saving would add
    path.symlink_to("/dev/full")
    with pytest.raises(RuntimeError, match=os.strerror(errno.ENOSPC)):
        save(str(path), {"x": mx.ones(3)})
    assert path.is_symlink() and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_a_disk_that_fills_up_leaves_the_old_file(name, tmp_path):
    save, pick = FORMATS[name]
    path = tmp_path / f"a.{name}"
    save(str(path), {"x": mx.array([1.0, 2.0])})
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100000, limits[1]))  # a file may grow no further: as a full disk, in the middle
    try:
        with pytest.raises(RuntimeError, match="Writing"):
            save(str(path), {"x": mx.arange(300000, dtype=mx.float32)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_a_save_that_fails_leaves_the_old_file_and_no_other(name, tmp_path):
    save, pick = FORMATS[name]
    path = tmp_path / f"a.{name}"
    save(str(path), {"x": mx.array([1.0, 2.0])})
    before = path.read_bytes()
    bad = mx.take(mx.arange(3, dtype=mx.float32), mx.array([7]))
    with pytest.raises(IndexError):
        save(str(path), {"x": bad})
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(RuntimeError):
        save(str(tmp_path / "none" / f"a.{name}"), {"x": mx.ones(2)})
    with pytest.raises(RuntimeError, match="Failed to open"):
        mx.load(tmp_path / f"none.{name}")
    tmp_path.joinpath(f"folder.{name}").mkdir()
    with pytest.raises(RuntimeError, match="folder"):
        save(str(tmp_path / f"folder.{name}"), {"x": mx.ones(2)})
    with pytest.raises(RuntimeError, match="regular"):
        mx.load(tmp_path / f"folder.{name}")


def test_a_file_that_may_not_be_read_is_an_error(tmp_path):
    path = tmp_path / "a.npy"
    mx.save(path, mx.ones(2))
    path.chmod(0)
    setfsuid = ctypes.CDLL(None).setfsuid  # root may read everything: this thread takes nobody's rights to files for a moment
    if os.geteuid() == 0:
        setfsuid(65534)
    try:
        with pytest.raises(RuntimeError, match=os.strerror(errno.EACCES)):
            mx.load(path)
    finally:
        if os.geteuid() == 0:
            setfsuid(0)


def test_formats_are_told_from_names_or_told(tmp_path):
    mx.save(tmp_path / "a.npy", mx.ones(2))
    (tmp_path / "a.npy").rename(tmp_path / "odd.name")
    assert mx.load(tmp_path / "odd.name", format="npy").tolist() == [1, 1]
    with pytest.raises(ValueError, match="Unknown file format name"):
        mx.load(tmp_path / "odd.name")
    with pytest.raises(ValueError, match="infer"):
        mx.load("/tmp/no.folder/none")
    with pytest.raises(ValueError, match="Unknown file format"):
        mx.load(tmp_path / "odd.name", format="zip")
    with pytest.raises(TypeError):
        mx.load(tmp_path / "odd.name", format=3)
    with pytest.raises(TypeError):
        mx.load(3)


# Lazy loads


def test_larger_arrays_are_read_when_used_from_the_file_as_it_was(tmp_path):
    path = tmp_path / "a.safetensors"
    x = {f"w{i}": mx.full((300, 300), float(i)) for i in range(4)}
    mx.save_safetensors(path, x)
    before = mx.get_active_memory()
    a = mx.load(path)
    assert mx.get_active_memory() - before < 300 * 300 * 4
    a["w1"] = a["w1"] + 1
    mx.save_safetensors(path, a)  # over the file that its arrays still read from
    b = mx.load(path)
    os.truncate(path, 0)  # b reads from this very file
    assert a["w3"][0, 0].item() == 3 and a["w1"][7, 7].item() == 2
    with pytest.raises(RuntimeError, match="ends too early"):
        mx.eval(b["w2"])


def test_a_load_takes_part_in_transforms(tmp_path):
    mx.save(tmp_path / "w.npy", mx.arange(40000, dtype=mx.float32).reshape(200, 200))
    w = mx.load(tmp_path / "w.npy")
    g = mx.grad(lambda x: (x @ w).sum())(mx.ones((1, 200)))
    np.testing.assert_allclose(np.array(g)[0], np.arange(40000, dtype="f4").reshape(200, 200).sum(1))
    w = mx.load(tmp_path / "w.npy")
    assert mx.compile(lambda x: (x + w).sum())(mx.zeros((200, 200))).item() == pytest.approx(40000 * 39999 / 2, rel=1e-6)
    w = mx.load(tmp_path / "w.npy")
    assert mx.vmap(lambda x: (x * w).sum())(mx.ones((2, 200, 200))).shape == (2,)


def test_mapped_files_are_the_arrays(tmp_path, monkeypatch):
    x = mx.arange(100000, dtype=mx.float32)
    mx.save_safetensors(tmp_path / "a", {"x": x, "b": mx.ones(100000, mx.bool_)})
    monkeypatch.setenv("MLX_MMAP", "1")
    before = mx.get_active_memory()
    a = mx.load(tmp_path / "a.safetensors")
    mx.eval(a["x"])
    assert mx.get_active_memory() - before < 100000
    assert not np.asarray(a["x"]).flags.writeable  # a write would end the process
    y = a["x"] + 1
    del a["x"]
    assert y[99999].item() == 100000 and a["b"].sum().item() == 100000
    a = mx.load(tmp_path / "a.safetensors")["x"]
    a += 1
    assert a[5].item() == 6 and mx.load(tmp_path / "a.safetensors")["x"][5].item() == 5


def test_numbers_that_stand_askew_are_not_mapped(tmp_path, monkeypatch):
    x = mx.arange(100000, dtype=mx.float32)
    mx.save_safetensors(tmp_path / "a", {"odd": mx.zeros(3, mx.uint8), "x": x})
    monkeypatch.setenv("MLX_MMAP", "1")
    assert mx.array_equal(mx.load(tmp_path / "a.safetensors")["x"], x).item()


def test_a_mapped_file_of_gigabytes_is_indexed(tmp_path, monkeypatch):
    n = 5_000_000_000
    head = np.lib.format.magic(1, 0) + struct.pack("<H", 118) + (repr({"descr": "|i1", "fortran_order": False, "shape": (n,)}).ljust(117) + "\n").encode()
    with open(tmp_path / "a.npy", "wb") as f:
        f.write(head)
        f.seek(len(head) + n - 1)
        f.write(b"\x07")
    monkeypatch.setenv("MLX_MMAP", "1")
    a = mx.load(tmp_path / "a.npy")
    assert a.shape == (n,) and a[-1].item() == 7 and a[n // 2].item() == 0 and a[n - 3:].tolist() == [0, 0, 7]


# Hostile files: tests/fuzz looks for them with a fuzzer; what it starts from and what it found must load or be refused.


@pytest.mark.parametrize("name", FORMATS)
def test_the_fuzzers_inputs_load_or_are_refused(name):
    files = sorted((ROOT / "tests" / "fuzz" / "corpus" / name).iterdir())
    assert len(files) >= 3
    loaded = 0
    for path in files:
        try:
            got = mx.load(path, format=name)
            mx.eval(got)
            loaded += 1
        except (RuntimeError, ValueError):
            pass
    assert loaded >= 3


SEEDS = {name: [p.read_bytes() for p in sorted((ROOT / "tests" / "fuzz" / "corpus" / name).iterdir())] for name in FORMATS}


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(FORMATS)), pick=st.integers(0, 10**6), edits=st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=8)), max_size=4))
def test_damaged_files_load_or_are_refused(name, pick, edits):
    data = bytearray(SEEDS[name][pick % len(SEEDS[name])])
    for at, new in edits:
        at %= len(data) + 1
        data[at:at + len(new)] = new
    try:
        mx.eval(mx.load(io.BytesIO(bytes(data)), format=name))
    except (RuntimeError, ValueError):
        pass
