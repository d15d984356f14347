"""Names of files: arguments are read as they are written, and a name says what makes the file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrat import BadInput
from quadrat_studies.dynvision import naming

KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,11}", fullmatch=True)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20).filter(lambda text: "\x00" not in text and text.isprintable()),
    st.sampled_from(["0001", "1e-4", "true", "'", "a_b", "a+b=c:d/e", "*", "%41", "ü", "-", "~"]),
)
ARGS = st.dictionaries(KEYS, VALUES, max_size=5)


@given(ARGS)
def test_arguments_are_read_as_they_are_written(args: dict[str, naming.Scalar]) -> None:
    text = naming.format_args(args)
    found = naming.parse_args(text)
    assert found == args
    assert {key: type(value) for key, value in found.items()} == {key: type(value) for key, value in args.items()}
    assert not set(text) & set("/_ *")


@given(ARGS)
def test_what_is_read_is_written_the_same_way(args: dict[str, naming.Scalar]) -> None:
    text = naming.format_args(args)
    assert naming.format_args(naming.parse_args(text)) == text


@given(
    model=st.sampled_from(["DyRCNNx4", "AlexNet", "ResNet18"]),
    args=ARGS,
    seed=st.integers(0, 99999),
    data=st.sampled_from(["digits", "cifar10"]),
    status=st.sampled_from(["init", "trained", "trained-best", "trained-epoch=12"]),
    test=st.none() | st.tuples(st.sampled_from(["StimulusDuration", "Standard"]), ARGS, st.sampled_from(["all", "x2"])),
)
def test_a_name_says_what_it_asks_for(
    model: str,
    args: dict[str, naming.Scalar],
    seed: int,
    data: str,
    status: str,
    test: tuple[str, dict[str, naming.Scalar], str] | None,
) -> None:
    text = naming.format_args(args)
    stem = f"{model}{text}_{seed:04d}_{data}_{status}"
    if test is None:
        asked = naming.parse_name(f"models/{model}/{stem}.pt")
        assert asked == naming.Asked(model, text, seed, data, status)
        return
    loader, loader_args, group = test
    shown = naming.format_args(loader_args)
    for name in (
        f"models/{model}/{stem}_{loader}{shown}_{group}_test_responses.pt",
        f"reports/{model}/{stem}_{loader}{shown}_{group}_test_outputs.csv",
    ):
        assert naming.parse_name(name) == naming.Asked(model, text, seed, data, status, loader, shown, group)


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("", {}),
        (":rctype=full+tsteps=20", {"rctype": "full", "tsteps": 20}),
        (":tsteps=20+rctype:full", {"tsteps": 20, "rctype": "full"}),
        (":lr=1e-4+pattern=1011+skip=False", {"lr": 1e-4, "pattern": 1011, "skip": False}),
    ],
)
def test_both_spellings_of_arguments_are_read(text: str, args: dict[str, naming.Scalar]) -> None:
    assert naming.parse_args(text) == args


@pytest.mark.parametrize("text", [":rctype", ":rctype=", ":=full", ":a=1+a=2", ":a=1++b=2"])
def test_a_text_that_is_no_arguments_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        naming.parse_args(text)


@pytest.mark.parametrize("path", ["all_experiments", "models/DyRCNNx4.pt", "a_b_c.pt", "models/x_0001_digits_done.pt"])
def test_other_names_ask_for_nothing(path: str) -> None:
    assert naming.parse_name(path) is None


def test_long_arguments_have_a_short_form_in_names() -> None:
    args = {f"argument{number}": "x" * 10 for number in range(20)}
    model, data = (naming.in_name(naming.format_args(args), kind) for kind in ("model", "data"))
    assert model == data == naming.in_name(naming.format_args(args), "model")
    longest = f"DyRCNNx4:{'x' * 95}_99999_tinyimagenet_trained-epoch=300_StimulusRepetition:{'x' * 63}_vehicles"
    name = f"{longest}_test_outputs.csv"
    assert len(name.encode()) < 255


def test_every_combination_of_lists() -> None:
    found = naming.args_product({"rctype": ["full", "self"], "tsteps": 20, "skip": [True, False]})
    assert len(found) == 4
    assert found[0] == {"rctype": "full", "tsteps": 20, "skip": True}
    assert found[1] == {"rctype": "full", "tsteps": 20, "skip": False}


def test_a_group_of_models_has_a_star_for_what_differs() -> None:
    args = {"tsteps": 20, "rctype": "full", "skip": True}
    assert naming.starred(args, "rctype") == ":tsteps=20+rctype=*+skip=true"
    assert naming.starred(args, None) == naming.format_args(args)
