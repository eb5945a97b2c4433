"""Signatures: what was signed is accepted as that and as nothing else, and no changed byte passes."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import assume, given
from hypothesis import strategies as st

from model_sharing_protocol.dsse import Envelope, PublicKey, SigningKey
from model_sharing_protocol.errors import UntrustedSignature
from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_protocol.signatures import (
    Bundle,
    SignedChanges,
    SignedName,
    State,
    sign_changes,
    sign_manifest,
    sign_state,
    signed_chunk_maps,
    verify_changes,
    verify_manifest,
    verify_state,
)
from model_sharing_protocol.signing_keys import ListedKey, endorse, follow

KEY, OTHER, THIRD = SigningKey.generate(), SigningKey.generate(), SigningKey.generate()
NAME = SignedName("acme", "ml_team.iris_model", 3)
MANIFEST = Manifest.of(
    [ManifestFile("MLmodel", 10, "a" * 64), ManifestFile("data/weights.bin", 20, "b" * 64)]
)
BUNDLE = sign_manifest(KEY, NAME, MANIFEST, 1_700_000_000_000)
STATE = State("acme", "ml_team.iris_model", "champion", 3, MANIFEST.digest, (17, 4), 1_700_000_000_000)
SIGNED_STATE = sign_state(KEY, STATE)


def listed(*keys: SigningKey) -> list[ListedKey]:
    """The keys as a provider lists them that rotated from each to the next."""
    befores = [None, *keys]
    return [
        ListedKey(key.public.pem, 0, endorse(before, key.public) if before else None)
        for before, key in zip(befores, keys, strict=False)
    ]


def test_what_was_signed_is_accepted_by_any_of_the_keys_that_are_trusted() -> None:
    verify_manifest(Bundle.from_json(BUNDLE.to_json()), NAME, MANIFEST, [KEY.public])
    verify_manifest(BUNDLE, NAME, MANIFEST, [OTHER.public, KEY.public, THIRD.public])


def test_no_signature_and_the_signature_of_a_stranger_name_what_was_expected() -> None:
    with pytest.raises(UntrustedSignature, match=f"has no signature.*{KEY.public.fingerprint}"):
        verify_manifest(None, NAME, MANIFEST, [KEY.public])
    stranger = sign_manifest(OTHER, NAME, MANIFEST, 0)
    both = f"Expected a signature by the key {KEY.public.fingerprint}.*names {OTHER.public.fingerprint}"
    with pytest.raises(UntrustedSignature, match=both):
        verify_manifest(stranger, NAME, MANIFEST, [KEY.public])


@pytest.mark.parametrize(
    "name",
    [replace(NAME, version=4), replace(NAME, model="ml_team.other"), replace(NAME, share="second")],
    ids=str,
)
def test_one_version_is_not_accepted_as_another(name: SignedName) -> None:
    with pytest.raises(
        UntrustedSignature, match=f"Expected the signature of {name}, but received that of {NAME}"
    ):
        verify_manifest(BUNDLE, name, MANIFEST, [KEY.public])


@given(st.data())
def test_no_changed_byte_of_a_bundle_passes(data: st.DataObject) -> None:
    content = bytearray(BUNDLE.to_json())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(UntrustedSignature):
        verify_manifest(Bundle.from_json(bytes(content)), NAME, MANIFEST, [KEY.public])


@given(st.data())
def test_no_bundle_that_lost_or_won_bytes_passes(data: st.DataObject) -> None:
    content = BUNDLE.to_json()
    place = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(place, len(content)))
    changed = content[:place] + data.draw(st.binary(max_size=8)) + content[end:]
    assume(changed != content)
    with pytest.raises(UntrustedSignature):
        verify_manifest(Bundle.from_json(changed), NAME, MANIFEST, [KEY.public])


@given(st.data())
def test_no_other_manifest_passes(data: st.DataObject) -> None:
    digest = st.text("0123456789abcdef", min_size=64, max_size=64)
    paths = st.sampled_from(["MLmodel", "data/weights.bin", "data", "planted.py", "MLmodel2"])
    files = data.draw(st.dictionaries(paths, digest, max_size=4))
    assume(files != {file.path: file.sha256 for file in MANIFEST.files})
    other = Manifest(tuple(ManifestFile(path, 10, sha256) for path, sha256 in sorted(files.items())))
    with pytest.raises(UntrustedSignature, match="The file"):
        verify_manifest(BUNDLE, NAME, other, [KEY.public])


@given(st.data())
def test_no_changed_byte_of_the_manifest_passes(data: st.DataObject) -> None:
    content = bytearray("".join(file.sha256 + file.path for file in MANIFEST.files), "ascii")
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 127))
    text = content.decode("latin-1")
    changed = Manifest(
        (ManifestFile(text[64:71], 10, text[:64]), ManifestFile(text[135:], 20, text[71:135])),
    )
    with pytest.raises(UntrustedSignature):
        verify_manifest(BUNDLE, NAME, changed, [KEY.public])


def test_a_state_is_that_of_what_was_asked_for_in_any_case() -> None:
    assert verify_state(SIGNED_STATE, KEY.public, "acme", "ml_team.iris_model", "Champion") == STATE
    by_number = State("acme", "ml_team.iris_model", None, 3, "sha256:" + "0" * 64, (17, 4), 0)
    signed = sign_state(KEY, by_number)
    assert verify_state(signed, KEY.public, "acme", "ml_team.iris_model", 3) == by_number


@pytest.mark.parametrize(
    ("share", "model", "asked"),
    [
        ("second", "ml_team.iris_model", "champion"),
        ("acme", "ml_team.other", "champion"),
        ("acme", "ml_team.iris_model", "challenger"),
        ("acme", "ml_team.iris_model", 3),
    ],
)
def test_a_state_answers_no_other_question(share: str, model: str, asked: int | str) -> None:
    with pytest.raises(UntrustedSignature, match=r"Expected a signed answer for .*but received one for"):
        verify_state(SIGNED_STATE, KEY.public, share, model, asked)


def test_a_state_that_is_not_signed_names_the_key() -> None:
    with pytest.raises(UntrustedSignature, match=KEY.public.fingerprint):
        verify_state(None, KEY.public, "acme", "ml_team.iris_model", "champion")


@given(st.data())
def test_no_changed_byte_of_a_signed_state_passes(data: st.DataObject) -> None:
    payload, sig = bytearray(SIGNED_STATE.payload), bytearray(SIGNED_STATE.signatures[0].sig)
    changed = data.draw(st.sampled_from([payload, sig]))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    signature = msgspec.structs.replace(SIGNED_STATE.signatures[0], sig=bytes(sig))
    forged = Envelope(bytes(payload), SIGNED_STATE.payload_type, (signature,))
    with pytest.raises(UntrustedSignature):
        verify_state(forged, KEY.public, "acme", "ml_team.iris_model", "champion")


def test_what_was_signed_for_one_purpose_does_not_serve_another() -> None:
    endorsement = endorse(KEY, OTHER.public)
    for envelope in (endorsement, BUNDLE.dsse_envelope):
        with pytest.raises(
            UntrustedSignature, match=r"Expected a signature on 'application/vnd\.model-sharing\.state"
        ):
            verify_state(envelope, KEY.public, "acme", "ml_team.iris_model", "champion")
    disguised = msgspec.structs.replace(BUNDLE.dsse_envelope, payload_type=SIGNED_STATE.payload_type)
    with pytest.raises(UntrustedSignature, match="was not made by it"):
        verify_state(disguised, KEY.public, "acme", "ml_team.iris_model", "champion")


def test_keys_are_followed_from_the_pinned_one_link_by_link() -> None:
    keys = listed(KEY, OTHER, THIRD)
    fingerprints = [key.public.fingerprint for key in (KEY, OTHER, THIRD)]
    for at, pinned in enumerate(fingerprints):
        assert [key.fingerprint for key in follow(pinned, keys)] == fingerprints[at:]


@pytest.mark.parametrize(
    "keys",
    [
        [],
        listed(OTHER),
        [*listed(KEY), ListedKey(OTHER.public.pem, 0)],
        [*listed(KEY), ListedKey(OTHER.public.pem, 0, endorse(OTHER, OTHER.public))],
        [*listed(KEY), ListedKey(OTHER.public.pem, 0, endorse(KEY, THIRD.public))],
        [*listed(KEY), ListedKey(OTHER.public.pem, 0, SIGNED_STATE)],
        [*listed(KEY, THIRD), ListedKey(OTHER.public.pem, 0, endorse(KEY, OTHER.public))],
    ],
    ids=["none", "replaced", "not endorsed", "by itself", "of another", "no endorsement", "a link missing"],
)
def test_a_key_that_the_pinned_one_did_not_endorse_is_refused(keys: list[ListedKey]) -> None:
    with pytest.raises(UntrustedSignature, match=r"Expected the provider's key sha256:.*does not endorse"):
        follow(KEY.public.fingerprint, keys)


@pytest.mark.parametrize("pem", ["", "no key", KEY.to_pem(), KEY.public.pem.replace("MF", "XX")])
def test_what_is_no_public_key(pem: str) -> None:
    with pytest.raises(UntrustedSignature):
        PublicKey.parse(pem)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ec.generate_private_key(ec.BrainpoolP256R1()),
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
        x25519.X25519PrivateKey.generate(),
    ],
    ids=["P-384", "secp256k1", "brainpool", "RSA", "Ed25519", "X25519"],
)
def test_a_key_of_another_kind_is_refused_before_it_checks_anything(key: Any) -> None:
    """So that faults of the library with other kinds are no faults of ours."""
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(UntrustedSignature, match="not an ECDSA key on P-256"):
        PublicKey.parse(public)


def binary_curve(point: bytes) -> str:
    """A public key on the binary curve sect163k1, as whoever wants to might write it; no library makes it."""
    algorithm = bytes.fromhex("301006072a8648ce3d020106052b81040001")
    bits = b"\x03" + bytes([len(point) + 1]) + b"\x00" + point
    der = b"\x30" + bytes([len(algorithm + bits)]) + algorithm + bits
    return f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n"


@pytest.mark.parametrize(
    "pem",
    [
        binary_curve(bytes.fromhex("02" + "02fe13c0537bbc11acaa07d793de4e6d5e5c94eee8")),  # its generator
        binary_curve(bytes.fromhex("04" + "00" * 42)),
        KEY.public.pem.replace(
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAF"
        ),
        KEY.public.pem[:-40] + "A" * 8 + KEY.public.pem[-32:],
    ],
    ids=["generator", "zeros", "another form of point", "a point off the curve"],
)
def test_a_point_that_is_on_no_curve_of_ours_is_refused(pem: str) -> None:
    with pytest.raises(UntrustedSignature):
        PublicKey.parse(pem)


def test_a_private_key_reads_back_and_never_shows() -> None:
    again = SigningKey.from_pem(KEY.to_pem())
    assert again.public == KEY.public
    secret = KEY.to_pem().splitlines()[1]
    assert secret not in repr(KEY)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 0),
        ("version", 2**63),
        ("digest", "sha256:x"),
        ("digest", MANIFEST.digest + "\n"),
        ("sequence", (0, 10**18)),
        ("sequence", (-1, 0)),
        ("issued_at", 253_402_300_800_000),
    ],
)
def test_a_state_with_a_value_that_cannot_be_is_not_read(field: str, value: object) -> None:
    harmed = msgspec.structs.replace(STATE, **{field: value})
    shown = next(each.encode_name for each in msgspec.structs.fields(State) if each.name == field)
    with pytest.raises(UntrustedSignature, match=rf"cannot be read: .* at `\$\.{shown}"):
        verify_state(sign_state(KEY, harmed), KEY.public, "acme", "ml_team.iris_model", "champion")


def test_a_signature_of_more_values_than_a_version_has_is_not_read() -> None:
    """Each would take far more memory than its bytes."""
    flood = b'{"predicate":[' + b"[]," * 1_000_001 + b"[]]}"
    envelope = KEY.sign(BUNDLE.dsse_envelope.payload_type, flood)
    bundle = msgspec.structs.replace(BUNDLE, dsse_envelope=envelope)
    with pytest.raises(UntrustedSignature, match="more than 1000000 values"):
        verify_manifest(bundle, NAME, MANIFEST, [KEY.public])


CHANGES = SignedChanges("acme", "7-abc", "0" * 64, 1_700_000_000_000)


def test_signed_changes_are_read_back() -> None:
    key = SigningKey.generate()
    assert verify_changes(sign_changes(key, CHANGES), key.public, "acme", "7-abc", "0" * 64) == CHANGES


@pytest.mark.parametrize(
    ("share", "since", "sha256"),
    [
        ("other", "7-abc", "0" * 64),
        ("acme", "8-abc", "0" * 64),
        ("acme", "", "0" * 64),
        ("acme", "7-abc", "1" * 64),
    ],
)
def test_changes_of_another_question_or_body_are_refused(share: str, since: str, sha256: str) -> None:
    key = SigningKey.generate()
    with pytest.raises(UntrustedSignature, match="not of these changes"):
        verify_changes(sign_changes(key, CHANGES), key.public, share, since, sha256)


def test_changes_need_the_signature_of_the_key_and_of_their_own_kind() -> None:
    key, other = SigningKey.generate(), SigningKey.generate()
    asked = "acme", "7-abc", "0" * 64
    for envelope in (None, sign_changes(other, CHANGES), key.sign("text/plain", b"{}")):
        with pytest.raises(UntrustedSignature):
            verify_changes(envelope, key.public, *asked)


def test_a_state_from_before_there_were_recalls_is_read() -> None:
    said = {key: value for key, value in msgspec.to_builtins(STATE).items() if key != "recalled"}
    signed = KEY.sign("application/vnd.model-sharing.state+json", msgspec.json.encode(said))
    assert verify_state(signed, KEY.public, STATE.share, STATE.model, "champion") == STATE


def test_the_chunk_maps_are_signed_where_the_provider_made_them() -> None:
    signed = sign_manifest(KEY, NAME, MANIFEST, 0, "ab" * 32)
    assert signed_chunk_maps(signed, NAME, [KEY.public]) == "ab" * 32
    assert signed_chunk_maps(BUNDLE, NAME, [KEY.public]) is None
    verify_manifest(signed, NAME, MANIFEST, [KEY.public])
    with pytest.raises(UntrustedSignature):
        signed_chunk_maps(signed, NAME, [OTHER.public])
