"""Every HTTP route of section 3 with its scope and a body that passes its checks: one table for several tests."""

from __future__ import annotations

import dataclasses

LINES = {"lines": [{"level": "info", "message": "m"}]}


@dataclasses.dataclass(frozen=True)
class Route:
    method: str
    path: str  # with {space}, {job}, {token}, as in the contract
    scope: str
    body: object = None

    @property
    def id(self) -> str:
        return f"{self.method} {self.path}"

    def call(self, emit, space="", job="", token="", **kwargs):
        path = self.path.format(space=space, job=job, token=token)
        return emit.call(self.method, path, kwargs.pop("body", self.body), **kwargs)


#: Routes of the jobs of a space, named in the path.
SPACE_ROUTES = [
    Route("POST", "/spaces/{space}/jobs", "jobs:create", {"name": "n"}),
    Route("GET", "/spaces/{space}/jobs", "jobs:read"),
    Route("GET", "/spaces/{space}/counts", "jobs:read"),
    Route("GET", "/spaces/{space}/stats", "jobs:read"),
    Route("GET", "/spaces/{space}/failures", "jobs:read"),
    Route("POST", "/spaces/{space}/jobs/poll", "jobs:poll", {}),
    Route("POST", "/spaces/{space}/jobs/requeue", "jobs:kill", {"status": "dead"}),
    Route("POST", "/spaces/{space}/jobs/kill", "jobs:kill", {"status": "scheduled"}),
]
#: Routes of one job.
JOB_ROUTES = [
    Route("POST", "/jobs/{job}/claim", "jobs:poll"),
    Route("POST", "/jobs/{job}/ack", "jobs:ack"),
    Route("POST", "/jobs/{job}/release", "jobs:ack", {}),
    Route("POST", "/jobs/{job}/progress", "jobs:progress", {"percent": 1}),
    Route("POST", "/jobs/{job}/checkpoint", "jobs:event", {"a": 1}),
    Route("POST", "/jobs/{job}/event", "jobs:event", {"a": 1}),
    Route("POST", "/jobs/{job}/logs", "jobs:event", LINES),
    Route("POST", "/jobs/{job}/keepalive", "jobs:keepalive"),
    Route("POST", "/jobs/{job}/complete", "jobs:complete", {"a": 1}),
    Route("POST", "/jobs/{job}/fail", "jobs:fail", {"error": "e"}),
    Route("POST", "/jobs/{job}/kill", "jobs:kill", {"reason": "r"}),
    Route("POST", "/jobs/{job}/requeue", "jobs:kill"),
    Route("PATCH", "/jobs/{job}", "jobs:create", {"priority": 1}),
    Route("DELETE", "/jobs/{job}", "jobs:kill"),
    Route("POST", "/jobs/{job}/tokens", "jobs:create", {"expiresInSeconds": 60}),
    Route("GET", "/jobs/{job}", "jobs:read"),
    Route("GET", "/jobs/{job}/events", "jobs:read"),
    Route("GET", "/jobs/{job}/logs", "jobs:read"),
    Route("GET", "/jobs/{job}/progress", "jobs:read:progress"),
]
ADMIN_ROUTES = [
    Route("GET", "/spaces", "admin"),
    Route("POST", "/spaces", "admin", {"name": "made"}),
    Route("GET", "/spaces/{space}", "admin"),
    Route("PATCH", "/spaces/{space}", "admin", {}),
    Route("DELETE", "/spaces/{space}", "admin"),
    Route("GET", "/spaces/{space}/tokens", "admin"),
    Route("POST", "/spaces/{space}/tokens", "admin", {"name": "t", "scopes": ["jobs:read"]}),
    Route("DELETE", "/spaces/{space}/tokens/{token}", "admin"),
    Route("POST", "/spaces/{space}/tokens/{token}/rotate", "admin", {}),
    Route("GET", "/tokens", "admin"),
    Route("POST", "/tokens", "admin", {"name": "t", "scopes": ["jobs:read"]}),
    Route("DELETE", "/tokens/{token}", "admin"),
]
#: Those with rules of their own: reports are judged per item, /me takes any key.
OTHER_ROUTES = [Route("POST", "/jobs/reports", "jobs:ack", [{"jobId": "x", "report": "ack"}]), Route("GET", "/me", "")]
ALL_ROUTES = SPACE_ROUTES + JOB_ROUTES + ADMIN_ROUTES + OTHER_ROUTES
SCOPED = SPACE_ROUTES + JOB_ROUTES
