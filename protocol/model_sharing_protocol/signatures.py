"""Signatures of models: created by a provider, verified by a recipient. Pure functions.

A *bundle* lists the files of a version of a shared model. Its format is OpenSSF Model Signing v1.0
(a Sigstore bundle v0.3 around a DSSE envelope around an in-toto Statement v1), so that the stock
`model_signing verify key` accepts a downloaded folder. Share, model and version are additional fields of the
signed predicate: other verifiers ignore them, this one checks them. Another one may name the version's chunk
maps, in which large files have block digests.

A *state* says which content a version number or an alias of a shared model has now. Its `sequence` grows with
each change at the provider, so that an older answer cannot be replayed as the current one.

A *signed page* of a share's change feed says which bytes were the answer to which question.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from model_sharing_protocol.dsse import Envelope, PublicKey, SigningKey
from model_sharing_protocol.errors import UntrustedSignature
from model_sharing_protocol.field_types import EpochMs, ManifestDigest, Sha256, VersionNumber
from model_sharing_protocol.manifest import MAX_FILES, Manifest
from model_sharing_protocol.recalls import Recall

_BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_IN_TOTO_TYPE = "application/vnd.in-toto+json"
_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE_TYPE = "https://model_signing/signature/v1.0"
_STATE_TYPE = "application/vnd.model-sharing.state+json"
_CHANGES_TYPE = "application/vnd.model-sharing.changes+json"
_MAX_VALUES = 10 * MAX_FILES
"""Limit of values in a signature: a file has three, besides the commas in its path."""

S = TypeVar("S", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class SignedName:
    """Subject of a bundle: a version of a shared model. `model` is `schema.model`."""

    share: str
    model: str
    version: int

    def __str__(self) -> str:
        return f"{self.model} version {self.version} of the share {self.share}"


class State(msgspec.Struct, frozen=True, rename="camel"):
    """State of a model: the version that `alias`, or a number, refers to. `digest` is the manifest's.

    `recalled` is None unless that version was recalled, or signed by a provider that knows of no recalls.

    `sequence` holds the times of the last change to the share and to the model. Compared in this order, it
    grows with each change and never shrinks. Times are in epoch milliseconds.
    """

    share: str
    model: str
    alias: str | None
    version: VersionNumber
    digest: ManifestDigest
    sequence: tuple[EpochMs, EpochMs]
    issued_at: EpochMs
    recalled: Recall | None = None


class SignedChanges(msgspec.Struct, frozen=True, rename="camel"):
    """Page of a change feed: the share and token that were asked for, and the body's SHA-256.

    `since` is empty for a request without a token. `issued_at` is in epoch milliseconds.
    """

    share: str
    since: str
    sha256: Sha256
    issued_at: EpochMs


class _KeyHint(msgspec.Struct, frozen=True):
    hint: str


class _VerificationMaterial(msgspec.Struct, frozen=True, rename="camel"):
    public_key: _KeyHint
    tlog_entries: tuple[str, ...] = ()


class Bundle(msgspec.Struct, frozen=True, rename="camel"):
    """Signature as sent over the wire and written to a file."""

    media_type: str
    verification_material: _VerificationMaterial
    dsse_envelope: Envelope

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, data: bytes) -> Bundle:
        """Read `to_json` back, byte for byte; UntrustedSignature for anything else."""
        bundle = _decode(data, cls)
        if bundle.to_json() != data:
            raise UntrustedSignature("The signature file was changed after it was written.")
        return bundle


class _Serialization(msgspec.Struct, frozen=True):
    method: str = "files"
    hash_type: str = "sha256"
    allow_symlinks: bool = False
    ignore_paths: tuple[str, ...] = ()


class _Resource(msgspec.Struct, frozen=True):
    name: str
    digest: str
    algorithm: str = "sha256"


class _Predicate(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    serialization: _Serialization
    resources: tuple[_Resource, ...]
    share: str
    model: str
    version: VersionNumber
    issued_at: EpochMs
    chunk_maps: Sha256 | None = None


class _Subject(msgspec.Struct, frozen=True):
    name: str
    digest: Mapping[str, str]


class _Statement(msgspec.Struct, frozen=True, rename="camel"):
    type: str = msgspec.field(name="_type")
    subject: tuple[_Subject, ...]
    predicate_type: str
    predicate: _Predicate


def sign_manifest(
    key: SigningKey, name: SignedName, manifest: Manifest, issued_at: int, chunk_maps: str | None = None
) -> Bundle:
    """Sign the files of a version, and the sha256 of its chunk maps if the provider made them."""
    # In the order of the stock signer, folder by folder.
    ordered = sorted(manifest.files, key=lambda file: file.path.split("/"))
    resources = tuple(_Resource(file.path, file.sha256) for file in ordered)
    statement = _Statement(
        type=_STATEMENT_TYPE,
        subject=(_Subject(name.model, {"sha256": _root_digest(resources)}),),
        predicate_type=_PREDICATE_TYPE,
        predicate=_Predicate(
            _Serialization(), resources, name.share, name.model, name.version, issued_at, chunk_maps
        ),
    )
    envelope = key.sign(_IN_TOTO_TYPE, msgspec.json.encode(statement))
    hint = _KeyHint(key.public.fingerprint.removeprefix("sha256:"))
    return Bundle(_BUNDLE_TYPE, _VerificationMaterial(hint), envelope)


def signed_files(bundle: Bundle | None, name: SignedName, keys: Sequence[PublicKey]) -> dict[str, str]:
    """Signed sha256 of each file of `name`, by path, if one of `keys` signed it.

    Raises UntrustedSignature, naming what was expected and what was received.
    """
    return {resource.name: resource.digest for resource in _signed(bundle, name, keys).resources}


def signed_chunk_maps(bundle: Bundle, name: SignedName, keys: Sequence[PublicKey]) -> str | None:
    """Signed sha256 of the chunk maps of `name`; None if none are. Raises as `signed_files` does."""
    return _signed(bundle, name, keys).chunk_maps


def _signed(bundle: Bundle | None, name: SignedName, keys: Sequence[PublicKey]) -> _Predicate:
    if bundle is None:
        raise UntrustedSignature(f"{name} has no signature; expected one by {_either(keys)}.")
    envelope = bundle.dsse_envelope
    key = next((known for known in keys if known.fingerprint == envelope.fingerprint), keys[-1])
    statement = _decode(key.open(envelope, _IN_TOTO_TYPE), _Statement)
    expected = _BUNDLE_TYPE, _VerificationMaterial(_KeyHint(key.fingerprint.removeprefix("sha256:")))
    if (bundle.media_type, bundle.verification_material) != expected:
        raise UntrustedSignature(f"The signature of {name} is not in a Sigstore bundle.")
    predicate = statement.predicate
    if (statement.type, statement.predicate_type) != (_STATEMENT_TYPE, _PREDICATE_TYPE) or (
        predicate.serialization != _Serialization()
    ):
        raise UntrustedSignature(f"The signature of {name} has a format that this client does not support.")
    came = SignedName(predicate.share, predicate.model, predicate.version)
    if came != name:
        raise UntrustedSignature(f"Expected the signature of {name}, but received that of {came}.")
    return predicate


def verify_manifest(
    bundle: Bundle | None, name: SignedName, manifest: Manifest, keys: Sequence[PublicKey]
) -> Bundle:
    """Verify that one of `keys` signed exactly these files as `name`. Raises UntrustedSignature."""
    check_files(signed_files(bundle, name, keys), {file.path: file.sha256 for file in manifest.files}, name)
    assert bundle is not None  # noqa: S101 - it was read
    return bundle


def check_files(signed: Mapping[str, str], present: Mapping[str, str], name: SignedName) -> None:
    """Check that both map the same paths to the same sha256. Raises UntrustedSignature, naming a file."""
    for path in sorted(signed.keys() | present.keys()):
        expected, came = signed.get(path), present.get(path)
        if expected != came:
            raise UntrustedSignature(
                f"The file {path!r} of {name} does not match the signature: "
                f"expected {expected or 'no such file'}, found {came or 'no such file'}."
            )


def sign_state(key: SigningKey, state: State) -> Envelope:
    return key.sign(_STATE_TYPE, msgspec.json.encode(state))


def verify_state(
    envelope: Envelope | None, key: PublicKey, share: str, model: str, asked: int | str
) -> State:
    """Verify the state of the version number or alias that was `asked` for. Raises UntrustedSignature."""
    if envelope is None:
        raise UntrustedSignature(
            f"The answer for {_question(model, asked)} has no signature; expected one by {key.fingerprint}."
        )
    state = _decode(key.open(envelope, _STATE_TYPE), State)
    answered = state.alias if state.alias is not None else state.version
    wanted = asked.lower() if isinstance(asked, str) else asked
    if (state.share, state.model, answered) != (share, model, wanted):
        raise UntrustedSignature(
            f"Expected a signed answer for {_question(model, wanted)} of the share {share}, but received one "
            f"for {_question(state.model, answered)} of the share {state.share}."
        )
    return state


def sign_changes(key: SigningKey, changes: SignedChanges) -> Envelope:
    return key.sign(_CHANGES_TYPE, msgspec.json.encode(changes))


def verify_changes(
    envelope: Envelope | None, key: PublicKey, share: str, since: str, body_sha256: str
) -> SignedChanges:
    """Verify that a body is the signed answer for this share and token. Raises UntrustedSignature."""
    if envelope is None:
        raise UntrustedSignature(
            f"The changes of the share {share} have no signature; expected one by {key.fingerprint}."
        )
    signed = _decode(key.open(envelope, _CHANGES_TYPE), SignedChanges)
    if (signed.share, signed.since, signed.sha256) != (share, since, body_sha256):
        raise UntrustedSignature(
            f"The signature is not of these changes of the share {share}: it is of changes of the share "
            f"{signed.share} since {signed.since!r}, or these were changed on the way."
        )
    return signed


def _question(model: str, asked: int | str) -> str:
    return f"{model}@{asked}" if isinstance(asked, str) else f"{model} version {asked}"


def _either(keys: Sequence[PublicKey]) -> str:
    return " or ".join(key.fingerprint for key in keys)


def _root_digest(resources: Sequence[_Resource]) -> str:
    return hashlib.sha256(b"".join(bytes.fromhex(resource.digest) for resource in resources)).hexdigest()


def _decode(data: bytes, kind: type[S]) -> S:
    if data.count(b",") > _MAX_VALUES:
        raise UntrustedSignature(f"A signature has more than {_MAX_VALUES} values, which is the limit.")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UntrustedSignature(f"A signature cannot be read: {error}") from error
