"""Writes the files in data/, which are the independent side of the tests in this folder.

usage: python make_fixtures.py        with numpy, pillow, tifffile, imagecodecs and safetensors installed
The tests know the numbers by the rule `pattern` below, repeated in files.hpp.
"""
import pathlib
import struct
import zlib

import numpy as np
import safetensors
import safetensors.numpy
import tifffile
from PIL import Image

DATA = pathlib.Path(__file__).parent / "data"


def pattern(height, width, channels=1, page=0):
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    values = page * 1000 + y * 211 + x * 37 + c * 101 + 12345
    return values if channels > 1 else values[:, :, 0]


def tiff(name, *pages, **options):
    with tifffile.TiffWriter(DATA / name, byteorder=options.pop("byteorder", "<"),
                             bigtiff=options.pop("bigtiff", False)) as file:
        for page in pages:
            colour = page.ndim == 3
            file.write(page, photometric="rgb" if colour else "minisblack", metadata=None, software=False, **options)


def tiffs():
    p = pattern(7, 5)
    tiff("u8.tif", (p % 256).astype("u1"))
    tiff("u16_big_endian.tif", p.astype(">u2"), byteorder=">")
    tiff("u32.tif", (p * 300000 % 2**32).astype("u4"))
    tiff("u64.tif", (p.astype("u8") * 2**40))
    tiff("i8.tif", (p % 256 - 128).astype("i1"))
    tiff("i16_big_endian.tif", (p - 13000).astype(">i2"), byteorder=">")
    tiff("i32.tif", (p * -100000).astype("i4"))
    tiff("f16.tif", (p / 64 - 200).astype("f2"))
    tiff("f32.tif", (p / 8 - 1600).astype("f4"))
    tiff("f64_big_endian.tif", (p / 3).astype(">f8"), byteorder=">")
    tiff("rgb_contiguous.tif", (pattern(7, 5, 3) % 256).astype("u1"))
    tiff("rgb_planar_u16.tif", np.moveaxis(pattern(7, 5, 3), 2, 0).astype("u2"), planarconfig="separate")
    tiff("tiled_lzw.tif", (pattern(19, 37) % 256).astype("u1"), tile=(16, 16), compression="lzw")
    tiff("tiled_planar_deflate.tif", np.moveaxis(pattern(18, 17, 3) // 100, 2, 0).astype("u2"), tile=(16, 16),
         planarconfig="separate", compression="deflate")
    tiff("lzw_predictor.tif", pattern(19, 17).astype("u2"), compression="lzw", predictor=True, rowsperstrip=4)
    tiff("deflate_float_predictor.tif", (pattern(9, 11) / 8 - 1600).astype("f4"), compression="deflate",
         predictor=True, rowsperstrip=4)
    tiff("packbits.tif", (pattern(9, 11) // 512).astype("u1"), compression="packbits")
    tiff("bigtiff.tif", pattern(7, 5).astype("u2"), bigtiff=True)
    tiff("pages.tif", *(pattern(3 + n, 4 + 2 * n, page=n).astype("u2") for n in range(3)))
    tiff("uneven_strips.tif", (pattern(10, 3) % 256).astype("u1"), rowsperstrip=4)
    Image.fromarray(pattern(5, 11) % 2 == 1).save(DATA / "one_bit.tif")
    palette_image().save(DATA / "palette.tif")


def palette_image():
    image = Image.fromarray((pattern(7, 5) % 3).astype("u1"), "P")
    image.putpalette([10, 20, 30, 200, 100, 50, 255, 0, 128] + [0] * 759)
    return image


def png(name, depth, colour, rows, passes=False):
    """A PNG by hand: Pillow writes neither 2-bit grey nor 16-bit colour nor interlaced files."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    def packed(samples):
        samples = [int(s) for s in np.ravel(samples)]
        if depth == 16:
            return b"".join(struct.pack(">H", s) for s in samples)
        bits = "".join(format(s, f"0{depth}b") for s in samples)
        bits += "0" * (-len(bits) % 8)
        return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))

    adam7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    body = b""
    for y0, x0, dy, dx in adam7 if passes else [(0, 0, 1, 1)]:
        part = rows[y0::dy, x0::dx]
        if part.size:
            body += b"".join(b"\0" + packed(row) for row in part)
    head = struct.pack(">IIBBBBB", rows.shape[1], rows.shape[0], depth, colour, 0, 0, 1 if passes else 0)
    (DATA / name).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(body)) +
                              chunk(b"IEND", b""))


def pngs():
    p = pattern(7, 5)
    Image.fromarray((p % 256).astype("u1")).save(DATA / "grey8.png")
    Image.fromarray(p.astype("u2")).save(DATA / "grey16.png")
    Image.fromarray(p % 2 == 1).save(DATA / "grey1.png")
    png("grey2.png", 2, 0, p % 4)
    png("grey4.png", 4, 0, p % 16)
    Image.fromarray((pattern(7, 5, 2) % 256).astype("u1"), "LA").save(DATA / "grey_alpha.png")
    Image.fromarray((pattern(7, 5, 3) % 256).astype("u1")).save(DATA / "rgb8.png")
    Image.fromarray((pattern(7, 5, 4) % 256).astype("u1")).save(DATA / "rgba8.png")
    png("rgb16.png", 16, 2, pattern(7, 5, 3))
    png("interlaced.png", 16, 0, pattern(13, 9), passes=True)
    palette_image().save(DATA / "palette.png")
    palette_image().save(DATA / "palette_transparent.png", transparency=bytes([255, 128, 0]))


def npys():
    p = pattern(7, 5)
    np.save(DATA / "f32.npy", (p / 8 - 1600).astype("f4"))
    np.save(DATA / "i16_big_endian.npy", (p - 13000).astype(">i2"))
    np.save(DATA / "f64_fortran.npy", np.asfortranarray(pattern(7, 5, 3) / 4))
    np.save(DATA / "bool.npy", p % 2 == 1)
    np.save(DATA / "volume_u8.npy", np.stack([pattern(3, 4, 2, page=n) % 256 for n in range(3)]).astype("u1"))
    np.save(DATA / "vector_i64.npy", np.arange(9) * 10**12)
    np.save(DATA / "complex.npy", (p + 1j).astype("c8"))
    with open(DATA / "version2.npy", "wb") as file:
        np.lib.format.write_array(file, p.astype("u2"), version=(2, 0))


def tensors():
    half = np.array([0.0, -0.0, 1.0, -2.5, 65504.0, 2.0**-24, -(2.0**-14), np.inf, -np.inf], dtype="f2")
    single = (np.arange(6).reshape(2, 3) / 4 - 0.5).astype("f4")
    safetensors.numpy.save_file(
        {"single": single, "double": np.array([np.pi, -1e300, 1e-3]), "half": half,
         "long": np.array([-(2**62), 7]), "byte": np.array([[0, 255]], dtype="u1"), "none": np.zeros((0, 4), "f4"),
         "scalar": np.array(3.25, dtype="f4"), "truth": np.array([True, False])},
        DATA / "types.safetensors", metadata={"made by": "the reference implementation", "umlaut": "Größe"})
    # numpy has no bfloat16: 1.5, -2, 2^-133 (subnormal), infinity
    brain = np.array([0x3FC0, 0xC000, 0x0001, 0x7F80], dtype="u2")
    spec = safetensors.TensorSpec(dtype="bfloat16", shape=(4,), data_ptr=brain.ctypes.data, data_len=brain.nbytes)
    (DATA / "bf16.safetensors").write_bytes(safetensors.serialize({"brain": spec}))


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    tiffs()
    pngs()
    npys()
    tensors()
    for file in DATA.iterdir():
        assert file.stat().st_size < 2048, file
