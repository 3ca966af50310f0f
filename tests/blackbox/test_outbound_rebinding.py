"""Names that change their mind between a look and a connection: DNS rebinding."""

import itertools

import harness
from receivers import Receiver
from resolver import AAAA, Resolver
from test_outbound_callbacks import ended, tries

#: What the operator has opened, and what a name must not lead to.
OPENED, INSIDE = "127.0.0.2", "127.0.0.1"
JOBS = 12


def serving(resolver: Resolver, folder):
    # No second tries: how many there were is counted.
    server = harness.Server(folder / "data", "--allow-private-destinations", f"{OPENED}/32",
                            "--callback-retry-seconds", "86400")
    server.wrapped = resolver.asking(folder)
    return server


def test_the_address_that_was_judged_is_the_one_that_is_reached(tmp_path):
    """«checked after DNS, at connect»: a name that answers differently each time leads nowhere that is not open."""
    turns = itertools.count()

    def behave(name, kind):
        # Looked at and connected to in turn, this would pass the look and reach the inside.
        return [] if kind == AAAA else [OPENED if next(turns) % 2 == 0 else INSIDE]

    with Resolver(behave) as resolver, Receiver(host=OPENED) as opened, Receiver(host=INSIDE, port=opened.port) as inside:
        emit = serving(resolver, tmp_path).start()
        try:
            space = emit.space()["id"]
            told = [tries(emit, ended(emit, space, f"http://turning.test:{opened.port}/{n}")["id"], 1)[0]
                    for n in range(JOBS)]
        finally:
            emit.kill()
        assert inside.requests == []
        sent = [event for event in told if event["type"] == "callback_sent"]
        refused = [event for event in told if "--allow-private-destinations" in (event["data"]["error"] or "")]
        assert len(sent) + len(refused) == JOBS, told
        assert sent and refused, "the name did not turn"
        assert len(opened.requests) == len(sent)
        assert opened.requests[0].headers["host"] == f"turning.test:{opened.port}"


def test_of_several_addresses_only_those_that_are_open_are_tried(tmp_path):
    """A name with an open address among refused ones, mapped forms included, leads to the open one alone."""
    refused = [INSIDE, "10.0.0.1", "169.254.169.254", "::1", f"::ffff:{INSIDE}", "64:ff9b::7f00:1"]

    def behave(name, kind):
        return refused + [OPENED] if name.startswith("mixed") else refused

    with Resolver(behave) as resolver, Receiver(host=OPENED) as opened, Receiver(host=INSIDE, port=opened.port) as inside:
        emit = serving(resolver, tmp_path).start()
        try:
            space = emit.space()["id"]
            mixed, closed = (ended(emit, space, f"http://{name}.test:{opened.port}/") for name in ("mixed", "closed"))
            assert tries(emit, mixed["id"], 1)[0]["type"] == "callback_sent"
            error = tries(emit, closed["id"], 1)[0]["data"]["error"]
        finally:
            emit.kill()
        assert "--allow-private-destinations" in error and not any(address in error for address in refused), error
        assert len(opened.requests) == 1 and inside.requests == []
        assert {"mixed.test", "closed.test"} <= {name for name, _ in resolver.asked}
