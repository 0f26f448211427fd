"""A WebSocket client for tests that are not themselves asynchronous.

Runs python3-websockets on a loop in a thread and keeps every text message, as
text and in order, with the time it came.
"""
import asyncio
import json
import threading
import time

import websockets

import harness


class WsClient:
    """Connects at once; use as a context manager or call close()."""

    def __init__(self, url, **connect):
        self.raw = []    # text of every message
        self.times = []  # monotonic seconds of each
        self.close_code = None
        self._connect = {"max_size": None, "ping_interval": None,
                         "max_queue": 1 << 16, **connect}
        self._loop = asyncio.new_event_loop()
        self._ws = None
        self._opened = threading.Event()
        self._failed = None
        self._thread = threading.Thread(target=self._run, args=(url,),
                                        daemon=True)
        self._thread.start()
        if not self._opened.wait(harness.deadline(10)):
            raise AssertionError("no WebSocket at %s" % url)
        if self._failed:
            raise self._failed

    def _run(self, url):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._read(url))

    async def _read(self, url):
        try:
            self._ws = await websockets.connect(url, **self._connect)
        except Exception as e:  # handed to the thread that waits
            self._failed = e
            self._opened.set()
            return
        self._stop = asyncio.Event()
        self._opened.set()
        reader = asyncio.ensure_future(self._collect())
        stop = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({reader, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        await self._ws.close()
        await reader
        self.close_code = self._ws.close_code

    async def _collect(self):
        try:
            async for text in self._ws:
                self.times.append(time.monotonic())
                self.raw.append(text)
        except websockets.ConnectionClosed:
            pass

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(
            coroutine, self._loop).result(harness.deadline(10))

    def send(self, value):
        """An object is sent as JSON, text and bytes as they are."""
        if not isinstance(value, (str, bytes)):
            value = json.dumps(value)
        self._call(self._ws.send(value))

    @property
    def messages(self):
        return [json.loads(t) for t in list(self.raw)]

    def of(self, type_, channel=None):
        return [m for m in self.messages if m.get("type") == type_ and
                (channel is None or m.get("channel") == channel)]

    def texts(self, type_):
        """As of(), as the texts that came."""
        return [t for t in list(self.raw) if json.loads(t).get("type") == type_]

    def wait(self, cond, seconds=5.0, what=None):
        """The first message for which cond(message) holds."""
        seen = 0

        def find():
            nonlocal seen
            texts = self.raw[seen:]
            for t in texts:
                seen += 1
                m = json.loads(t)
                if cond(m):
                    return m
            return None
        return harness.wait_until(find, seconds, what or "such a message")

    def wait_type(self, type_, seconds=5.0, **members):
        return self.wait(
            lambda m: m.get("type") == type_ and
            all(m.get(k) == v for k, v in members.items()), seconds,
            "a message of type %s with %s" % (type_, members))

    def subscribe(self, *channels, **more):
        """Subscribes and waits for the acknowledgement."""
        self.send({"type": "subscribe", "id": "w", "channels": list(channels),
                   **more})
        return self.wait_type("subscribed", id="w")

    def close(self):
        if self._ws is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(harness.deadline(5))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
