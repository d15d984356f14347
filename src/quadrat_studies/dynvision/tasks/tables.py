"""Tables: of a test, of an experiment."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

import quadrat as qd

from ..analysis.process import Factors, aggregate, classifier_means, process_test
from ..loaders import ALIASES
from ..params import Aggregating
from ..runtime.responses import read_responses

Result = dict[str, Any]


def process(test: qd.Done[Any, Any], run: qd.Run) -> Result:
    """Put answers and responses of a test into one table; of the classifier, its means for each class."""
    outputs = pl.read_csv(test.result.outputs)
    responses, about = read_responses(test.result.responses)
    is_unit = about["resolution"] == "unit"
    table = process_test(outputs, responses, about["start"], spread=is_unit)
    files = {"table": run.file("test_data.parquet"), "classifier": run.file("classifier.parquet")}
    table.write_parquet(files["table"])
    means = classifier_means(outputs, responses["classifier"])
    means.write_parquet(files["classifier"], metadata={"classes": json.dumps(about["classes"])})
    return {**files, "rows": len(table)}


def gather(params: Aggregating, tests: qd.Many[Any, Any], run: qd.Run) -> Result:
    """Put the tables of the tests of an experiment into one; take the classifier's means of the one in the middle."""
    experiment = str(tests.group["experiment"])
    factors = [factors_of(one.chain, experiment, params) for one in tests]
    table = aggregate((one, pl.read_parquet(done.result.table)) for one, done in zip(factors, tests, strict=True))
    files = {"table": run.file("test_data.parquet"), "csv": run.file("test_data.csv")}
    table.write_parquet(files["table"])
    table.write_csv(files["csv"], float_precision=6)
    middle = sorted(range(len(factors)), key=lambda place: _rank(factors[place]))[(len(factors) - 1) // 2]
    classifier = run.file("classifier.parquet")
    shutil.copyfile(tests[middle].result.classifier, classifier)
    return {**files, "classifier": classifier, "rows": len(table), "tests": len(tests)}


def _rank(factors: Factors) -> tuple[bool, float, str]:
    value = factors.parameter_value
    is_number = isinstance(value, int | float)
    return not is_number, float(value) if isinstance(value, int | float) else 0.0, str(value)


def factors_of(chain: Mapping[str, Any], experiment: str, params: Aggregating) -> Factors:
    """What tells a test from others, from the parameters of everything that it was made from."""
    model, status = chain["init.model"], chain["test.status"]
    epoch = int(status.partition("=")[2]) if "=" in status else chain.get("train.epochs")
    parameter = ALIASES.get(params.parameter, params.parameter)
    tested = {name.removeprefix("test."): value for name, value in chain.items() if name.startswith("test.")}
    trained = {name.removeprefix("train."): value for name, value in chain.items() if name.startswith("train.")}
    value = epoch if parameter == "epoch" else _value(parameter, (chain["test.loader"], tested, model, trained))
    category = params.category_name
    return Factors(
        experiment=experiment,
        model_name=model["name"],
        seed=chain["init.seed"],
        status="trained-epoch=*" if parameter == "epoch" else status,
        dt=model["dt"],
        parameter=params.parameter,
        parameter_value=value,
        category=category,
        category_value=_value(category, (model, trained)) if category else "",
        epoch=epoch,
    )


def _value(name: str, places: Iterable[Mapping[str, Any]]) -> Any:
    """The value of an argument, in the first place that has one."""
    return next((place[name] for place in places if place.get(name) is not None), None)
