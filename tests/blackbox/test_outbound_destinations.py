"""Where the server sends and where it never does: private destinations, URLs, headers."""

import pytest
import trustme

import harness
from calls import problem
from receivers import LOOPBACK, Receiver
from test_outbound_callbacks import ended, tries, verify

REFUSED = {
    "127.0.0.1": "loopback", "localhost": "loopback", "[::1]": "loopback", "2130706433": "loopback", "0x7f.1": "loopback",
    "0.0.0.0": "unspecified", "[::]": "unspecified", "10.1.2.3": "private", "192.168.0.1": "private",
    "[::ffff:127.0.0.1]": "loopback", "[::ffff:a9fe:a9fe]": "link-local", "169.254.169.254": "link-local",
    "100.64.0.1": "a carrier's (NAT)", "[64:ff9b::7f00:1]": "loopback", "[fd00::1]": "private", "[fe80::1]": "link-local",
    "[2002:7f00:1::]": "a tunnel's (6to4, Teredo)", "224.0.0.1": "multicast", "192.0.2.1": "for documentation",
}


def test_private_destinations_are_refused_and_the_refusal_names_the_option(emit, space):
    """«Outbound requests never reach private, loopback, link-local, carrier-NAT, mapped or NAT64 forms of them (checked
    after DNS, at connect) unless configured; the refusal names the option.»"""
    with Receiver() as receiver:
        port = receiver.port
        jobs = {host: ended(emit, space, f"http://{host}:{port}/x") for host in REFUSED}
        for host, kind in REFUSED.items():
            [event, *_] = tries(emit, jobs[host]["id"], 1)
            assert event["data"]["statusCode"] is None
            assert event["data"]["error"] == (f"the host's address is {kind}; only the operator opens such, with "
                                              "--allow-private-destinations CIDR"), host
        assert receiver.requests == []


def test_only_what_was_opened_is_reached():
    with harness.server("--allow-private-destinations", "10.0.0.0/8,127.0.0.0/30") as emit, Receiver() as receiver:
        space = emit.space()["id"]
        near, far = ended(emit, space, receiver.url), ended(emit, space, receiver.url.replace("0.0.1", "0.0.9"))
        assert tries(emit, near["id"], 1)[0]["type"] == "callback_sent"
        assert "--allow-private-destinations" in tries(emit, far["id"], 1)[0]["data"]["error"]


def test_no_proxy_of_the_environment_is_used():
    """«no proxy surprises»"""
    with Receiver() as proxy, Receiver() as receiver:
        env = dict.fromkeys(["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"], proxy.url)
        with harness.server(*LOOPBACK, env=env) as emit:
            job = ended(emit, emit.space()["id"], receiver.url)
            assert tries(emit, job["id"], 1)[0]["type"] == "callback_sent"
        assert (len(receiver.requests), len(proxy.requests)) == (1, 0)


@pytest.mark.parametrize("url", ["", "example.com", "ftp://example.com", "http://", "http://user@example.com/",
                                 "http://user:pass@example.com/", "http://example.com:99999/", "http://a b/",
                                 "http://example.com/\r\nx: y", "http://bücher.example/", "file:///etc/passwd", 7,
                                 "http://example.com/" + "x" * 2000, "http://example.com:+80/", "http://example.com/#x",
                                 "http://example.com/ü"])
def test_urls_that_are_none(emit, space, url):
    """«URLs with userinfo: 422»"""
    sent = {"name": "n", "callbackUrl": url}
    problem(emit.call("POST", f"/spaces/{space}/jobs", sent), 422, "invalid_fields", "/callbackUrl")
    slack, push = {"slack": {"webhookUrl": url}}, {"push": {"url": url}}
    problem(emit.call("PATCH", f"/spaces/{space}", slack), 422, "invalid_fields", "/slack/webhookUrl")
    problem(emit.call("PATCH", f"/spaces/{space}", push), 422, "invalid_fields", "/push/url")


@pytest.mark.parametrize("headers, path", [
    ({"Host": "evil"}, "/Host"), ({"content-length": "5"}, "/content-length"), ({"Content-Type": "x"}, "/Content-Type"),
    ({"transfer-encoding": "chunked"}, "/transfer-encoding"), ({"Connection": "keep-alive"}, "/Connection"),
    ({"webhook-id": "x"}, "/webhook-id"), ({"x-a": "b\r\nx-c: d"}, "/x-a"), ({"x-a\r\nx-c": "b"}, "/*"),
    ({"x a": "b"}, "/x a"), ({"": "b"}, "/"), ({"x-a": "ü"}, "/x-a"), ({"x-a": 1}, "/x-a"), ({"x-a": "b" * 2001}, "/x-a"),
    ({"x-a": "1", "X-A": "2"}, "/X-A"), ({f"x-{n}": "" for n in range(21)}, ""),
    ({"x-a": "***"}, "/x-a"), ({"x-\u212a": "b"}, "/x-\u212a"),
])
def test_headers_that_may_not_be(emit, space, headers, path):
    """«valid HTTP fields; `host`, `content-*`, `transfer-encoding`, `connection`, `webhook-*` refused»"""
    sent = {"name": "n", "callbackUrl": "http://example.com", "callbackHeaders": headers}
    problem(emit.call("POST", f"/spaces/{space}/jobs", sent), 422, "invalid_fields", f"/callbackHeaders{path}")
    push = {"push": {"url": "http://example.com", "headers": headers}}
    problem(emit.call("PATCH", f"/spaces/{space}", push), 422, "invalid_fields", f"/push/headers{path}")


def test_headers_need_a_url(emit, space):
    sent = {"name": "n", "callbackHeaders": {"x": "y"}}
    problem(emit.call("POST", f"/spaces/{space}/jobs", sent), 422, "invalid_fields", "/callbackHeaders")


def test_an_erased_job_tells_nothing_more(emit, space):
    with Receiver() as receiver:
        job = ended(emit, space, receiver.url)  # refused: this server opens nothing
        tries(emit, job["id"], 1)
        emit.call("DELETE", f"/jobs/{job['id']}", expect=204)
        assert emit.call("GET", f"/spaces/{space}/failing-endpoints", expect=200).json() == []


def test_https_needs_a_certificate_that_is_trusted(tmp_path):
    """HTTPS trusts what the machine trusts, or what `SSL_CERT_FILE` names, and only under the right name."""
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with harness.server(*LOOPBACK, env={"SSL_CERT_FILE": str(tmp_path / "ca.pem")}) as emit, \
            Receiver(tls=authority.issue_cert("localhost", "127.0.0.1")) as receiver, \
            Receiver(tls=stranger.issue_cert("localhost")) as forged, \
            Receiver(tls=authority.issue_cert("example.com")) as misnamed:
        made = emit.space()
        for url in (receiver.url, receiver.url.replace("127.0.0.1", "localhost")):
            job = ended(emit, made["id"], url)
            assert tries(emit, job["id"], 1)[0]["type"] == "callback_sent"
        verify(made["webhookSecret"], receiver.requests[0])
        for other in (forged, misnamed):
            job = ended(emit, made["id"], other.url.replace("127.0.0.1", "localhost"))
            assert tries(emit, job["id"], 1)[0]["data"]["error"].startswith("TLS was not agreed on")
            assert other.requests == []
