"""Section 7: «Everything is set by flags, `EMIT_*` variables or `emit.toml`, in that order of strength; `emit config`
prints the effective one, redacted.» And section 6: each limit that is configurable can be set."""

import os
import subprocess
import tomllib

import pytest

import harness
from calls import Raw, post, problem
from harness import ADMIN_KEY, BINARY, PATIENCE

SECRET = "emit_" + "S3cr3tS3" * 4


def emit(*words, cwd, **variables):
    """Runs the binary with these words, in that folder, with no other `EMIT_*` variables than these."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("EMIT_")} | variables
    return subprocess.run([BINARY, *words], cwd=cwd, env=env, capture_output=True, text=True, timeout=PATIENCE)


def sources(text):
    """What `emit config` says of each setting: its value, and where that comes from."""
    values = tomllib.loads(text)
    lines = [line.partition(" = ") for line in text.splitlines()]
    said = {name.removeprefix("# "): rest.rpartition("  # ")[2] for name, sign, rest in lines if sign}
    return {name: (values.get(name), source) for name, source in said.items()}


def config(*words, cwd, **variables):
    done = emit("config", *words, cwd=cwd, **variables)
    assert done.returncode == 0, done.stderr
    return sources(done.stdout)


def refused(*words, cwd, says, **variables):
    """Exit code 2 and one sentence that names what is wrong."""
    done = emit(*words, cwd=cwd, **variables)
    assert done.returncode == 2, done
    assert done.stderr.startswith("emit: ") and done.stderr.count("\n") == 1 and says in done.stderr, done.stderr
    return done.stderr


# -- the order of strength --------------------------------------------------------------------------------------


def test_flags_beat_variables_beat_the_file(tmp_path):
    (tmp_path / "emit.toml").write_text('log = "warn"\nstreams-max = 7\nallowed-origins = ["https://a.example"]\n')
    variables = {"EMIT_LOG": "debug", "EMIT_STREAMS_MAX": "8"}
    found = config("--log", "error", cwd=tmp_path, **variables)
    assert found["log"] == ("error", "--log")
    assert found["streams-max"] == (8, "EMIT_STREAMS_MAX")
    assert found["allowed-origins"] == (["https://a.example"], "emit.toml, line 3")
    assert found["listen"] == ("127.0.0.1:8080", "default")
    assert config(cwd=tmp_path)["streams-max"] == (7, "emit.toml, line 2")


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_a_file_elsewhere(tmp_path, how):
    """`--config` and EMIT_CONFIG name a file; the one in the working directory is then not read."""
    (tmp_path / "emit.toml").write_text('no-such-key = 1\n')
    other = tmp_path / "other.toml"
    other.write_text("streams-max = 5\n")
    words, variables = (["--config", str(other)], {}) if how == "flag" else ([], {"EMIT_CONFIG": str(other)})
    assert config(*words, cwd=tmp_path, **variables)["streams-max"] == (5, f"{other}, line 1")
    refused("config", "--config", "missing.toml", cwd=tmp_path, says="missing.toml cannot be read")


def test_an_empty_name_of_a_file_is_none(tmp_path):
    (tmp_path / "emit.toml").write_text("streams-max = 5\n")
    assert config(cwd=tmp_path, EMIT_CONFIG="")["streams-max"] == (5, "emit.toml, line 1")


def test_what_is_printed_sets_the_same(tmp_path):
    first = emit("config", "--listen", "127.0.0.1:1", cwd=tmp_path, EMIT_ALLOWED_ORIGINS="https://a.example,null",
                 EMIT_CALLBACK_RETRY_SECONDS="1,,2,", EMIT_DATA="a\x7f\"\\")
    (tmp_path / "emit.toml").write_text(first.stdout)
    again = emit("config", cwd=tmp_path)
    assert tomllib.loads(again.stdout) == tomllib.loads(first.stdout)


def test_the_reference_can_be_copied(tmp_path):
    """`emit config --default` is a file that changes nothing."""
    plain = tomllib.loads(emit("config", cwd=tmp_path).stdout)
    (tmp_path / "emit.toml").write_text(emit("config", "--default", cwd=tmp_path).stdout)
    copied = tomllib.loads(emit("config", cwd=tmp_path).stdout)
    empty = {"trusted-proxies": [], "allow-private-destinations": []}
    assert {**copied, **empty} == {**plain, **empty}


# -- secrets ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["variable", "variable's file", "flag's file", "file", "file's file"])
def test_a_secret_is_never_printed(tmp_path, way):
    """«redacted»: by whatever way it came, and the way is told."""
    (tmp_path / "key").write_text(SECRET + "\n")
    words, variables, text = [], {}, ""
    match way:
        case "variable": variables, source = {"EMIT_ADMIN_KEY": SECRET}, "EMIT_ADMIN_KEY"
        case "variable's file": variables, source = {"EMIT_ADMIN_KEY_FILE": "key"}, "EMIT_ADMIN_KEY_FILE"
        case "flag's file": words, source = ["--admin-key-file", "key"], "--admin-key-file"
        case "file": text, source = f'admin-key = "{SECRET}"', "emit.toml, line 1"
        case "file's file": text, source = 'admin-key-file = "key"', "emit.toml, line 1"
    (tmp_path / "emit.toml").write_text(text)
    done = emit("config", *words, cwd=tmp_path, **variables)
    assert done.returncode == 0 and SECRET not in done.stdout + done.stderr
    assert sources(done.stdout)["admin-key"] == (None, source)


def test_a_secret_from_the_file_counts(tmp_path):
    (tmp_path / "emit.toml").write_text(f'admin-key = "{SECRET}"\n')
    server = harness.Server(tmp_path / "data", "--config", str(tmp_path / "emit.toml"))
    server.env.pop("EMIT_ADMIN_KEY")
    server.start()
    try:
        assert server.call("GET", "/me", key=SECRET).json()["scopes"] == ["admin"]
        assert SECRET not in server.output()
    finally:
        server.kill()


@pytest.mark.parametrize("variables, says", [
    ({"EMIT_ADMIN_KEY": SECRET, "EMIT_ADMIN_KEY_FILE": "key"}, "set twice"),
    ({"EMIT_ADMIN_KEY_FILE": "missing"}, "the file missing cannot be read"),
    ({"EMIT_ADMIN_KEY_FILE": "empty"}, "the file empty is empty"),
    ({"EMIT_ADMIN_KEY": ""}, "admin-key is empty"),
    ({"EMIT_ADMIN_KEY": f"{SECRET} {SECRET}"}, "one word of printable ASCII")], ids=lambda value: str(value)[:40])
def test_a_secret_that_is_none(tmp_path, variables, says):
    (tmp_path / "empty").write_text("\n")
    for command in ("serve", "config"):
        assert SECRET not in refused(command, cwd=tmp_path, says=says, **variables)


@pytest.mark.parametrize("name", ["EMIT_OTLP_ENDPOINT", "EMIT_PUBLIC_URL", "EMIT_ALLOWED_ORIGINS",
                                  "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_address_with_a_password(tmp_path, name, scheme):
    """Refused, and not repeated: settings are printed, sent and shown."""
    said = refused("serve", "--listen=127.0.0.1:0", cwd=tmp_path, says="password",
                   **{name: f"{scheme}://user:{SECRET}@a.example"})
    assert SECRET not in said


# -- what cannot be meant ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text, says", [
    ("lisen = 1", "emit.toml, line 1: there is no setting lisen"),
    ("\npublic_url = 'https://x.example'", "emit.toml, line 2: there is no setting public_url; is public-url meant?"),
    ("[serve]\nlog = 'info'", "there is no setting serve"),
    ("streams-max = '5'", "streams-max must be a whole number, without quotes"),
    ("streams-max = 0", "from 1 to 10000000 (set by emit.toml, line 1)"),
    ("streams-max = 5\nstreams-max = 6", "emit.toml, line 2: "),
    ("listen = ", "emit.toml, line 1: ")])
def test_a_wrong_file(tmp_path, text, says):
    """Refused before anything is opened: nothing is written, no address taken."""
    (tmp_path / "emit.toml").write_text(text)
    refused("serve", cwd=tmp_path, says=says)
    refused("config", cwd=tmp_path, says=says)
    assert not (tmp_path / "emit-data").exists()


@pytest.mark.parametrize("filter", ["inof", "info,emit_server", "warn,debgu"])
def test_a_level_that_is_none(tmp_path, filter):
    """A word that is no level would silence the log."""
    refused("config", "--log", filter, cwd=tmp_path, says="error, warn, info, debug, trace, off")
    for level in ("off", "info,emit_server::net=debug"):
        assert config("--log", level, cwd=tmp_path)["log"] == (level, "--log")


@pytest.mark.parametrize("name, value", [
    ("LISTEN", "8080"), ("PUBLIC_URL", "ftp://x"), ("ALLOWED_ORIGINS", "example.com"), ("TRUSTED_PROXIES", "localhost"),
    ("STREAMS_MAX", "many"), ("HEAD_TIMEOUT_SECONDS", "1.5"), ("BODY_TIMEOUT_SECONDS", "-1"), ("ARRAY_BYTES_MAX", "1"),
    ("LOG", "loud,="), *[("PUBLIC_URL", url) for url in ("https://h/#x", "HTTPS://h", "https://h:70000", "https://h:")],
    ("ALLOWED_ORIGINS", "https://h?q"), ("OTLP_ENDPOINT", "http://h/?q")])
def test_a_wrong_value(tmp_path, name, value):
    """A flag and a variable are refused alike, and named."""
    flag = "--" + name.lower().replace("_", "-")
    refused("serve", cwd=tmp_path, says=f"(set by EMIT_{name})", **{f"EMIT_{name}": value})
    refused("serve", f"{flag}={value}", cwd=tmp_path, says=f"(set by {flag})")


# -- the limits of section 6 ------------------------------------------------------------------------------------


def test_the_size_of_arrays(tmp_path):
    """«arrays of jobs or reports | 16 MiB», configurable"""
    with harness.server("--array-bytes-max", "1500000") as server:
        path = f"/spaces/{server.space()['id']}/jobs"
        body = '[{"name": "n"}' + " " * 1_499_985 + "]"
        assert server.call("POST", path, body).status_code == 201
        found = problem(server.call("POST", path, " " + body), 413, "payload_too_large")
        assert "1500000" in found["detail"]


def test_the_time_of_heads_and_bodies(tmp_path):
    """«slow requests | headers within 10 s, body within 30 s (408)», configurable: the answer names the time set."""
    with harness.server("--head-timeout-seconds", "1", env={"EMIT_BODY_TIMEOUT_SECONDS": "2"}) as server:
        with Raw(server) as head, Raw(server) as body:
            head.send(b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nx-api-")
            body.send(post("/api/v1/spaces", body=b'{"name":', length=12))
            for raw, says in ((head, "head did not arrive within 1 seconds"), (body, "body did not arrive within 2")):
                assert says in problem(raw.answer(), 408, "request_timeout")["detail"]
        assert server.call("GET", "/me", key=ADMIN_KEY).status_code == 200


def test_streams_of_one_public_token(tmp_path):
    """«streams | … 1,000 per public token and address», configurable by the file"""
    (tmp_path / "emit.toml").write_text("streams-per-public-token = 1\n")
    with harness.server("--config", str(tmp_path / "emit.toml")) as server:
        space = server.space()["id"]
        job, key = server.create(space)["id"], server.public_token(space)
        with server.ws(job, key=key):
            problem(server.call("GET", f"/realtime/{job}", key=key), 429, "too_many_streams")
            with server.ws(job):
                pass
