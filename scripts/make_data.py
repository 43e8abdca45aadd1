#!/usr/bin/env python3
"""Makes the data of the examples, with Python's own library alone.

shapes   grey pictures of 16x16 with a disc, a square, a cross or a ring, at any place, in any
         brightness, amid noise; as IDX files: input.idx, target.idx
words    four letters, a mark, and the letters backwards: input.npy holds what is read,
         target.npy what comes next (-100: before the mark anything may come)

Each has a folder `train` and a folder `test`; no word of the latter is in the former.
Usage: scripts/make_data.py shapes|words FOLDER
"""
import pathlib
import random
import struct
import sys

SIZE = 16
SHAPES = 4
LETTERS, MARK, LENGTH = 6, 6, 4
IGNORED = -100


def is_inside(shape, x, y, radius):
    if shape == 0:
        return x * x + y * y <= radius * radius
    if shape == 1:
        return max(abs(x), abs(y)) <= radius * 0.85
    if shape == 2:
        return min(abs(x), abs(y)) <= 0.8 and max(abs(x), abs(y)) <= radius
    return (radius - 1.6) ** 2 <= x * x + y * y <= radius * radius


def picture(source, shape):
    radius = source.uniform(3.2, 5.5)
    middle = [source.uniform(radius, SIZE - 1 - radius) for _ in range(2)]
    light = source.uniform(110, 200)
    pixels = bytearray()
    for row in range(SIZE):
        for column in range(SIZE):
            value = source.uniform(0, 55)
            if is_inside(shape, column - middle[0], row - middle[1], radius):
                value += light
            pixels.append(int(value))
    return bytes(pixels)


def write_idx(file, shape, elements):
    file.write_bytes(bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + elements)


def make_shapes(folder, source):
    for part, count in (("train", 1024), ("test", 256)):
        shapes = [source.randrange(SHAPES) for _ in range(count)]
        (folder / part).mkdir(parents=True, exist_ok=True)
        write_idx(folder / part / "input.idx", (count, 1, SIZE, SIZE),
                  b"".join(picture(source, shape) for shape in shapes))
        write_idx(folder / part / "target.idx", (count,), bytes(shapes))


def write_npy(file, rows):
    header = f"{{'descr': '<i8', 'fortran_order': False, 'shape': ({len(rows)}, {len(rows[0])}), }}"
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    file.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
                     + b"".join(struct.pack(f"<{len(row)}q", *row) for row in rows))


def make_words(folder, source):
    words = [[n // LETTERS ** i % LETTERS for i in range(LENGTH)] for n in range(LETTERS ** LENGTH)]
    source.shuffle(words)
    for part, some in (("train", words[:1024]), ("test", words[1024:1280])):
        (folder / part).mkdir(parents=True, exist_ok=True)
        lines = [word + [MARK] + word[::-1] for word in some]
        write_npy(folder / part / "input.npy", [line[:-1] for line in lines])
        write_npy(folder / part / "target.npy",
                  [[IGNORED] * LENGTH + line[LENGTH + 1:] for line in lines])


def main():
    makers = {"shapes": make_shapes, "words": make_words}
    if len(sys.argv) != 3 or sys.argv[1] not in makers:
        sys.exit(__doc__)
    makers[sys.argv[1]](pathlib.Path(sys.argv[2]), random.Random(1))


if __name__ == "__main__":
    main()
