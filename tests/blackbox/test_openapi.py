"""`/api/openapi.json` (3.1) against the running server."""

import re

import pytest
from jsonschema import Draft202012Validator

import harness
from calls import NOBODY, STATUSES, in_seconds, job_in
from routes import ADMIN_ROUTES, ALL_ROUTES, JOB_ROUTES, LINES, SPACE_ROUTES

METHODS = {"get", "post", "put", "patch", "delete", "head", "options"}
OUTSIDE = [("get", "/healthz"), ("get", "/readyz"), ("get", "/metrics"), ("get", "/api/openapi.json"),
           ("get", "/api/v1/realtime/{}"), ("get", "/api/v1/realtime/spaces/{}")]


@pytest.fixture(scope="module")
def description(emit):
    return emit.http.get(emit.origin + "/api/openapi.json").json()


def base(description) -> str:
    """What the server's address adds to each path."""
    url = (description.get("servers") or [{"url": ""}])[0]["url"]
    return re.sub(r"^https?://[^/]+", "", url).rstrip("/")


def blank(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def described(description) -> dict[tuple[str, str], dict]:
    """(method, path with nameless parameters) -> its description."""
    return {(method, blank(base(description) + path)): operation for path, item in description["paths"].items()
            for method, operation in item.items() if method in METHODS}


def wanted() -> set[tuple[str, str]]:
    return {(route.method.lower(), blank("/api/v1" + route.path)) for route in ALL_ROUTES} | set(OUTSIDE)


def test_it_is_openapi_3_1(description):
    """«`/api/openapi.json` (3.1)»: readable without a key."""
    assert description["openapi"].startswith("3.1")
    assert description["info"]["title"] and description["info"]["version"]


def test_every_served_route_is_described(description):
    """«`/api/openapi.json`»: each route of section 3 that is served stands in it."""
    assert wanted() - set(described(description)) == set()


def test_every_described_route_is_served(emit, description):
    """«A route exists whole or not at all»: none is described that is not there."""
    for method, path in described(description):
        filled = path.replace("{}", "not_found" if path.startswith("/errors/") else NOBODY)
        answer = emit.http.request(method.upper(), emit.origin + filled)
        if answer.headers.get("content-type") != "application/problem+json":
            continue
        missing = answer.status_code in (404, 405) and answer.json().get("code") in ("not_found", "method_not_allowed")
        assert not missing, f"{method} {path}"


def test_parameters_are_described(description):
    """A path's parameters are named in its description, or nobody could fill them in."""
    for path, item in description["paths"].items():
        for method in METHODS & set(item):
            given = {p["name"] for p in resolve_all(description, item.get("parameters", [])
                                                    + item[method].get("parameters", [])) if p["in"] == "path"}
            assert given == set(re.findall(r"\{([^}]*)\}", path)), f"{method} {path}"


def resolve_all(description, things):
    return [resolve(description, thing) for thing in things]


def resolve(description, thing):
    while "$ref" in thing:
        target = description
        for part in thing["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        thing = target
    return thing


def test_schemas_are_schemas(description):
    """Each schema is itself valid under JSON Schema 2020-12, which OpenAPI 3.1 uses."""
    for schema in description.get("components", {}).get("schemas", {}).values():
        Draft202012Validator.check_schema(schema)


def validate(description, method, path, answer):
    """The answer is one that its route's description allows: status, content type, schema."""
    operation = next(op for (verb, pattern), op in described(description).items() if verb == method.lower()
                     and re.fullmatch(pattern.replace("{}", "[^/]+"), path) and (
                         "{}" not in pattern or (verb, path) not in described(description)))
    responses, status = operation["responses"], str(answer.status_code)
    key = next((k for k in (status, status[0] + "XX", "default") if k in responses), None)
    assert key, f"{method} {path} does not describe {status}"
    content = resolve(description, responses[key]).get("content", {})
    if not answer.content:
        assert not content, f"{method} {path}: {status} came without its content"
        return
    kind = answer.headers["content-type"].split(";")[0]
    assert kind in content, f"{method} {path}: {status} is {kind}, described are {list(content)}"
    schema = {**content[kind]["schema"], "components": description["components"]}
    errors = sorted(Draft202012Validator(schema).iter_errors(answer.json()), key=str)
    assert not errors, f"{method} {path} {status}: {errors[0].message} at {list(errors[0].path)}"


@pytest.fixture
def checked(emit, description):
    """`emit.call` whose answers are held against the description."""
    def call(method, path, *args, **kwargs):
        answer = emit.call(method, path, *args, **kwargs)
        validate(description, method, "/api/v1" + path.split("?")[0], answer)
        return answer
    return call


@pytest.mark.parametrize("status", STATUSES)
def test_answers_about_jobs(emit, space, checked, status):
    """Answers validate against the schemas: in each status, every route of a job, whether it goes or not."""
    for route in JOB_ROUTES:
        job = job_in(emit, space, status, payload={"p": 1}, tags={"k": "v"}, expiresAt=in_seconds(9000),
                     retryBackoff={"strategy": "fixed", "delaySeconds": 5})
        checked(route.method, route.path.format(job=job["id"]), route.body)


@pytest.mark.parametrize("route", SPACE_ROUTES + ADMIN_ROUTES, ids=lambda route: route.id)
def test_answers_about_spaces(emit, space, checked, route):
    """Answers validate against the schemas: space and admin routes, on what is there."""
    job_in(emit, space, "completed", payload=1)
    emit.create(space)
    if route.path.startswith("/tokens"):
        made = emit.call("POST", "/tokens", {"name": "t", "scopes": ["jobs:read"]}).json()
    else:
        made = emit.call("POST", f"/spaces/{space}/tokens", {"name": "t", "scopes": ["jobs:read"]}).json()
    answer = checked(route.method, route.path.format(space=space, token=made["tokenId"]), route.body)
    assert answer.status_code in (200, 201, 204, 409)


def test_other_answers(emit, space, checked):
    """Answers validate against the schemas: batches, long forms of lists, waits, what section 3 gives besides."""
    job = job_in(emit, space, "running")
    checked("GET", "/me")
    checked("POST", f"/spaces/{space}/jobs", [{"name": "a"}, {"name": "b"}])
    checked("POST", f"/spaces/{space}/jobs?waitSeconds=1", {"name": "a"})
    checked("POST", "/jobs/reports", [{"jobId": job["id"], "report": "keepalive"}, {"jobId": NOBODY, "report": "ack"},
                                      {"jobId": job["id"], "report": "logs", "body": LINES},
                                      {"jobId": job["id"], "report": "complete"}, {"report": "x"}])
    for path in (f"/spaces/{space}/jobs?include=payload,result", f"/jobs/{job['id']}", f"/jobs/{job['id']}/logs",
                 f"/jobs/{job['id']}/events", f"/jobs/{job['id']}/progress"):
        checked("GET", path, expect=200)


@pytest.mark.parametrize("route", ALL_ROUTES, ids=lambda route: route.id)
def test_refusals(emit, space, checked, route):
    """Problem answers validate, too: without a key, without the scope, of what is not there, of a body that is none."""
    path = route.path.format(space=space, job=NOBODY, token=NOBODY)
    checked(route.method, path, key=None)
    if route.scope:
        checked(route.method, path, route.body, key=emit.token(space, ["jobs:keepalive"]))
    if route.scope != "admin" or "{token}" in route.path:
        checked(route.method, path, route.body)
    if route.body is not None:
        checked(route.method, path, "{")
        checked(route.method, path, '"wrong"')
        checked(route.method, path, "x", headers={"content-type": "text/plain"})


def test_health(emit, description):
    """The routes outside `/api/v1` are described as they answer."""
    for path in ("/healthz", "/readyz"):
        answer = emit.http.get(emit.origin + path)
        operation = described(description)["get", path]
        assert str(answer.status_code) in operation["responses"]
    assert harness.ADMIN_KEY not in str(description)
