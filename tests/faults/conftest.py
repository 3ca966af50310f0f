"""The fault tests use the black-box tests' harness."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "blackbox"))
