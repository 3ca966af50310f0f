"""The fault tests use the black-box tests' harness."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "blackbox"))

import harness  # noqa: E402 (found only now)


@pytest.fixture
def emit():
    with harness.server() as one:
        yield one
