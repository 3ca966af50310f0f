"""Section 3: «one job or an array (1 to 1,000, all or nothing) → 201 job(s)»."""

import json

import pytest

from calls import ids, jobs_of, position, problem


def create(emit, space, jobs, expect=None, **kwargs):
    return emit.call("POST", f"/spaces/{space}/jobs", jobs, expect=expect, **kwargs)


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_an_array_answers_an_array(emit, space, count):
    """«an array (1 to 1,000 …) → 201 job(s)», in its order; each has its own event and number."""
    made = create(emit, space, [{"name": f"n{i}", "payload": i} for i in range(count)], 201).json()
    assert [(job["name"], job["payload"], job["status"]) for job in made] == [
        (f"n{i}", i, "pending") for i in range(count)]
    assert [job["seq"] for job in made] == list(range(1, count + 1))
    assert position(emit, space) == count


@pytest.mark.parametrize("count", [0, 1001])
def test_an_array_out_of_bounds(emit, space, count):
    """«1 to 1,000»"""
    problem(create(emit, space, [{"name": "n"}] * count), 422, "invalid_fields")
    assert jobs_of(emit, space) == []


@pytest.mark.parametrize("bad, path", [({"name": ""}, "/1/name"), ({}, "/1/name"), (7, "/1"), ([], "/1"), (None, "/1"),
                                       ({"name": "n", "x": 1}, "/1/x"),
                                       ({"name": "n", "tags": {"k": 1}}, "/1/tags/k")])
def test_all_or_nothing(emit, space, bad, path):
    """«all or nothing»; the path names the item."""
    problem(create(emit, space, [{"name": "a"}, bad, {"name": "c"}]), 422, "invalid_fields", path)
    assert jobs_of(emit, space) == [] and position(emit, space) == 0


@pytest.mark.parametrize("body", ['"job"', "7", "null", "true"])
def test_neither_object_nor_array(emit, space, body):
    """«a body of the wrong kind: 422 with its path»: the root's pointer is empty."""
    problem(create(emit, space, body), 422, "invalid_fields", "")


def test_items_of_the_full_size_each(emit, space):
    """«one body, payload or report | 1,000,000 bytes» and «arrays of jobs or reports | 16 MiB»: each item counts."""
    item = {"name": "n", "payload": ""}
    item["payload"] = "x" * (1_000_000 - len(json.dumps(item)))
    assert len(json.dumps(item)) == 1_000_000
    made = create(emit, space, json.dumps([item] * 16), 201).json()
    assert len(made) == 16 and made[15]["payload"] == item["payload"]


def test_an_item_over_its_size(emit, space):
    """«An array item over its size: 413 with the item's path.»"""
    item = {"name": "n", "payload": ""}
    item["payload"] = "x" * (1_000_001 - len(json.dumps(item)))
    found = problem(create(emit, space, [{"name": "a"}, item]), 413, "payload_too_large")
    assert [error["path"] for error in found["errors"]] == ["/1"]
    assert jobs_of(emit, space) == []


def test_an_array_over_its_size(emit, space):
    """«arrays of jobs or reports | 16 MiB»"""
    item = {"name": "n", "payload": "x" * 990_000}
    problem(create(emit, space, [item] * 17), 413, "payload_too_large")
    assert jobs_of(emit, space) == []


def test_array_order_is_creation_order(emit, space):
    """«creation (= `seq` of `created`; in an array its order)»: lists show the newest first, polls the oldest."""
    made = create(emit, space, [{"name": "n"}] * 50, 201).json()
    assert ids(jobs_of(emit, space)) == ids(made)[::-1]
    assert ids(emit.poll(space, count=50)) == ids(made)
