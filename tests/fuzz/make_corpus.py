"""Writes the seeds of the fuzz targets into tests/fuzz/corpus: python3 tests/fuzz/make_corpus.py. Standard library only."""
import io
import json
import struct
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent / "corpus"


def npy(descr, shape, data, fortran=False, version=1):
    head = repr({"descr": descr, "fortran_order": fortran, "shape": shape}).encode()
    lead = 10 if version == 1 else 12
    head += b" " * (-(lead + len(head) + 1) % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(head)) + head + data


def npz(method, **members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in members.items():
            z.writestr(zipfile.ZipInfo(name + ".npy"), data, compress_type=method)
    return out.getvalue()


def safetensors(header, data):
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def text(t):
    return struct.pack("<Q", len(t)) + t.encode()


def gguf(values, tensors, version=3, align=32):
    """values: (key, type, packed value); tensors: (name, dims fastest first, type, data)."""
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(values))
    for key, kind, value in values:
        out += text(key) + struct.pack("<I", kind) + value
    data = b""
    for name, dims, kind, raw in tensors:
        data += bytes(-len(data) % align)
        out += text(name) + struct.pack(f"<I{len(dims)}Q", len(dims), *dims) + struct.pack("<IQ", kind, len(data))
        data += raw
    return out + bytes(-len(out) % align) + data


def write(folder, **files):
    (HERE / folder).mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (HERE / folder / name).write_bytes(data)


floats = struct.pack("<6f", *range(6))
write("npy", f4=npy("<f4", (2, 3), floats), fortran=npy("<f4", (2, 3), floats, True), big=npy(">i2", (3,), b"\0\1\0\2\0\3"),
      v2=npy("<f8", (), struct.pack("<d", 1.5), version=2), v3=npy("|b1", (2,), b"\0\2", version=3), empty=npy("<c8", (0, 3), b""))
small = {"a": npy("<f4", (6,), floats), "b": npy("|u1", (64,), bytes(64))}
write("npz", stored=npz(zipfile.ZIP_STORED, **small), deflated=npz(zipfile.ZIP_DEFLATED, **small), none=npz(zipfile.ZIP_STORED))
write("safetensors",
      two=safetensors({"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
                       "b": {"dtype": "BOOL", "shape": [2], "data_offsets": [24, 26]}}, floats + b"\0\1"),
      scalar=safetensors({"s": {"dtype": "BF16", "shape": [], "data_offsets": [0, 2]}}, b"\x80\x3f"),
      empty=safetensors({"__metadata__": None, "e": {"dtype": "I64", "shape": [0, 5], "data_offsets": [0, 0]}}, b""))

blocks = {2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176),
          14: (256, 210), 15: (256, 292)}
write("gguf",
      values=gguf([("u8", 0, b"\1"), ("i16", 3, b"\1\0"), ("f32", 6, floats[4:8]), ("yes", 7, b"\1"), ("text", 8, text("abc")),
                   ("f64", 12, struct.pack("<d", 0.5)), ("i64", 11, struct.pack("<q", -1)),
                   ("texts", 9, struct.pack("<IQ", 8, 2) + text("a") + text("")),
                   ("ints", 9, struct.pack("<IQ", 5, 2) + struct.pack("<2i", 1, 2))], []),
      plain=gguf([], [("a", [3, 2], 0, floats), ("b", [4], 24, b"abcd"), ("s", [], 27, bytes(8))]),
      aligned=gguf([("general.alignment", 4, struct.pack("<I", 8))], [("a", [3], 1, b"abcdef"), ("b", [2], 30, b"abcd")], align=8),
      v2=gguf([("k", 4, bytes(4))], [("a", [1], 26, bytes(4))], version=2))
for kind, (elements, size) in blocks.items():
    write("gguf", **{f"block{kind}": gguf([], [("w.weight", [elements], kind, bytes(i * 7 % 256 for i in range(size)))])})
