"""Server that answers from memory what another one answered once: what is left is what its client takes.

    replay_server.py UPSTREAM PORT

Each request is sent on to UPSTREAM the first time, and is answered with the same bytes from then on.
"""

from __future__ import annotations

import sys

from aiohttp import ClientSession, web


def application(upstream: str) -> web.Application:
    kept: dict[str, tuple[int, str, bytes]] = {}

    async def answer(request: web.Request) -> web.Response:
        asked = f"{request.method} {request.path_qs}"
        if asked not in kept:
            headers = {name: request.headers[name] for name in ("Authorization",) if name in request.headers}
            async with (
                ClientSession() as session,
                session.request(
                    request.method, upstream + request.path_qs, headers=headers, data=await request.read()
                ) as found,
            ):
                kept[asked] = found.status, found.headers["Content-Type"], await found.read()
        status, content_type, body = kept[asked]
        return web.Response(status=status, body=body, headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", answer)
    return app


if __name__ == "__main__":
    web.run_app(application(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), print=None)
