# Copyright 2026 The FAMDA authors
# SPDX-License-Identifier: Apache-2.0
"""The annotation page and what it asks for, on this machine alone.

Frames are asked for by their number, never by a name, so that no request names a file.  Requests of other pages in
the same browser are refused: by Host (DNS rebinding), Origin and Sec-Fetch-Site.
"""
from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from famda_ros.errors import FamdaError
from famda_train.annotate.annotator import Annotator, BadAction, FrameState

ADDRESS = '127.0.0.1'
PAGE = Path(__file__).parent / 'templates'
FILES = {'/': 'annotate.html', '/annotate.js': 'annotate.js', '/annotate.css': 'annotate.css'}
HEADERS = {
    'Content-Security-Policy': "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
    'Cross-Origin-Resource-Policy': 'same-origin',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
}
MOST_BYTES = 2_000_000
"""Of a request."""


def own_hosts(port: int) -> set[str]:
    """Return the hosts by which a browser of this machine may call a port."""
    return {f'{ADDRESS}:{port}', f'localhost:{port}'}


def refusal(method: str, headers: Any, port: int) -> str | None:
    """Return in words why a request is refused; None = it is one of the page's own.

    Args:
        method: of the request.
        headers: of the request, by name in any case.
        port: that is listened to.
    """
    host, origin = headers.get('Host', ''), headers.get('Origin')
    if host not in own_hosts(port):
        return f"the host '{host[:80]}' is not this program"
    if origin is not None and origin not in {f'http://{own}' for own in own_hosts(port)}:
        return f"the page '{origin[:80]}' is not of this program"
    if headers.get('Sec-Fetch-Site', 'none') not in ('same-origin', 'none'):
        return 'the request comes from another site'
    if method not in ('GET', 'HEAD') and origin is None:
        return 'a request that changes something must name its Origin'
    return None


def guard_of(port: int) -> Callable:
    """Return the middleware that refuses requests of others, and answers every error with its sentence as JSON."""

    @web.middleware
    async def guard(request: web.Request, handler: Callable) -> web.StreamResponse:
        try:
            if reason := refusal(request.method, request.headers, port):
                response: web.StreamResponse = _sentence(reason, 403)
            else:
                response = await handler(request)
        except BadAction as error:
            response = _sentence(str(error), 400)
        except FamdaError as error:
            response = _sentence(str(error), 500)
        except web.HTTPException as error:
            response = _sentence(error.reason, error.status)
        response.headers.update(HEADERS)
        return response

    return guard


def build_app(annotator: Annotator, port: int) -> web.Application:
    """Return the application that serves a folder's page."""

    def index_of(request: web.Request) -> int:
        index = int(request.match_info['index'])
        if index >= len(annotator.frames):
            raise web.HTTPNotFound(reason='there is no such frame')
        return index

    async def page(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(PAGE / FILES[request.path])

    async def session(_request: web.Request) -> web.StreamResponse:
        return web.json_response(await asyncio.to_thread(annotator.session))

    async def image(request: web.Request) -> web.StreamResponse:
        path = annotator.image_path(index_of(request))
        if path.suffix.lower() in ('.jpg', '.jpeg', '.png') and path.is_file():
            return web.FileResponse(path)
        picture = await asyncio.to_thread(annotator.image, index_of(request))
        return web.Response(body=_png(picture[..., ::-1]), content_type='image/png')

    async def thumbnail(request: web.Request) -> web.StreamResponse:
        body = await asyncio.to_thread(annotator.thumbnail, index_of(request))
        return web.Response(body=body, content_type='image/jpeg')

    async def frame(request: web.Request) -> web.StreamResponse:
        state = await asyncio.to_thread(annotator.state, index_of(request))
        return web.json_response(_shown(state) | {'suggestion': _encoded(state.suggestion)})

    async def part(request: web.Request) -> web.StreamResponse:
        values = {key: int(text) for key, text in request.query.items() if re.fullmatch(r'[0-9]{1,9}', text)}
        taken = await asyncio.to_thread(annotator.part, index_of(request), values)
        return web.json_response({'part': _encoded(taken.astype(np.uint8))})

    async def act(request: web.Request) -> web.StreamResponse:
        values = await _values_of(request)
        state = await asyncio.to_thread(annotator.act, index_of(request), request.match_info['action'], values)
        return web.json_response(_shown(state))

    app = web.Application(middlewares=[guard_of(port)], client_max_size=MOST_BYTES)
    for path in FILES:
        app.router.add_get(path, page)
    app.router.add_get('/session', session)
    app.router.add_get(r'/frames/{index:\d{1,9}}', frame)
    app.router.add_get(r'/frames/{index:\d{1,9}}/image', image)
    app.router.add_get(r'/frames/{index:\d{1,9}}/thumbnail', thumbnail)
    app.router.add_get(r'/frames/{index:\d{1,9}}/part', part)
    app.router.add_post(r'/frames/{index:\d{1,9}}/{action:[a-z]+}', act)
    return app


def serve(annotator: Annotator, port: int, listening: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C.

    Args:
        annotator: what is annotated.
        port: 0 = any that is free.
        listening: called with the page's address.

    Raises:
        FamdaError: the port is taken.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((ADDRESS, port))
        except (OSError, OverflowError) as error:
            raise FamdaError(f'cannot listen to port {port} ({error}); choose another --port, or 0 for any') from error
        listener.listen(128)
        port = listener.getsockname()[1]
        logging.getLogger('aiohttp.server').addFilter(_is_no_strangers_fault)
        listening(f'http://{ADDRESS}:{port}/')
        web.run_app(build_app(annotator, port), sock=listener, print=None, access_log=None, shutdown_timeout=1)


def _is_no_strangers_fault(record: logging.LogRecord) -> bool:
    """Tell whether a log record is about something else than a request that is no HTTP."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


async def _values_of(request: web.Request) -> dict[str, Any]:
    if request.content_type != 'application/json':
        raise BadAction('an action is application/json')
    try:
        values = json.loads(await request.text())
    except ValueError:
        raise BadAction('the action is no JSON') from None
    if not isinstance(values, dict):
        raise BadAction('the values of an action have names')
    return values


def _sentence(text: str, status: int) -> web.Response:
    return web.json_response({'error': text}, status=status)


def _shown(state: FrameState) -> dict[str, Any]:
    height, width = state.labels.shape
    ids = state.pieces[..., None] >> np.array([16, 8, 0])  # blue, green, red: OpenCV's order
    return {
        'width': width,
        'height': height,
        'labels': _encoded(state.labels),
        'pieces': _encoded((ids & 255).astype(np.uint8)),
        'split': _encoded(state.split.astype(np.uint8)),
        'undo': state.undo,
        'redo': state.redo,
        'labelled': state.labelled,
    }


def _png(array: np.ndarray) -> bytes:
    return cv2.imencode('.png', np.ascontiguousarray(array), [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def _encoded(array: np.ndarray) -> str:
    return base64.b64encode(_png(array)).decode()
