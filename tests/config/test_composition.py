"""Composition: groups by Hydra, scalars by our reader, files on top, and where a key was set."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from quadrat.config import compose, is_group, merge
from quadrat.core.errors import ConfigError

FILES = {
    "config.yaml": (
        "defaults:\n  - data: rgb\n  - _self_\nlr: 1e-6\nat: 1:30\nyes: on\nnest:\n  a: ${..lr}\n  b: ${.a}\n"
    ),
    "plain.yaml": "a: {b: 1, c: [1, 2]}\nd: ${a.b}\n",
    "data/rgb.yaml": "name: rgb\nstep: 2e-7\nlr: ${lr}\n",
    "data/grey.yaml": "name: grey\nsteps:\n  - ${..name}\n",
    "top/one.yaml": "# @package _global_\nlr: 5.0\n",
    "other/two.yaml": "# @package placed.here\nk: 1\n",
    "deep/inner/x.yaml": "k: 1\n",
    "bad/zero.yaml": "ok: 1\nn: 0010\n",
    "bad/open.yaml": "n: [1\n",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return write(tmp_path / "conf", FILES)


def test_composes_in_any_folder(hostile_path: Path) -> None:
    values = compose(write(hostile_path, FILES), "config", ["data=grey"]).values
    assert values["data"] == {"name": "grey", "steps": ["${data.name}"]}
    assert (values["lr"], values["at"], values["yes"]) == (1e-6, "1:30", "on")


def test_references_stay_and_become_absolute(conf: Path) -> None:
    values = compose(conf, "config").values
    assert values["nest"] == {"a": "${lr}", "b": "${nest.a}"}
    assert values["data"] == {"name": "rgb", "step": 2e-7, "lr": "${lr}"}


def test_a_reference_above_the_top_is_left_as_it_was_written(tmp_path: Path) -> None:
    file = write(tmp_path, {"f.yaml": "a: {b: {c: '${.....x}'}}\n"}) / "f.yaml"
    assert compose(None, None, (), [file]).values == {"a": {"b": {"c": "${.....x}"}}}


def test_without_defaults_hydra_is_not_asked(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import quadrat.config.hydra_source

    monkeypatch.delattr(quadrat.config.hydra_source, "hydra_compose")
    assert compose(conf, "plain").values == {"a": {"b": 1, "c": [1, 2]}, "d": "${a.b}"}


def test_hydra_is_left_as_it_was(conf: Path) -> None:
    from hydra.core.global_hydra import GlobalHydra

    for name, groups in [("config", []), ("config", ["+bad=zero"])]:
        with contextlib.suppress(ConfigError):
            compose(conf, name, groups)
        assert not GlobalHydra.instance().is_initialized()


def test_files_on_top(conf: Path, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "one.yaml": "a: {b: 5}\n",
            "two.yml": "a: {c: [3]}\n",
            "own name,=.yaml": "defaults: [data: grey, _self_]\nq: 1\n",
        },
    )
    files = [tmp_path / name for name in ("one.yaml", "two.yml", "own name,=.yaml")]
    assert compose(conf, "plain", (), files).values == {
        "a": {"b": 5, "c": [3]},
        "d": "${a.b}",
        "data": {"name": "grey", "steps": ["${data.name}"]},
        "q": 1,
    }


def test_a_defaults_list_in_a_file_of_another_ending_is_not_lost(conf: Path, tmp_path: Path) -> None:
    file = write(tmp_path, {"own.yml": "defaults: [data: grey]\nq: 1\n"}) / "own.yml"
    with pytest.raises(ConfigError, match=r"own\.yml: a file with a defaults list ends in \.yaml"):
        compose(conf, "plain", (), [file])


def test_origins(conf: Path, tmp_path: Path) -> None:
    file = write(tmp_path, {"top.yaml": "\nnest: {a: 3}\n"}) / "top.yaml"
    found = compose(conf, "config", ["data=grey", "+other=two", "+deep/inner=x"], [file])
    assert found.origin(("lr",)) == f"{conf / 'config.yaml'}:4"
    assert found.origin(("data", "steps")) == f"{conf / 'data' / 'grey.yaml'}:2"
    assert found.origin(("placed", "here", "k")) == f"{conf / 'other' / 'two.yaml'}:2"
    assert found.origin(("deep", "inner", "k")) == f"{conf / 'deep' / 'inner' / 'x.yaml'}:1"
    assert found.origin(("nest", "a")) == f"{file}:2"
    assert found.origin(("nest", "b")) == f"{conf / 'config.yaml'}:9"
    assert found.origin(("nothing",)) is None


def test_origin_of_a_key_that_a_global_option_set(conf: Path) -> None:
    found = compose(conf, "config", ["+top=one"])
    assert found.values["lr"] == 5.0
    assert found.origin(("lr",)) == f"{conf / 'top' / 'one.yaml'}:2"


@pytest.mark.parametrize(
    ("name", "groups", "message"),
    [
        (
            "config",
            ["data=gray"],
            r"command line: data=gray: group 'data' has no option 'gray'\n  did you mean 'grey'\?",
        ),
        ("config", ["dat=grey"], r"command line: dat=grey: there is no group 'dat'\n  did you mean 'data'\?"),
        ("confg", [], r"there is no file '.*confg\.yaml'\n  did you mean '.*config\.yaml'\?"),
        ("config", ["+bad=zero"], r".*/bad/zero\.yaml:2: '0010' has leading zeros\n"),
        ("config", ["+bad=open"], r".*/bad/open\.yaml:2:1: this is no YAML: "),
    ],
)
def test_errors_name_the_place_and_the_nearest(conf: Path, name: str, groups: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(conf, name, groups)
    assert re.match(message, str(caught.value)), str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "defaults: {a: 1}\n",
        "defaults: 3\n",
        "defaults: [data: 3]\n",
        "defaults: [{data: rgb, x: y}]\n",
        "defaults: [nothing]\n",
        "defaults: [data: gray]\n",
        "defaults: [wrong, _self_]\n",
        "# @package a b\ndefaults: [_self_]\n",
    ],
)
def test_wrong_defaults_lists_are_plain_errors(conf: Path, text: str) -> None:
    write(conf, {"wrong.yaml": text})
    with pytest.raises(ConfigError):
        compose(conf, "wrong")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("data", True),
        ("deep/inner", True),
        ("config", False),
        ("nope", False),
        ("", False),
        ("../conf", False),
        ("/", False),
    ],
)
def test_groups_are_folders(conf: Path, key: str, expected: bool) -> None:
    assert is_group(conf, key) is expected


def test_merging_replaces_lists() -> None:
    assert merge({"a": [1], "b": {"c": 1}}, {"a": [2], "b": {"d": 2}}) == {"a": [2], "b": {"c": 1, "d": 2}}


def test_an_experiment_of_wwdc(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "experiment/F/train.yaml": "# @package _global_\n\ndefaults:\n- /data/rgb\n- model\n- _self_\n"
            "paths: {v: '${oc.env:DATA_ROOT}/x'}\n",
            "experiment/F/model.yaml": "model_checkpoint: {monitor: val_loss}\n"
            "trainer:\n  callbacks:\n  - ${...model_checkpoint}\n",
            "data/rgb.yaml": "n: 3\n",
        },
    )
    found = compose(tmp_path, "experiment/F/train")
    assert found.values == {
        "data": {"n": 3},
        "model_checkpoint": {"monitor": "val_loss"},
        "paths": {"v": "${oc.env:DATA_ROOT}/x"},
        "trainer": {"callbacks": ["${model_checkpoint}"]},
    }
    assert found.origin(("trainer", "callbacks")) == f"{tmp_path / 'experiment/F/model.yaml'}:3"


def test_an_experiment_list_of_lambda_hat(tmp_path: Path) -> None:
    text = """\
targets:
  - { model: small, teacher: _null, seed: 42 }
samplers:
  - { name: sgld, overrides: { step_size: 1e-6 } }
"""
    file = write(tmp_path, {"experiments.yaml": text}) / "experiments.yaml"
    values = compose(None, None, (), [file]).values
    assert values["samplers"] == [{"name": "sgld", "overrides": {"step_size": 1e-6}}]
