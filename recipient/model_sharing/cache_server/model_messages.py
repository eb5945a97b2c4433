"""Messages about mounted models in the Hub's form: descriptions, names of commits, the token's holder."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import msgspec

from model_sharing.cache_server.commits import Commit
from model_sharing.catalogs.shared_models import SharedModel, SharedVersion
from model_sharing_protocol.hugging_face.messages import (
    GitRef,
    LastCommit,
    Refs,
    Whoami,
    hub_time,
)
from model_sharing_protocol.hugging_face.model_info import ModelFacts, tag_words
from model_sharing_protocol.model_formats import ModelFormat, ModelSummary
from model_sharing_protocol.names import FullName
from model_sharing_protocol.revisions import MAIN, commit_of
from model_sharing_protocol.times import epoch_ms

WHOAMI = Whoami(id="model-sharing", name="model-sharing", fullname="model-sharing serve-cache")
_KNOWN_FORMATS = {str(known): known for known in ModelFormat}


def model_facts(model: SharedModel) -> ModelFacts:
    """Facts of a model in a listing."""
    return _facts(model, model.updated_at)


def commit_facts(commit: Commit) -> ModelFacts:
    """Facts of a model from one version of it."""
    version = commit.listing.version
    return replace(_facts(version, version.created_at), size=commit.listing.manifest.size)


def last_commit(commit: Commit) -> LastCommit:
    """Version as the commit that its files came with."""
    version = commit.listing.version
    return LastCommit(commit.id, f"version {version.version}", hub_time(_ms(version.created_at)))


def refs(model: SharedModel, versions: list[SharedVersion], main: Commit | None) -> Refs:
    """Names of a model's commits: `main`, and its aliases and numbers as tags."""
    commits = {version.version: commit_of(version.digest) for version in versions if version.digest}
    named = {alias.lower(): number for alias, number in model.aliases.items()}
    tags = {**{str(number): number for number in sorted(commits, reverse=True)}, **named}
    return Refs(
        branches=(GitRef(MAIN, f"refs/heads/{MAIN}", main.id),) if main else (),
        tags=tuple(
            GitRef(tag, f"refs/tags/{tag}", commits[number])
            for tag, number in tags.items()
            if number in commits and tag != MAIN
        ),
    )


def _facts(described: SharedModel | SharedVersion, at: datetime | None) -> ModelFacts:
    name = FullName.parse(described.full_name)
    return ModelFacts(
        namespace=f"{name.catalog}.{name.schema}",
        name=name.name,
        created_at=_ms(at),
        updated_at=_ms(at),
        format=_KNOWN_FORMATS.get(described.format or ""),
        license=described.license or "",
        summary=msgspec.convert(described.summary or {}, ModelSummary),
        tags=tag_words(described.tags),
    )


def _ms(moment: datetime | None) -> int:
    return epoch_ms(moment) if moment else 0
