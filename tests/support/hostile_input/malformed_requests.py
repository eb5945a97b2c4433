"""Malformed HTTP requests, each with secrets where a broken client or proxy may leave them."""

from __future__ import annotations

TOKEN = "msh_SECRETTOKEN"
SECRETS = ("SECRET",)
_LINK = "/api/2.1/unity-catalog/public/data_sharing_activation/SECRETCODE"
_URL = "/artifacts/versions/1/2?expires=1&signature=SECRETSIGNATURE"
_CATALOGS = "/api/2.1/unity-catalog/catalogs"


def malformed_requests(admin: str) -> dict[str, list[bytes]]:
    """Each as the pieces that are sent one after the other; `admin` is a token that is let in."""
    bearer = f"Authorization: Bearer {TOKEN}\r\n"
    head = "GET /delta-sharing/shares HTTP/1.1\r\nHost: x\r\n"
    post = f"POST {_CATALOGS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin}\r\n"
    chunked = f"{post}Transfer-Encoding: chunked\r\n\r\n"
    end = "Host: x\r\n\r\n"
    upgrade = f"{head}{bearer}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    each = {
        "folded header": f"{head}X-Old: a\r\n {bearer}\r\n",
        "header folded by a tab": f"{head}X-Old: a\r\n\t{bearer}\r\n",
        "control character": f"{head}Authorization: Bearer {TOKEN}\x01\r\n\r\n",
        "NUL": f"{head}Authorization: Bearer {TOKEN}\0\r\n\r\n",
        "CR alone": f"{head}Authorization: Bearer {TOKEN}\rX: y\r\n\r\n",
        "LF alone": f"GET {_URL} HTTP/1.1\nHost: x\nAuthorization: Bearer {TOKEN}\n\n",
        "space before the colon": f"{head}Authorization : Bearer {TOKEN}\r\n\r\n",
        "no colon": f"{head}Authorization Bearer {TOKEN}\r\n\r\n",
        "header without a name": f"{head}: Bearer {TOKEN}\r\n\r\n",
        "name of a header": f"{head}{TOKEN}\x01: b\r\n\r\n",
        "large header": f"{head}Authorization: Bearer {TOKEN * 2000}\r\n\r\n",
        "many headers": head + "".join(f"X-{n}: {TOKEN}\r\n" for n in range(300)) + "\r\n",
        "long line": f"GET {_LINK * 300} HTTP/1.1\r\n{end}",
        "version with a comma": f"GET {_URL} HTTP/1,1\r\n{end}",
        "words after the version": f"GET {_LINK} HTTP/1.1 x\r\n{end}",
        "no version": f"GET {_LINK}\r\n\r\n",
        "version 2": f"GET {_LINK} HTTP/2.0\r\n{end}",
        "version 9": f"GET {_LINK} HTTP/9.9\r\n{end}",
        "no target": f"GET  HTTP/1.1\r\n{bearer}{end}",
        "method that is a token": f"{TOKEN} / HTTP/1.1\r\n{end}",
        "method of its own": f"SECRET {_CATALOGS} HTTP/1.1\r\nAuthorization: Bearer {admin}\r\n{end}",
        "method that is no word": f"G<T {_LINK} HTTP/1.1\r\n{end}",
        "bad size of a chunk": f"{chunked}{TOKEN}\r\n",
        "bad end of a chunk": f"{chunked}2\r\n{TOKEN}\r\n0\r\n\r\n",
        "bad extension of a chunk": f"{chunked}2;{TOKEN}\x01\n\r\n{{}}\r\n0\r\n\r\n",
        "bad trailer": f"{chunked}2\r\n{{}}\r\n0\r\n{TOKEN}\x01\r\n\r\n",
        "length that is no number": f"{head}{bearer}Content-Length: {TOKEN}\r\n\r\n",
        "negative length": f"{head}{bearer}Content-Length: -1\r\n\r\n",
        "two lengths": f"{head}{bearer}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "length and chunks": f"{chunked[:-2]}Content-Length: 3\r\n\r\n0\r\n\r\n",
        "coding of the transfer": f"{post}Transfer-Encoding: {TOKEN}\r\n\r\n",
        "two codings of the transfer": f"{chunked[:-2]}Transfer-Encoding: {TOKEN}\r\n\r\n0\r\n\r\n",
        "hidden coding of the transfer": f"{post}Transfer-Encoding:\x0bchunked{TOKEN}\r\n\r\n0\r\n\r\n",
        "packed transfer": f"{post}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n",
        "packed body that is none": f"{post}Content-Encoding: gzip\r\nContent-Length: 15\r\n\r\n{TOKEN}",
        "coding of the body": f"{post}Content-Encoding: {TOKEN}\r\nContent-Length: 2\r\n\r\n{{}}",
        "bad percents": f"GET {_LINK}%zz HTTP/1.1\r\n{end}",
        "percents that are no text": f"GET {_URL}%ff%fe HTTP/1.1\r\n{end}",
        "bytes in the target": f"GET {_LINK}\xff\xfe HTTP/1.1\r\n{end}",
        "bytes in a header": f"{head}Authorization: Bearer {TOKEN}\xff\xe9\r\n\r\n",
        "absolute form": f"GET http://SECRETHOST{_LINK} HTTP/1.1\r\n{end}",
        "absolute form, bad port": f"GET http://h:SECRETPORT{_LINK} HTTP/1.1\r\n{end}",
        "absolute form, bad address": f"GET http://[SECRET]{_LINK} HTTP/1.1\r\n{end}",
        "absolute form, with a password": f"GET http://u:{TOKEN}@h:1/x HTTP/1.1\r\n{end}",
        "authority form": f"CONNECT SECRETHOST:443 HTTP/1.1\r\n{end}",
        "asterisk": f"GET * HTTP/1.1\r\n{bearer}{end}",
        "relative target": f"GET SECRETPATH HTTP/1.1\r\n{end}",
        "fragment": f"GET {_LINK}#SECRETFRAGMENT HTTP/1.1\r\n{end}",
        "two slashes": f"GET //SECRETHOST:99999{_LINK} HTTP/1.1\r\n{end}",
        "preface of HTTP/2": f"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{TOKEN}",
        "handshake of TLS": f"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03{TOKEN}",
        "noise": f"\x00\x01{TOKEN}\r\n\r\n",
        "upgrade": f"{upgrade}Sec-WebSocket-Key: {TOKEN}\r\n\r\n\x81\x05{TOKEN}\x01",
        "noise after an upgrade": f"{upgrade}\r\n\0{TOKEN}\r\n\r\n",
        "expectation": f"{head}Expect: {TOKEN}\r\n\r\n",
        "expectation of a post": f"{post}Expect: {TOKEN}\r\nContent-Length: 2\r\n\r\n",
        "host": f"GET /.well-known/databricks-config HTTP/1.1\r\nHost: {TOKEN}:x <y>\r\n\r\n",
        "no host": f"GET {_LINK} HTTP/1.1\r\n\r\n",
        "two hosts": f"{head}Host: {TOKEN}\r\n\r\n",
        "half of a head": f"GET {_LINK} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}",
        "after a good one": f"GET /health HTTP/1.1\r\n{end}GET {_URL} HTTP/1,1\r\n{end}",
        "type of the body": f"{post}Content-Type: {TOKEN};charset={TOKEN}\r\nContent-Length: 1\r\n\r\n\xff",
    }
    pieces = {name: [text.encode("latin-1")] for name, text in each.items()}
    # The handler waits for the body already as it turns bad.
    pieces["bad chunk that comes late"] = [f"{chunked}1\r\n{{\r\n".encode(), f"{TOKEN}\r\n".encode()]
    return pieces
