"""The worked examples in the docstrings of every transform, run."""

import doctest
import importlib
import pkgutil

import pytest
from pyspark.sql import SparkSession

import batch.transforms

MODULES = [found.name for found in pkgutil.iter_modules(batch.transforms.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_worked_examples_hold(name: str, spark: SparkSession) -> None:
    module = importlib.import_module(f"batch.transforms.{name}")
    outcome = doctest.testmod(module, extraglobs={"spark": spark})
    assert outcome.attempted > 0
    assert outcome.failed == 0
