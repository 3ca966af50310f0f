"""How a node reaches its database: TLS, passwords, poolers, a primary that moves; and what it says where it cannot."""

import os
import pathlib
import signal
import socket
import subprocess

import pytest

import harness
import postgres
from nodes import node, nodes
from streams import wait_for


@pytest.fixture
def cluster():
    """A database that listens on a port, too."""
    one = postgres.Cluster(port=postgres.free_port())
    yield one
    one.remove()


def refusal(folder: pathlib.Path, url: str, **env: str) -> str:
    """What `emit serve` says that does not start."""
    with pytest.raises(RuntimeError) as failed:
        started = harness.Server(folder / "refused", env=env, store=["--store", url]).start()
        started.kill()
    return str(failed.value)


def works(server: harness.Server) -> None:
    space = server.space()["id"]
    job = server.create(space)
    assert [found["id"] for found in server.poll(space)] == [job["id"]]


def test_a_pooler_that_shares_sessions_is_refused(cluster, tmp_path):
    """«pgbouncer in transaction mode refused with a clear message»; one that leaves sessions whole is fine."""
    cluster.start()
    database = cluster.database()
    for mode in ("transaction", "session"):
        port, folder = postgres.free_port(), cluster.folder / mode
        folder.mkdir()
        (folder / "users").write_text('"postgres" ""\n')
        (folder / "ini").write_text(
            f"[databases]\n{database} = host=127.0.0.1 port={cluster.port} user=postgres\n[pgbouncer]\npool_mode = {mode}\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\nauth_file = {folder}/users\n"
            f"unix_socket_dir =\nignore_startup_parameters = extra_float_digits\n")
        folder.chmod(0o755)
        pooler = subprocess.Popen([*postgres.as_owner(), "/usr/sbin/pgbouncer", str(folder / "ini")], cwd="/",
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for("the pooler", lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
            url = f"postgres://postgres@127.0.0.1:{port}/{database}"
            if mode == "transaction":
                assert "pool_mode = session" in refusal(tmp_path, url)
            else:
                server = node(tmp_path, url, 1).start()
                works(server)
                server.kill()
        finally:
            pooler.kill()
            pooler.wait()


def test_a_password_comes_from_a_file_and_is_never_shown(cluster, tmp_path):
    rules = cluster.data / "pg_hba.conf"
    rules.write_text("host all app 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
    cluster.start()
    database, secret = cluster.database(), "correct horse"
    cluster.sql(database, f"CREATE ROLE app LOGIN PASSWORD '{secret}'; ALTER DATABASE {database} OWNER TO app")
    url = cluster.url(database).replace("postgres@", "app@")
    (tmp_path / "secret").write_text(secret + "\n")
    server = harness.Server(tmp_path / "a", store=["--store", url, "--store-password-file", str(tmp_path / "secret")])
    server.start()
    works(server)
    assert secret not in server.output()
    server.kill()
    assert "password" in refusal(tmp_path, url, EMIT_STORE_PASSWORD="wrong")
    assert "store-password" in refusal(tmp_path, url.replace("app@", "app:wrong@"))
    shown = subprocess.run([harness.BINARY, "config", "--store", url], capture_output=True, text=True, check=True,
                           env={**os.environ, "EMIT_STORE_PASSWORD": secret}).stdout
    assert secret not in shown and "***" in shown


def certificate(folder: pathlib.Path, name: str) -> None:
    """A certificate for that host name, which vouches for itself."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{name}", "-addext", "basicConstraints=critical,CA:FALSE",
                    "-keyout", folder / "server.key", "-out", folder / "server.crt"], check=True, capture_output=True)


def test_tls_checks_certificate_and_name(cluster, tmp_path):
    """«TLS to the database (`verify-full`)»."""
    certificate(tmp_path, "localhost")
    for name in ("server.key", "server.crt"):
        to = cluster.data / name
        to.write_bytes((tmp_path / name).read_bytes())
        to.chmod(0o600)
        if postgres.as_owner():
            owner = cluster.data.stat()
            os.chown(to, owner.st_uid, owner.st_gid)
    cluster.settings = ("ssl=on",)
    cluster.start()
    database = cluster.database()
    checked = f"sslmode=verify-full&sslrootcert={tmp_path}/server.crt"
    server = node(tmp_path, f"postgres://postgres@localhost:{cluster.port}/{database}?{checked}", 1).start()
    works(server)
    using = cluster.sql(database, "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) "
                                  "WHERE a.application_name = 'emit' AND NOT s.ssl")
    assert using == "0"
    server.kill()
    assert "certificate" in refusal(tmp_path, f"postgres://postgres@127.0.0.1:{cluster.port}/{database}?{checked}")
    certificate(tmp_path, "localhost")
    assert "certificate" in refusal(tmp_path, f"postgres://postgres@localhost:{cluster.port}/{database}?{checked}")


def test_a_node_follows_the_primary(cluster, tmp_path):
    """«a primary that moved (several hosts in the URL, `target_session_attrs=read-write`)»: nothing acknowledged is
    lost where the standby is a synchronous one."""
    cluster.start()
    database = cluster.database()
    standby = postgres.Cluster(port=postgres.free_port(), of=cluster)
    hosts = f"127.0.0.1:{standby.port},127.0.0.1:{cluster.port}"
    # The standby first: it takes no writes, and is passed over.
    server = node(tmp_path, f"postgres://postgres@{hosts}/{database}", 1)
    try:
        standby.start()
        cluster.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'")
        cluster.sql("postgres", "SELECT pg_reload_conf()")
        server.start()
        space = server.space()["id"]
        made = [server.create(space)["id"] for _ in range(20)]
        cluster.stop(signal.SIGQUIT)
        answer = server.call("POST", f"/spaces/{space}/jobs", {"name": "a"})
        assert answer.status_code == 503
        standby.sql("postgres", "SELECT pg_promote()")
        standby.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = ''")
        standby.sql("postgres", "SELECT pg_reload_conf()")
        wait_for("/readyz", lambda: server.http.get(server.origin + "/readyz").status_code == 200)
        made.append(server.create(space)["id"])
        listed = [job["id"] for job in server.call("GET", f"/spaces/{space}/jobs?limit=100", expect=200).json()]
        assert listed == made[::-1]
    finally:
        if server.process:
            server.kill()
        standby.remove()


def test_timers_polls_and_lists_need_no_statistics(cluster):
    """Those of a database that was just filled, restored or upgraded come minutes later: until then, too, a few rows of an
    index are read, and not all jobs of a space."""
    jobs = 3_000
    cluster.settings = ("autovacuum=off",)
    cluster.start()
    database = cluster.database()

    def count(columns: str, of: str) -> int:
        return int(cluster.sql(database, f"SELECT sum({columns}) FROM {of}"))

    def looks() -> int:
        return count("idx_scan", "pg_stat_user_indexes WHERE indexrelname = 'jobs_due'")

    with nodes(1, cluster, cluster.url(database)) as [server]:
        space = server.space()["id"]
        for _ in range(jobs // 1_000):
            server.call("POST", f"/spaces/{space}/jobs", [{"name": "a"}] * 1_000, expect=201)
        before = looks()
        for names in ({}, {"names": ["a"]}):
            [job] = server.poll(space, **names)
            server.report(job["id"], "ack")
            server.report(job["id"], "complete")
        for query in ("", "&status=pending", "&status=completed", "&name=a"):
            server.call("GET", f"/spaces/{space}/jobs?limit=10{query}", expect=200)
        wait_for("timers that look", lambda: looks() > before + 24)
        # What it counts is told when connections end.
        server.stop()
        wait_for("the end of its sessions", lambda: cluster.sql(
            database, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'emit'") == "0")
    assert count("idx_tup_read", "pg_stat_user_indexes WHERE relname = 'jobs'") < jobs
    assert count("seq_tup_read", "pg_stat_user_tables WHERE relname = 'jobs'") < jobs


def test_a_plan_is_shown_before_anything_is_changed(cluster, tmp_path):
    cluster.start()
    database = cluster.database()

    def migrate(*flags: str) -> subprocess.CompletedProcess:
        return subprocess.run([harness.BINARY, "migrate", "--store", cluster.url(database), *flags],
                              capture_output=True, text=True)

    planned = migrate()
    assert planned.returncode == 0 and "CREATE TABLE jobs" in planned.stdout
    assert cluster.sql(database, "SELECT to_regclass('emit.jobs') IS NULL") == "t"
    assert migrate("--apply").returncode == 0
    assert cluster.sql(database, "SELECT to_regclass('emit.jobs') IS NOT NULL") == "t"
    nothing = migrate()
    assert nothing.returncode == 0 and "CREATE" not in nothing.stdout
    cluster.sql(database, "INSERT INTO emit.formats (version, applied_at) VALUES (999, now())")
    newer = migrate("--apply")
    assert newer.returncode == 1 and "written by a newer emit" in newer.stderr
