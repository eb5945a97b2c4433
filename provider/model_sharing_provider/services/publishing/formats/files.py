"""Any other files, of which only the model card is read."""

from __future__ import annotations

from model_sharing_protocol.model_formats import ModelSummary
from model_sharing_provider.services.publishing.formats.format_reader import Reading
from model_sharing_provider.services.publishing.formats.huggingface import with_card
from model_sharing_provider.services.publishing.formats.model_card import read_card
from model_sharing_provider.services.publishing.formats.model_files import ModelFiles


def read_files(files: ModelFiles) -> Reading:
    """Read the model card, if there is one."""
    card = read_card(files)
    return Reading(summary=with_card(ModelSummary(), card), license=card.license)
