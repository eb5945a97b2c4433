"""A version's files say what its model is, whichever program wrote them; incomplete ones are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model_sharing_protocol.errors import InvalidModel
from model_sharing_protocol.model_formats import (
    NOTHING_KNOWN,
    ModelFormat,
    ModelSummary,
    TensorSpec,
    find_format,
)
from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.limits import MAX_LICENSE, MAX_SUMMARY
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from model_sharing_provider.services.publishing.formats import model_files
from model_sharing_provider.services.publishing.formats.format_reader import Reading, with_reading
from model_sharing_provider.services.publishing.formats.model_card import read_card
from model_sharing_provider.services.publishing.formats.model_files import LocalFiles
from model_sharing_provider.services.publishing.formats.table import choose_format, read_model
from support import model_files as written
from support.model_folder import MLMODEL
from support.safetensors_files import framed, safetensors

BASE = "example/base"


async def read(folder: Path, files: written.Files, wanted: ModelFormat | None = None) -> Reading:
    """What is read of these files, in the format that is found."""
    written.write(folder, files)
    chosen = choose_format(folder, files, wanted)
    return await read_model(LocalFiles(folder, {path: len(files[path]) for path in files}), chosen)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["MLmodel", "config.json", "model.safetensors"], ModelFormat.MLFLOW),
        (["model_index.json", "unet/config.json", "unet/model.safetensors"], ModelFormat.DIFFUSERS),
        (["adapter_config.json", "adapter_model.safetensors", "config.json"], ModelFormat.ADAPTER),
        (["config.json", "pytorch_model.bin"], ModelFormat.HUGGINGFACE),
        (
            ["modules.json", "config_sentence_transformers.json", "0_Transformer/model.safetensors"],
            ModelFormat.HUGGINGFACE,
        ),
        (["config.json", "model-Q4_K_M.gguf"], ModelFormat.GGUF),
        (["config.json", "onnx/model.onnx", "tokenizer.json"], ModelFormat.ONNX),
        (["config.json"], None),
        (["model.safetensors"], None),
        (["sub/MLmodel"], None),
        ([], None),
    ],
)
def test_the_format_is_found_by_the_names_of_files(paths: list[str], expected: ModelFormat | None) -> None:
    assert find_format(paths) == expected


async def test_a_transformers_model(tmp_path: Path) -> None:
    reading = await read(tmp_path, written.huggingface())
    assert reading.license == "apache-2.0"
    assert reading.summary == ModelSummary(
        architecture="LlamaForCausalLM",
        parameters=8,
        dtype="U8",
        context_length=2048,
        library="transformers",
        library_version="4.56.0",
        base_model=BASE,
        task="text-generation",
        languages=("en", "no"),
    )


async def test_a_model_in_shards_counts_the_weights_of_all(tmp_path: Path) -> None:
    assert (await read(tmp_path, written.sharded())).summary.parameters == 7


async def test_weights_that_come_in_two_forms_are_counted_once(tmp_path: Path) -> None:
    files = written.sharded() | {"consolidated.safetensors": safetensors({"w": b"1234567"})}
    assert (await read(tmp_path, files)).summary.parameters == 7


async def test_a_model_of_images_needs_no_tokenizer_and_one_of_text_is_said_to_lack_it(
    tmp_path: Path,
) -> None:
    files = written.huggingface(architectures=["ViTForImageClassification"])
    del files["tokenizer.json"], files["README.md"]
    assert (await read(tmp_path / "text", files)).summary.missing == ("tokenizer",)
    files["preprocessor_config.json"] = b"{}"
    summary = (await read(tmp_path / "images", files)).summary
    assert (summary.missing, summary.task) == ((), "image-classification")


async def test_pickled_weights_are_taken_and_the_config_tells_their_type(tmp_path: Path) -> None:
    files = {**written.huggingface(), "pytorch_model.bin": b"pickle"}
    del files["model.safetensors"]
    summary = (await read(tmp_path, files)).summary
    assert (summary.parameters, summary.dtype) == (None, "BF16")


@pytest.mark.parametrize(
    ("quantization", "name", "parameters"),
    [
        ({"quant_method": "gptq", "bits": 4}, "gptq-4bit", None),
        ({"quant_method": "awq", "bits": 4}, "awq-4bit", None),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes-4bit", None),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "bitsandbytes-8bit", 8),
        ({"quant_method": "fp8"}, "fp8", 8),
        ("nothing", "", 8),
    ],
)
async def test_a_quantization_is_named(
    tmp_path: Path, quantization: object, name: str, parameters: int | None
) -> None:
    summary = (await read(tmp_path, written.huggingface(quantization_config=quantization))).summary
    assert (summary.quantization, summary.parameters) == (name, parameters)


async def test_a_model_of_text_and_images_tells_the_context_of_its_text_model(tmp_path: Path) -> None:
    files = written.huggingface(max_position_embeddings=10**30, text_config={"max_position_embeddings": 1024})
    assert (await read(tmp_path, files)).summary.context_length == 1024


async def test_a_sentence_transformer(tmp_path: Path) -> None:
    version = {"__version__": {"sentence_transformers": "5.1.0"}}
    files = written.huggingface(architectures=["BertModel"]) | {
        "modules.json": b"[]",
        "config_sentence_transformers.json": json.dumps(version).encode(),
    }
    del files["README.md"]
    summary = (await read(tmp_path, files)).summary
    assert (summary.library, summary.library_version) == ("sentence-transformers", "5.1.0")
    assert (summary.task, summary.architecture) == ("sentence-similarity", "BertModel")


async def test_an_adapter_names_its_base_model(tmp_path: Path) -> None:
    assert (await read(tmp_path, written.adapter())).summary == ModelSummary(
        architecture="LORA",
        parameters=4,
        dtype="U8",
        library="peft",
        base_model=BASE,
        task="text-generation",
    )


async def test_a_pipeline_of_diffusers(tmp_path: Path) -> None:
    assert (await read(tmp_path, written.diffusers())).summary == ModelSummary(
        architecture="DDIMPipeline",
        parameters=3,
        dtype="U8",
        library="diffusers",
        library_version="0.35.0",
    )


GGUF = ModelSummary(
    architecture="llama",
    parameters=8,
    quantization="Q4_K_M",
    context_length=4096,
    library="gguf",
    base_model=BASE,
    languages=("en",),
)


async def test_a_gguf_file(tmp_path: Path) -> None:
    reading = await read(tmp_path, {"m.gguf": written.gguf_model()})
    assert reading == Reading(summary=GGUF, license="mit")


async def test_gguf_shards_are_one_model(tmp_path: Path) -> None:
    files = {
        "m-00001-of-00002.gguf": written.gguf_model(**{"split.no": 0, "split.count": 2}),
        "m-00002-of-00002.gguf": written.gguf_model(**{"split.no": 1, "split.count": 2}),
    }
    assert (await read(tmp_path, files)).summary == replace(GGUF, parameters=16)


async def test_quantizations_of_one_model_are_listed_and_its_projector_is_not(tmp_path: Path) -> None:
    files = {
        "m-Q4_K_M.gguf": written.gguf_model(),
        "m-Q8_0.gguf": written.gguf_model(7),
        "mmproj-f16.gguf": written.gguf_model(1, **{"general.architecture": "clip"}),
    }
    assert (await read(tmp_path, files)).summary == replace(GGUF, quantization="Q4_K_M, Q8_0")


async def test_a_gguf_file_of_an_unknown_version_is_taken_and_nothing_is_said_of_it(tmp_path: Path) -> None:
    reading = await read(tmp_path, {"m.gguf": b"GGUF" + bytes(60)})
    assert reading == Reading(summary=ModelSummary(missing=("header of a known version",)))


async def test_an_onnx_model(tmp_path: Path) -> None:
    files = {"m.onnx": written.onnx(location="weights.bin", length="64"), "weights.bin": bytes(64)}
    shape = ("batch", 4)
    assert (await read(tmp_path, files)).summary == ModelSummary(
        parameters=16,
        dtype="F32",
        library="onnx",
        inputs=(TensorSpec(name="x", dtype="float32", shape=shape),),
        outputs=(TensorSpec(name="y", dtype="float32", shape=shape),),
    )


async def test_an_mlflow_model_has_its_signature_and_the_library_of_its_flavor(tmp_path: Path) -> None:
    mlmodel = MLMODEL.replace("flavors:", "flavors:\n  sklearn:\n    sklearn_version: 1.7.0")
    reading = await read(tmp_path, {"MLmodel": mlmodel.encode(), "model.pkl": b""})
    assert reading.signature is not None
    assert reading.summary == ModelSummary(
        library="sklearn",
        library_version="1.7.0",
        inputs=(TensorSpec(name="x", dtype="double"),),
        outputs=(TensorSpec(dtype="double"),),
    )


async def test_any_files_are_taken_only_where_that_is_wanted(tmp_path: Path) -> None:
    files = {"weights.xyz": b"1", "notes.txt": b"2", "README.md": written.CARD}
    with pytest.raises(InvalidModel, match=r"no MLmodel file.*README.md, notes.txt.*--format files"):
        await read(tmp_path, files)
    reading = await read(tmp_path, files, ModelFormat.FILES)
    assert (reading.license, reading.summary.task) == ("apache-2.0", "text-generation")


@pytest.mark.parametrize("wanted", [each for each in ModelFormat if each is not ModelFormat.FILES])
async def test_a_format_that_the_files_do_not_have_is_refused(tmp_path: Path, wanted: ModelFormat) -> None:
    files = {"m.gguf": b"", "README.md": b""}
    if wanted is ModelFormat.GGUF:
        files = {"m.onnx": b"", "README.md": b""}
    instead = "onnx" if wanted is ModelFormat.GGUF else "gguf"
    with pytest.raises(InvalidModel, match=rf"use --format {instead}"):
        await read(tmp_path, files, wanted)


def broken(**changes: bytes | None) -> written.Files:
    files: dict[str, bytes | None] = {**written.sharded(), **changes}
    return {path: content for path, content in files.items() if content is not None}


FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"
NAMES = written.index({"a": FIRST, "b": SECOND, "c": SECOND})


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (broken(**{"config.json": b"{"}), "not JSON"),
        (broken(**{"config.json": b"[]"}), "not a JSON object"),
        (broken(**{"config.json": b"[" * 100_000}), "not JSON"),
        (broken(**{INDEX: None}), "no index names it"),
        (broken(**{INDEX: b"{}"}), "no weight_map"),
        (broken(**{INDEX: written.index({"a": FIRST})}), "no index names it"),
        (broken(**{INDEX: written.index({"a": "../x", "b": SECOND, "c": SECOND})}), "does not exist"),
        (broken(**{INDEX: written.index({"a": FIRST, "b": SECOND, "c": FIRST})}), "'c', but it has not"),
        (broken(**{INDEX: written.index({"a": FIRST, "b": SECOND})}), "'c', which .* does not name"),
        (broken(**{SECOND: None}), f"names the file '{SECOND}', which does not exist"),
        (broken(**{FIRST: b"not safetensors"}), f"'{FIRST}' is not valid"),
        (broken(**{FIRST: framed(b"{}", b"more")}), "describes"),
        (written.adapter() | {"adapter_config.json": b""}, "not JSON"),
        ({"adapter_config.json": b"{}", "README.md": b""}, "neither adapter_model.safetensors nor"),
        ({"model_index.json": b'{"unet": ["a", "b"]}'}, "names 'unet', but there is no such folder"),
        ({"m.gguf": b"GGUF"}, "'m.gguf' is not valid"),
        ({"m.gguf": b"GGUF" + b"\0\0\0\3" + bytes(60)}, "big-endian"),
        ({"m-00001-of-00002.gguf": written.gguf_model()}, "number 2 is missing"),
        ({"m-00003-of-00001.gguf": written.gguf_model()}, "number 1 is missing"),
        ({"m.gguf": written.gguf_model(**{"split.no": 0, "split.count": 2})}, "number 0 of 2 shards"),
        ({"m.onnx": b"not ONNX"}, "'m.onnx' is not valid"),
        ({"m.onnx": written.onnx(location="../w.bin")}, "is not one of the files"),
        ({"m.onnx": written.onnx(location="/etc/passwd")}, "is not one of the files"),
        ({"m.onnx": written.onnx(location="w", length="64"), "w": b"short"}, "which has 5 bytes"),
    ],
)
async def test_what_is_incomplete_or_damaged_is_refused(
    tmp_path: Path, files: written.Files, words: str
) -> None:
    with pytest.raises(InvalidModel, match=words):
        await read(tmp_path, files)


async def test_headers_are_read_only_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "MAX_READ_BYTES", 100)
    with pytest.raises(InvalidModel, match=r"more than 100 bytes.*'files'"):
        await read(tmp_path, {"m.gguf": written.gguf_model()})


@pytest.mark.parametrize(
    ("metadata", "license_", "languages"),
    [
        ("license: mit", "mit", ()),
        ("license: [mit, apache-2.0]", "mit", ()),
        ("license: other\nlicense_name: llama3", "llama3", ()),
        ("license: other", "other", ()),
        ("license: 3\nlanguage: 7", "", ()),
        ("license: {a: b}\nlanguage: {a: b}", "", ()),
        ("language: no", "", ("no",)),
        ("language: [de, no, 3]", "", ("de", "no")),
        ("license: [", "", ()),
        ("license: 2026-99-99", "", ()),
        ("a: &a {b: c}\nlicense: mit\nc: *a", "", ()),
        ("license: !!python/object/apply:os.system [id]", "", ()),
        ("- license: mit", "", ()),
    ],
)
def test_a_card_is_understood_or_ignored(metadata: str, license_: str, languages: tuple[str, ...]) -> None:
    found = read_card(OneCard(f"---\n{metadata}\n---\ntext\n".encode()))
    assert (found.license, found.languages) == (license_, languages)


@example("license: !!bool maybe")
@example("license: !!timestamp maybe")
@example("license: !!int ''")
@example("license: " + ":".join("1" * 300) + ".0")
@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=9), st.dates()),
            lambda inner: (
                st.lists(inner) | st.dictionaries(st.sampled_from(["license", "language", "x"]), inner)
            ),
            max_leaves=9,
        ).map(yaml.safe_dump),
    )
)
def test_no_card_is_an_error(metadata: str) -> None:
    read_card(OneCard(f"---\n{metadata}\n---\n".encode(errors="replace")))


class OneCard:
    """A version that is only a model card."""

    def __init__(self, content: bytes) -> None:
        self.sizes = {"README.md": len(content)}
        self._content = content

    def read(self, path: str, offset: int, length: int) -> bytes:
        return self._content[offset : offset + length]


def test_what_is_read_is_brought_within_the_limits_of_a_row() -> None:
    version = ModelVersion(
        id="1",
        model_id="2",
        full_name=FullName.parse("prod.llm.tiny"),
        version=1,
        status=VersionStatus.READY,
        storage_path="p",
        created_at=0,
        created_by="",
        updated_at=0,
        run_id="its own",
    )
    spec = TensorSpec(name="n" * 1000, dtype="d", shape=("s" * 1000, -1))
    summary = ModelSummary(
        architecture="a\0\ud800\nb" * 1000, inputs=(spec,) * 1000, languages=("l" * 999,) * 999
    )
    found = with_reading(
        version, ModelFormat.ONNX, Reading(summary=summary, license="l" * 1000, run_id="another")
    )
    assert len(found.license.encode()) <= MAX_LICENSE
    assert found.run_id == "its own"
    assert found.summary.inputs == ()
    assert len(json.dumps(found.known_summary)) <= 2 * MAX_SUMMARY
    found.summary.architecture.encode()
    assert with_reading(version, ModelFormat.FILES, Reading()).summary == NOTHING_KNOWN
    claimed = ModelSummary(architecture="llama", parameters=2**70, context_length=2**64)
    kept = with_reading(version, ModelFormat.GGUF, Reading(summary=claimed)).summary
    assert kept == ModelSummary(architecture="llama")
    most = ModelSummary(parameters=2**63 - 1)
    assert with_reading(version, ModelFormat.GGUF, Reading(summary=most)).summary == most
