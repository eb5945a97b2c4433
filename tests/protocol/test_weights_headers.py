"""Headers of weights files say what their libraries read, and what is hostile about one is an error."""

from __future__ import annotations

import json
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import gguf as gguf_library
import numpy as np
import onnx as onnx_library
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_sharing_protocol.errors import InvalidModel
from model_sharing_protocol.weights import gguf, onnx, safetensors
from model_sharing_protocol.weights.gguf_types import QUANTIZATIONS, TENSOR_TYPES
from model_sharing_protocol.weights.header_cursor import Read
from support import weights_files
from support.safetensors_files import framed
from support.safetensors_files import safetensors as safetensors_file
from support.weights_files import field, onnx_model, onnx_tensor, text

MIB = 1024 * 1024
SAFETENSORS = safetensors_file({"a": b"12345678", "b": b"9"}, {"format": "pt"})
GGUF = weights_files.gguf(
    {"general.architecture": "llama", "llama.context_length": 4096, "general.languages": ["en", "de"]},
    [("token_embd.weight", (4, 2), 0, bytes(32)), ("output.weight", (32, 1), 2, bytes(18))],
)
ONNX = onnx_model(field(5, onnx_tensor("w", (4, 4), bytes(64))), field(1, field(4, "MatMul")))
READERS: dict[str, tuple[bytes, Callable[[Read, int], object]]] = {
    "safetensors": (SAFETENSORS, safetensors.read_header),
    "gguf": (GGUF, gguf.read_header),
    "onnx": (ONNX, onnx.read_model),
}


def reading(content: bytes) -> Read:
    return lambda offset, length: content[offset : offset + length]


def refuses(read: Callable[[Read, int], object], content: bytes, *, size: int | None = None) -> str:
    """The words in which a file is refused, without more memory than a few times its length."""
    tracemalloc.start()
    try:
        with pytest.raises(InvalidModel) as refused:
            read(reading(content), len(content) if size is None else size)
        assert tracemalloc.get_traced_memory()[1] < 20 * len(content) + 4 * MIB
    finally:
        tracemalloc.stop()
    assert len(refused.value.message) < 1000
    return refused.value.message


def test_a_safetensors_header() -> None:
    header = safetensors.read_header(reading(SAFETENSORS), len(SAFETENSORS))
    assert [(tensor.name, tensor.dtype, tensor.shape) for tensor in header.tensors] == [
        ("a", "U8", (8,)),
        ("b", "U8", (1,)),
    ]
    assert SAFETENSORS[header.tensors[0].start : header.tensors[0].end] == b"12345678"
    assert header.metadata == {"format": "pt"}
    assert header.end == len(SAFETENSORS) - 9


@pytest.mark.parametrize(
    ("header", "data", "words"),
    [
        (b"[]", b"", "JSON object"),
        (b"{", b"", "not valid"),
        (b'{"a":' * 10_000, b"", "not valid"),
        (b'{"a": 1}', b"", "not valid"),
        (b'{"__metadata__": {"a": 1}}', b"", "not valid"),
        (b'{"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}, "a": 1}', b"1", "twice"),
        (b'{"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}', b"12", "describes"),
        (b'{"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}}', b"1", "describes"),
        (b'{"a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}', b"12", "gap"),
        (b'{"a": {"dtype": "U8", "shape": [9], "data_offsets": [0, 1]}}', b"1", "another size"),
        (b'{"a": {"dtype": "U8", "shape": [-1], "data_offsets": [0, 1]}}', b"1", "not valid"),
        (b'{"a": {"dtype": "U8", "shape": [0], "data_offsets": [0, -1]}}', b"1", "not valid"),
        (b'{"a": {"dtype": "Q9", "shape": [], "data_offsets": [1, 0]}}', b"1", "another size"),
        (b'{"a": {"dtype": "Q9", "shape": [9223372036854775807, 9], "data_offsets": [0, 1]}}', b"1", "size"),
        (
            b'{"a": {"dtype": "U8", "shape": [1%s], "data_offsets": [0, 1]}}' % (b"0" * 9000),
            b"1",
            "not valid",
        ),
        (b'{"a": {"dtype": "U8", "shape": [%s1], "data_offsets": [0, 1]}}' % (b"1," * 99), b"1", "not valid"),
        (
            b'{"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}, '
            b'"b": {"dtype": "U8", "shape": [2], "data_offsets": [1, 3]}}',
            b"123",
            "overlap",
        ),
    ],
)
def test_a_hostile_safetensors_header_is_refused(header: bytes, data: bytes, words: str) -> None:
    assert words in refuses(safetensors.read_header, framed(header, data))


@pytest.mark.parametrize("promised", [40, 100_000_001, 2**63, 2**64 - 1])
def test_a_safetensors_header_that_promises_too_much_is_not_waited_for(promised: int) -> None:
    content = promised.to_bytes(8, "little") + b"{}"
    refuses(safetensors.read_header, content)
    if promised > safetensors.MAX_HEADER_BYTES:
        assert "more than" in refuses(safetensors.read_header, content, size=2**64)


def test_a_gguf_header() -> None:
    header = gguf.read_header(reading(GGUF), len(GGUF))
    assert header.text("general.architecture") == "llama"
    assert header.number("llama.context_length") == 4096
    assert header.metadata["general.languages"] == ("en", "de")
    assert header.text("nothing") == ""
    assert header.number("general.architecture") is None
    assert [(tensor.name, tensor.dtype, tensor.parameters) for tensor in header.tensors] == [
        ("token_embd.weight", "F32", 8),
        ("output.weight", "Q4_0", 32),
    ]
    assert header.tensors[0].start == header.end


def test_a_gguf_file_of_its_library_is_read_as_it_is_by_the_library(tmp_path: Path) -> None:
    writer = gguf_library.GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_context_length(2048)
    writer.add_file_type(gguf_library.LlamaFileType.MOSTLY_Q4_K_M)
    writer.add_languages(["en", "fr"])
    writer.add_token_list([f"token {number}" for number in range(1000)])
    writer.add_token_scores([0.5] * 1000)
    writer.add_chat_template("{{ messages }}")
    writer.add_tensor("a.weight", np.ones((3, 64), dtype=np.float32))
    blocks = gguf_library.quants.quantize(
        np.ones((2, 256), dtype=np.float32), gguf_library.GGMLQuantizationType.Q8_0
    )
    writer.add_tensor("b.weight", blocks, raw_dtype=gguf_library.GGMLQuantizationType.Q8_0)
    writer.add_tensor("c.weight", np.ones(7, dtype=np.float16))
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    content = (tmp_path / "m.gguf").read_bytes()
    header = gguf.read_header(reading(content), len(content))
    assert header.number("llama.context_length") == 2048
    assert QUANTIZATIONS[header.number("general.file_type") or 0] == "Q4_K_M"
    assert header.metadata["general.languages"] == ("en", "fr")
    assert header.text("tokenizer.chat_template") == "{{ messages }}"
    assert header.metadata["tokenizer.ggml.tokens"] is None
    known = gguf_library.GGUFReader(tmp_path / "m.gguf")
    assert [
        (tensor.name, tensor.dtype, tensor.parameters, tensor.start, tensor.end - tensor.start)
        for tensor in header.tensors
    ] == [
        (each.name, each.tensor_type.name, int(each.n_elements), each.data_offset, each.n_bytes)
        for each in known.tensors
    ]


def test_numbers_of_types_are_those_of_the_library() -> None:
    known = {
        kind.value: (kind.name, *gguf_library.GGML_QUANT_SIZES[kind])
        for kind in gguf_library.GGMLQuantizationType
    }
    assert {number: tuple(kind) for number, kind in TENSOR_TYPES.items()}.items() <= known.items()
    words = {kind.value: kind.name.removeprefix("MOSTLY_") for kind in gguf_library.LlamaFileType}
    words |= {0: "F32"}
    assert QUANTIZATIONS.items() <= words.items()


def one_entry(value: bytes) -> bytes:
    return struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + text("key") + value + bytes(64)


def tensor_info(name: str, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def with_infos(*infos: bytes, data: bytes = bytes(256)) -> bytes:
    return weights_files.padded(struct.pack("<4sIQQ", b"GGUF", 3, len(infos), 0) + b"".join(infos)) + data


HUGE = 2**64 - 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"GGUF", "ends"),
        (b"GGML" + bytes(60), "begin"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1"),
        (b"GGUF" + struct.pack("<IQQ", 4, 0, 0), "version 4"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, HUGE), "too many"),
        (b"GGUF" + struct.pack("<IQQ", 3, HUGE, 0), "too many"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 9), "ends"),
        (struct.pack("<4sIQQQ", b"GGUF", 3, 0, 1, HUGE), "name"),
        (struct.pack("<4sIQQQ", b"GGUF", 3, 0, 1, 2) + b"\xff\xff" + bytes(99), "UTF-8"),
        (one_entry(struct.pack("<I", 13)), "unknown type"),
        (one_entry(struct.pack("<IQ", 8, HUGE)), "ends"),
        (one_entry(struct.pack("<IIQ", 9, 4, HUGE)), "values"),
        (one_entry(struct.pack("<IIQ", 9, 8, 1_000_000)), "ends"),
        (one_entry(struct.pack("<IIQ", 9, 9, 1)), "array of arrays"),
        (one_entry(struct.pack("<IIQ", 9, 77, 1000)), "unknown type"),
        (weights_files.gguf({"general.alignment": 0}), "alignment"),
        (weights_files.gguf({"general.alignment": 24}), "alignment"),
        (weights_files.gguf({"general.alignment": "x"}), "alignment"),
        (with_infos(tensor_info("a", (8,), 0, 0), tensor_info("a", (8,), 0, 32)), "same name"),
        (with_infos(tensor_info("a", (9,), 0, 0), tensor_info("b", (8,), 0, 32)), "over another"),
        (with_infos(tensor_info("a", (8,), 0, 32), tensor_info("b", (8,), 0, 32)), "over another"),
        (with_infos(tensor_info("a", (8,), 0, 8)), "multiple"),
        (with_infos(tensor_info("a", (65,), 0, 0)), "outside"),
        (with_infos(tensor_info("a", (8,), 0, HUGE - 31)), "outside"),
        (with_infos(tensor_info("a", (HUGE, HUGE, HUGE, HUGE), 0, 0)), "weights"),
        (with_infos(tensor_info("a", (8, 8, 8, 8, 8), 0, 0)), "dimensions"),
        (with_infos(tensor_info("a", (8,), 2, 0)), "blocks"),
        (with_infos(tensor_info("a" * 300, (8,), 0, 0)), "name"),
    ],
)
def test_a_hostile_gguf_header_is_refused(content: bytes, words: str) -> None:
    assert words in refuses(gguf.read_header, content)


def test_two_gguf_entries_of_one_key_are_refused() -> None:
    entry = text("key") + struct.pack("<II", 4, 1)
    assert "twice" in refuses(gguf.read_header, struct.pack("<4sIQQ", b"GGUF", 3, 0, 2) + entry + entry)


def test_a_gguf_tensor_of_a_newer_type_ends_where_the_next_one_begins() -> None:
    content = with_infos(tensor_info("a", (99,), 1234, 0), tensor_info("b", (8,), 0, 96))
    first, second = gguf.read_header(reading(content), len(content)).tensors
    assert (first.dtype, first.end) == ("type 1234", second.start)


def test_an_onnx_model_is_read_as_it_is_by_its_library(tmp_path: Path) -> None:
    helper, numbers = onnx_library.helper, onnx_library.TensorProto
    weights = onnx_library.numpy_helper.from_array(np.ones((4, 3), dtype=np.float32), "w")
    branch = helper.make_graph(
        [helper.make_node("Foreign", ["x"], ["z"], domain="com.example")],
        "branch",
        [],
        [helper.make_tensor_value_info("z", numbers.FLOAT, None)],
    )
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["y"]),
            helper.make_node("Own", ["y"], ["v"], domain="local"),
            helper.make_node("If", ["c"], ["u"], then_branch=branch, else_branch=branch),
        ],
        "g",
        [
            helper.make_tensor_value_info("x", numbers.FLOAT, ["batch", 4]),
            helper.make_tensor_value_info("w", numbers.FLOAT, [4, 3]),
            helper.make_tensor_value_info("c", numbers.BOOL, []),
        ],
        [helper.make_tensor_value_info("y", numbers.FLOAT, ["batch", 3])],
        [weights],
    )
    own = helper.make_function(
        "local",
        "Own",
        ["a"],
        ["b"],
        [helper.make_node("Relu", ["a"], ["b"])],
        [helper.make_opsetid("", 20)],
    )
    model = helper.make_model(graph, producer_name="tests", producer_version="1", functions=[own])
    onnx_library.save_model(
        model, str(tmp_path / "m.onnx"), save_as_external_data=True, location="w.bin", size_threshold=0
    )
    content = (tmp_path / "m.onnx").read_bytes()
    found = onnx.read_model(reading(content), len(content))
    assert (found.producer, found.producer_version) == ("tests", "1")
    assert [(spec.name, spec.dtype, spec.shape) for spec in found.inputs] == [
        ("x", "float32", ("batch", 4)),
        ("c", "bool", ()),
    ]
    assert [spec.name for spec in found.outputs] == ["y"]
    assert found.parameters == {"float32": 12}
    assert found.operator_domains == {"com.example"}
    assert found.external_data == {"w.bin": (tmp_path / "w.bin").stat().st_size}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no graph"),
        (b"\x00", "not protobuf"),
        (b"\x0b", "not protobuf"),
        (b"\xff" * 20, "more than 10 bytes"),
        (field(1, 10), "no graph"),
        (field(7, 1), "a number where"),
        (field(7, b"")[:-1] + b"\xff\xff\xff\xff\x7f", "ends within"),
        (field(7, field(5, b"12")[:1] + b"\x7f12") + bytes(200), "beyond its message"),
        (field(2, "x" * 100_000), "a name of"),
        (onnx_model(field(5, onnx_tensor("w", (2**63, 2)))), "too large"),
        (onnx_model(field(5, onnx_tensor("w", [1] * 65))), "too large"),
        (onnx_model(field(5, onnx_tensor("w", (1,), offset="3"))), "not in which"),
        (onnx_model(field(5, onnx_tensor("w", (1,), location="w", offset="-3"))), "places"),
        (onnx_model(field(5, onnx_tensor("w", (1,), location="w", length="9" * 5000))), "places"),
    ],
)
def test_a_hostile_onnx_file_is_refused(content: bytes, words: str) -> None:
    assert words in refuses(onnx.read_model, content)


def test_graphs_in_graphs_are_followed_only_so_far() -> None:
    graph = b""
    for _ in range(50):
        graph = field(1, field(5, field(6, graph)))
    assert "deep" in refuses(onnx.read_model, onnx_model(graph))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(READERS)), st.data())
def test_a_damaged_header_is_read_or_refused_and_nothing_else(kind: str, data: st.DataObject) -> None:
    content, read = READERS[kind]
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        piece = data.draw(st.one_of(st.binary(max_size=9), st.just(b"\xff" * 8), st.just(bytes(8))))
        damaged[place : place + data.draw(st.integers(0, 9))] = piece
        if not damaged:
            break
    try:
        read(reading(bytes(damaged)), len(damaged))
    except InvalidModel as error:
        assert error.message.endswith(".")


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(READERS)), st.binary(max_size=200))
def test_whatever_the_bytes_are_a_reader_tells(kind: str, content: bytes) -> None:
    _, read = READERS[kind]
    for start in (b"", b"GGUF\x03\0\0\0", b"\x02\0\0\0\0\0\0\0{}", b"\x3a"):
        try:
            read(reading(start + content), len(start + content))
        except InvalidModel:
            continue


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(sorted(READERS)), st.integers(1, 7))
def test_in_whatever_pieces_a_file_is_read_its_header_is_the_same(kind: str, piece: int) -> None:
    content, read = READERS[kind]

    def in_pieces(offset: int, length: int) -> bytes:
        return content[offset : offset + min(length, piece)]

    assert read(in_pieces, len(content)) == read(reading(content), len(content))


def test_headers_are_read_without_the_weights() -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2**30], "data_offsets": [0, 2**32]}}).encode()
    content = framed(header, b"")
    read: list[int] = []

    def counting(offset: int, length: int) -> bytes:
        read.append(min(length, len(content)))
        return content[offset : offset + length]

    assert safetensors.read_header(counting, len(content) + 2**32).tensors[0].parameters == 2**30
    assert sum(read) <= len(content)
