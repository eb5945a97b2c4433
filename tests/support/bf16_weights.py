"""Weights in bf16, a full fine-tune of them, and the XOR deltas between files."""

from __future__ import annotations

import io
import random
from concurrent.futures import ThreadPoolExecutor

from model_sharing_protocol.xor_deltas import BLOCK_BYTES, restore, write_block, write_start

# A little-endian bf16 has the lower bits of its mantissa in the first byte, sign and exponent in the second.
_TWICE = 2


def weights(count: int, seed: int = 0) -> bytes:
    """Numbers around zero, whose exponents are much the same and whose mantissas are anything."""
    dice = random.Random(seed)
    made = bytearray(_TWICE * count)
    made[0::2] = dice.randbytes(count)
    made[1::2] = bytes(0x3C + (exponent & 3) for exponent in dice.randbytes(count))
    return bytes(made)


def fine_tuned(before: bytes, seed: int = 1) -> bytes:
    """The lowest two bits of each mantissa are others now."""
    mantissas = before[0::2]
    noise = random.Random(seed).randbytes(len(mantissas))
    mask = int.from_bytes(b"\x03" * len(mantissas), "little")
    mixed = int.from_bytes(mantissas, "little") ^ (int.from_bytes(noise, "little") & mask)
    after = bytearray(before)
    after[0::2] = mixed.to_bytes(len(mantissas), "little")
    return bytes(after)


def xor_delta(file: bytes, base: bytes, head: int = 0, base_start: int = 0) -> bytes:
    """XOR delta that makes `file` of `base`; `head` bytes of the one lie where the other has `base_start`."""
    parts = [write_start(len(file), file[:head], base_start)]
    for start in range(head, len(file), BLOCK_BYTES):
        offset = base_start + start - head
        parts.append(write_block(file[start : start + BLOCK_BYTES], base[offset : offset + BLOCK_BYTES]))
    return b"".join(parts)


def restored(delta: bytes, base: bytes, size: int) -> bytes:
    """The file of that size that they make."""
    with ThreadPoolExecutor(2) as threads:
        return b"".join(restore(io.BytesIO(delta), io.BytesIO(base), size, threads))
