"""uWebSockets, as PyPI's socketify brings it: the path of a socket is its topic, and uWebSockets' own publish serves
them. Argument: the port."""

import sys

from socketify import App, OpCode

#: Beyond this it would drop messages of a socket that does not read, and the counts would not be whole.
BACKPRESSURE_BYTES_MAX = 64 << 20

app = App()


def upgrade(response, request, context):
    response.upgrade(request.get_header("sec-websocket-key"), request.get_header("sec-websocket-protocol"),
                     request.get_header("sec-websocket-extensions"), context, request.get_url()[1:])


async def publish(response, _request):
    body = await response.get_data()
    for line in body.getvalue().splitlines():
        topic, message = line.split(b"\t", 1)
        app.publish(topic.decode(), message, OpCode.TEXT)
    response.end("")


app.post("/publish", publish)
app.ws("/*", {
    "compression": 0,
    "max_payload_length": 1 << 20,
    "max_backpressure": BACKPRESSURE_BYTES_MAX,
    "idle_timeout": 600,
    "upgrade": upgrade,
    "open": lambda socket: socket.subscribe(socket.get_user_data()),
})
app.listen({"port": int(sys.argv[1]), "host": "127.0.0.1"})
app.run()
