"""Random numbers that are a pure function of a name and a position, so that both sides of a test can make them.

Philox 4×32 with ten rounds, after Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011); the streams are
those of oxbow/core/random.hpp: (seed, purpose, a, b) name one, an index walks it.
"""
import numpy as np

DROPOUT, INITIAL_WEIGHTS, EXAMPLE_DATA = 1, 2, 6

LOW = np.uint64(0xFFFFFFFF)
UP = np.uint64(32)


def words(purpose, seed, a, b, count):
    """The first `count` 32-bit words of a stream."""
    blocks = np.arange((count + 3) // 4, dtype=np.uint64)
    c = [blocks & LOW, blocks >> UP, np.full_like(blocks, a), np.full_like(blocks, b << 8 | purpose)]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        p, q = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [q >> UP ^ c[1] ^ np.uint64(key[0]), q & LOW, p >> UP ^ c[3] ^ np.uint64(key[1]), p & LOW]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack(c, 1).reshape(-1)[:count].astype(np.uint32)


def uniform(purpose, seed, a, b, count):
    """In [0, 1), multiples of 2^-24, as float32: exact."""
    return (words(purpose, seed, a, b, count) >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)


def centred(purpose, seed, a, b, count):
    """In [-1, 1), multiples of 2^-23, as float32: exact."""
    return np.float32(2) * uniform(purpose, seed, a, b, count) - np.float32(1)
