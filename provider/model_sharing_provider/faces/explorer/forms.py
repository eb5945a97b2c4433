"""Forms as browsers send them, read as text; files are sent in other ways."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web
from multidict import MultiDictProxy

from model_sharing_protocol.errors import InvalidParameter, MalformedRequest
from model_sharing_provider.http.bodies import BODY_SECONDS

_FORM_TYPE = "application/x-www-form-urlencoded"
# PostgreSQL's text has no NUL; the other is what is read for bytes that are not UTF-8.
_REFUSED = {"a NUL character": "\0", "text that is not UTF-8": "\N{REPLACEMENT CHARACTER}"}


@dataclass(frozen=True, slots=True)
class Form:
    """Fields of a form."""

    fields: MultiDictProxy[str]

    def text(self, name: str) -> str:
        """Text of a field, with the line ends of Unix and without spaces around it; empty if missing."""
        return self.fields.get(name, "").replace("\r\n", "\n").strip()

    def given(self, name: str) -> str | None:
        """Text of a field as `text` gives it; None if the form does not have it."""
        return self.text(name) if name in self.fields else None

    def texts(self, name: str) -> list[str]:
        """Texts of a field that can be there several times, such as checkboxes."""
        return [text.strip() for text in self.fields.getall(name, ()) if text.strip()]

    def number(self, name: str) -> int:
        """Whole number in a field. Raises InvalidParameter."""
        text = self.text(name)
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise InvalidParameter(f"{text!r} is not a number; it is needed as the {name.replace('_', ' ')}.")
        return int(text)

    def confirm(self, name: str) -> None:
        """Check that the name of what is to be deleted was typed. Raises InvalidParameter."""
        typed = self.text("confirmation")
        if typed != name:
            raise InvalidParameter(f"Nothing was deleted: type {name!r} to confirm, not {typed!r}.")


async def read_form(request: web.Request) -> Form:
    """Form in a request's body. Raises MalformedRequest for a body that is none, too large or too slow."""
    if request.content_type != _FORM_TYPE:
        raise MalformedRequest(f"The request body must be a form, of the type {_FORM_TYPE}.")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            fields = await request.post()
    except TimeoutError as error:
        raise MalformedRequest(f"The form did not arrive within {BODY_SECONDS:.0f} seconds.") from error
    except web.HTTPRequestEntityTooLarge as error:
        raise MalformedRequest("The form is too large.") from error
    except (UnicodeDecodeError, LookupError, ValueError) as error:
        raise MalformedRequest("The form is not text in UTF-8.") from error
    for name, refused in _REFUSED.items():
        if any(refused in text for text in (*fields, *fields.values()) if isinstance(text, str)):
            raise MalformedRequest(f"The form has {name} in a field; leave it out.")
    return Form(fields)  # type: ignore[arg-type]  # a form of this type has no files
