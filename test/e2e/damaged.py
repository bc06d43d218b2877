"""Damages files of five kinds, deterministically: `damage(kind, whole, index)` gives the index-th damaged form of a
file.

Every kind is damaged as bytes (flips, cuts, grown lengths, pieces that change places) and as what it is: the entries of
an archive and the JSON in them, the words of a FlatBuffer, a header in front of data, the tokens of a text.
"""

import io
import json
import random
import re
import struct
import zipfile

NUMBERS = [0, 1, 2, -1, 7, 255, 1 << 31, (1 << 32) + 1, 1 << 62, (1 << 63) - 1, -(1 << 63)]
VALUES = [None, True, -1, 1 << 62, 1.5, "", "NaN", "x", [], {}, [[[[]]]]]
WORDS = [
    "?", "0", "-1", "4611686018427387904", "f32", "index", "i1", "unit", '"x"', "[]", "{}", "dense<1> : tensor<2xi64>",
    "tensor<?xf32>", "tensor<*xf32>", "tensor<0xf32>", "memref<4xf32>", "affine_map<(i) -> (i)>", "@nowhere", "%x",
]  # fmt: skip
MOST_CHANGES = 3


def flip(draw, data):
    data = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(data)


def cut(draw, data):
    return data[: draw.randrange(len(data))]


def grow(draw, data):
    """A word that may be a length becomes larger, or bytes are added."""
    if draw.random() < 0.3:
        return data + draw.randbytes(draw.choice([1, 8, 1000]))
    width = draw.choice([2, 4, 8])
    if len(data) < width:
        return data + b"\0"
    at = draw.randrange(len(data) - width + 1)
    value = int.from_bytes(data[at : at + width], "little")
    value = (value + draw.choice([1, 8, 1 << (4 * width), 1 << (8 * width - 1)])) % (1 << (8 * width))
    return data[:at] + value.to_bytes(width, "little") + data[at + width :]


def exchange(draw, data):
    a, b, c = sorted(draw.randrange(len(data) + 1) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


BYTES = [flip, cut, grow, exchange]


def words(draw, data):
    """Aligned words are offsets and numbers: they become others of the file, or nearly themselves."""
    data = bytearray(data)
    for _ in range(draw.randint(1, MOST_CHANGES)):
        width = draw.choice([2, 4, 8])
        at, other = (draw.randrange(len(data) // width) * width for _ in range(2))
        value = int.from_bytes(data[at : at + width], "little")
        new = draw.choice([int.from_bytes(data[other : other + width], "little"), value + draw.randint(-9, 9), draw.choice(NUMBERS)])
        data[at : at + width] = (new % (1 << (8 * width))).to_bytes(width, "little")
    return bytes(data)


def slots(value):
    """(container, key) of everything inside of a JSON value."""
    found, open_ = [], [value]
    while open_:
        container = open_.pop()
        for key in list(container) if isinstance(container, dict) else range(len(container)):
            found.append((container, key))
            if isinstance(container[key], (dict, list)):
                open_.append(container[key])
    return found


def json_values(draw, document):
    """Types, numbers, names, missing and doubled members."""
    for _ in range(draw.randint(1, MOST_CHANGES)):
        places = slots(document)
        if not places:
            return
        container, key = draw.choice(places)
        other, other_key = draw.choice(places)
        value = container[key]
        kind = draw.randrange(6)
        if kind == 0:
            del container[key]
        elif kind == 1:
            container[key] = draw.choice(VALUES)
        elif kind == 2 and isinstance(value, int):
            container[key] = draw.choice(NUMBERS)
        elif kind == 3:
            container[key] = json.loads(json.dumps(other[other_key]))
        elif kind == 4 and isinstance(container, list):
            container.insert(draw.randrange(len(container) + 1), json.loads(json.dumps(value)))
        elif kind == 5 and isinstance(container, dict) and isinstance(other_key, str):
            container[other_key] = container.pop(key)
        else:
            container[key] = "x" if isinstance(value, str) else draw.choice(VALUES)


def json_text(draw, text):
    if draw.random() < 0.1:
        depth = draw.choice([500, 100_000])
        return "[" * depth + "]" * depth
    document = json.loads(text)
    json_values(draw, document)
    return json.dumps(document)


def archive(draw, data):
    """Entries that change places or names, are missing, doubled or cut, or whose JSON says something else."""
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        entries = [(info.filename, old.read(info)) for info in old.infolist()]
    at, other = draw.randrange(len(entries)), draw.randrange(len(entries))
    kind = draw.randrange(10)
    if kind == 0:
        del entries[at]
    elif kind == 1:
        (name, content), (name2, content2) = entries[at], entries[other]
        entries[at], entries[other] = (name, content2), (name2, content)
    elif kind == 2:
        entries[at] = (entries[other][0] + "x", entries[at][1])
    elif kind == 3:
        entries[at] = (entries[at][0], entries[at][1][: len(entries[at][1]) // 2])
    else:
        described = [i for i, (name, _) in enumerate(entries) if name.endswith(".json")]
        # The program most of the time: the others are short.
        chosen = next(i for i in described if entries[i][0].endswith("models/model.json")) if kind < 8 else draw.choice(described)
        entries[chosen] = (entries[chosen][0], json_text(draw, entries[chosen][1]).encode())
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression=zipfile.ZIP_DEFLATED if draw.random() < 0.1 else zipfile.ZIP_STORED) as new:
        for name, content in entries:
            new.writestr(name, content)
    return target.getvalue()


def safetensors_header(draw, data):
    length = struct.unpack_from("<Q", data)[0]
    header = json_text(draw, data[8 : 8 + length].decode()).encode()
    # Sometimes the length is left as it was.
    return struct.pack("<Q", draw.choice([len(header), len(header), length])) + header + data[8 + length :]


def npy_header(draw, data):
    """One token of the dictionary in front of the numbers."""
    begin = 10 if data[6] == 1 else 12
    end = data.index(b"\n") + 1
    parts = re.findall(r"'[^']*'|\d+|\w+|\S|\s+", data[begin:end].decode("latin1"))
    at = draw.randrange(len(parts))
    parts[at] = draw.choice(["", parts[at] * 2, "-1", "18446744073709551616", "'<f8'", "'>f4'", "True", "(", ")", "{"])
    return data[:begin] + "".join(parts).encode("latin1") + data[end:]


def tokens(draw, data):
    text = data.decode()
    head, _, body = text.partition("\n")
    parts = re.findall(r"\s+|[%@#!^]?[\w.$]+|\"[^\"\n]*\"|->|\S", body)
    for _ in range(draw.randint(1, MOST_CHANGES)):
        if not parts:
            break
        at, other = draw.randrange(len(parts)), draw.randrange(len(parts))
        kind = draw.randrange(6)
        if kind == 0:
            del parts[at]
        elif kind == 1:
            parts.insert(at, parts[at] + " ")
        elif kind == 2:
            parts[at], parts[other] = parts[other], parts[at]
        elif kind == 3:
            parts[at] = draw.choice(WORDS)
        elif kind == 4:
            parts[at] = re.sub(r"\d+", str(draw.choice(NUMBERS)), parts[at])
        else:
            lines = "".join(parts).splitlines(keepends=True)
            if lines:
                del lines[draw.randrange(len(lines))]
            parts = re.findall(r"\s+|\S+", "".join(lines))
    return (head + "\n" + "".join(parts)).encode()


# As bytes once in four times.
STRUCTURED = {"pt2": archive, "raddle": words, "npy": npy_header, "safetensors": safetensors_header, "mlir": tokens}


def damage(kind, whole, index):
    """The index-th damaged form of the bytes of a whole file."""
    draw = random.Random(f"{kind} {index}")
    how = draw.choice(BYTES) if draw.random() < 0.25 else STRUCTURED[kind]
    return how(draw, whole)
