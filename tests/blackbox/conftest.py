"""Fixtures: a server shared by the tests that leave it as it was, a space of its own for each test."""

import pytest

import harness


@pytest.fixture(scope="session")
def emit():
    with harness.server() as one:
        yield one


@pytest.fixture
def space(emit):
    """The id of a fresh space."""
    return emit.space()["id"]
