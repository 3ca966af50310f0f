"""Section 3, «Idempotency», and what section 8 adds to it."""

import contextlib

import pytest

from calls import ids, job_in, jobs_of, meanwhile, position, problem, types


def create(emit, space, body, header=None, expect=None):
    head = {"idempotency-key": header} if header is not None else None
    return emit.call("POST", f"/spaces/{space}/jobs", body, headers=head, expect=expect)


BY_FIELD = '{"name": "n", "idempotencyKey": "k"}'


@pytest.mark.parametrize("body, header", [(BY_FIELD, None), ('{"name": "n"}', "k"), (BY_FIELD, "k")],
                         ids=["field", "header", "both"])
def test_the_same_again(emit, space, body, header):
    """«`idempotencyKey` (or the header `Idempotency-Key`, single jobs only): same key, same space …: 200, the first job
    as it is now, `Idempotency-Replayed: true`»"""
    first = create(emit, space, body, header, 201)
    assert "idempotency-replayed" not in first.headers and first.json()["idempotencyKey"] == "k"
    again = create(emit, space, body, header, 200)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"] and position(emit, space) == 1


def test_as_it_is_now(emit, space):
    """«the first job as it is now»"""
    job = create(emit, space, BY_FIELD, None, 201).json()
    for verb, status in [("claim", "delivered"), ("ack", "running"), ("complete", "completed")]:
        emit.report(job["id"], verb)
        assert create(emit, space, BY_FIELD, None, 200).json()["status"] == status


@pytest.mark.parametrize("other", ['{"name": "m", "idempotencyKey": "k"}', '{"name":"n","idempotencyKey":"k"}',
                                   '{"idempotencyKey": "k", "name": "n"}'], ids=["name", "blanks", "order"])
def test_another_body(emit, space, other):
    """«another body under that key: 422 `idempotency_mismatch`»; «Idempotency compares SHA-256 of the body's …
    bytes»"""
    create(emit, space, BY_FIELD, None, 201)
    problem(create(emit, space, other), 422, "idempotency_mismatch")
    assert len(jobs_of(emit, space)) == 1


def test_field_and_header_are_one_key(emit, space):
    """A key is a key, wherever it stands: here the bodies differ, so it is a mismatch and not a second job."""
    create(emit, space, BY_FIELD, None, 201)
    problem(create(emit, space, '{"name": "n"}', "k"), 422, "idempotency_mismatch")


def test_other_keys_other_jobs(emit, space):
    """«same key»: no key at all is no key in common."""
    made = [create(emit, space, '{"name": "n"}', header, 201).json()["id"] for header in ("a", "b", "A", None, None)]
    assert len(set(made)) == 5


def test_other_spaces_other_jobs(emit, space):
    """«same key, same space»"""
    made = [create(emit, one, BY_FIELD, None, 201).json()["id"] for one in (space, emit.space()["id"])]
    assert made[0] != made[1]


def test_field_and_header_differ(emit, space):
    """«field and header both given and different …: 422»"""
    problem(create(emit, space, BY_FIELD, "other"), 422)
    assert jobs_of(emit, space) == []


def test_a_header_on_an_array(emit, space):
    """«a header on an array …: 422»"""
    problem(create(emit, space, [{"name": "n"}], "k"), 422)
    assert jobs_of(emit, space) == []


@pytest.mark.parametrize("length, expect", [(200, 201), (201, 422)])
def test_a_long_header(emit, space, length, expect):
    """«or one over 200 characters: 422»"""
    assert create(emit, space, {"name": "n"}, "k" * length).status_code == expect
    assert len(jobs_of(emit, space)) == (expect == 201)


def test_arrays(emit, space):
    """«In arrays, 201 if any is new, in the order given.»"""
    items = [{"name": f"n{i}", "idempotencyKey": f"k{i}"} for i in range(4)]
    first = create(emit, space, items[1:3], None, 201).json()
    both = create(emit, space, items, None, 201).json()
    assert [job["name"] for job in both] == ["n0", "n1", "n2", "n3"] and ids(both[1:3]) == ids(first)
    again = create(emit, space, items, None, 200).json()
    assert ids(again) == ids(both) and len(jobs_of(emit, space)) == 4


def test_a_single_job_and_an_item(emit, space):
    """«(in an array: the item's) bytes»: the item alone is compared, not the array around it."""
    single = create(emit, space, BY_FIELD, None, 201).json()
    assert ids(create(emit, space, f"[ {BY_FIELD} ]", None, 200).json()) == [single["id"]]


def test_a_mismatch_in_an_array(emit, space):
    """«all or nothing»: a mismatch of one item, and none is created."""
    create(emit, space, BY_FIELD, None, 201)
    problem(create(emit, space, '[{"name": "new"}, {"name": "x", "idempotencyKey": "k"}]'), 422,
            "idempotency_mismatch", "/1/idempotencyKey")
    problem(create(emit, space, '[{"name": "x", "idempotencyKey": "k"}]'), 422,
            "idempotency_mismatch", "/0/idempotencyKey")
    problem(create(emit, space, {"name": "x", "idempotencyKey": "k"}), 422, "idempotency_mismatch", "/idempotencyKey")
    assert len(jobs_of(emit, space)) == 1


def test_twice_in_one_array(emit, space):
    """«same key, same space»: the same item twice in one array is one job, told twice."""
    made = create(emit, space, f"[{BY_FIELD}, {BY_FIELD}]", None, 201).json()
    assert made[0]["id"] == made[1]["id"] and len(jobs_of(emit, space)) == 1


def test_at_the_same_time(emit, space):
    """«same key, same space …: the first job»: however many ask at once, one makes it."""
    with contextlib.ExitStack() as stack:
        futures = [stack.enter_context(meanwhile(create, emit, space, BY_FIELD)) for _ in range(12)]
        answers = [future.result() for future in futures]
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert types(emit, answers[0].json()["id"]) == ["created"]


def test_a_refused_job_takes_no_key(emit, space):
    """«Of a refused request nothing is kept»: its key neither."""
    problem(create(emit, space, {"name": "n", "idempotencyKey": "k", "priority": 999}), 422)
    create(emit, space, BY_FIELD, None, 201)


@pytest.mark.parametrize("status", ["completed", "dead", "killed"])
def test_erasing_frees_the_key(emit, space, status):
    """«Erasing or purging a job frees its key.» An end alone does not."""
    job = job_in(emit, space, status, idempotencyKey="k")
    problem(create(emit, space, {"name": "another", "idempotencyKey": "k"}), 422, "idempotency_mismatch")
    emit.call("DELETE", f"/jobs/{job['id']}", expect=204)
    assert create(emit, space, {"name": "another", "idempotencyKey": "k"}, None, 201).json()["id"] != job["id"]
