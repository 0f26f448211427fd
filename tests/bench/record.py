"""What a tool sends to Redis, byte for byte, so that others can send the same."""
import selectors
import socket
import threading

CHUNK = 1 << 18


class Recorder:
    """A relay on a port of its own; what clients send is in the file too."""

    def __init__(self, path, redis_port):
        self.redis_port = redis_port
        self.out = open(path, "wb")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.relay)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()
        self.listener.close()
        self.out.close()

    def relay(self):
        """One connection, until either side ends it."""
        self.listener.settimeout(15)
        client, _ = self.listener.accept()
        redis = socket.create_connection(("127.0.0.1", self.redis_port))
        with client, redis, selectors.DefaultSelector() as waiting:
            waiting.register(client, selectors.EVENT_READ, redis)
            waiting.register(redis, selectors.EVENT_READ, client)
            while True:
                for key, _ in waiting.select():
                    data = key.fileobj.recv(CHUNK)
                    if not data:
                        return
                    if key.fileobj is client:
                        self.out.write(data)
                    key.data.sendall(data)
