"""The seven figures of a run: there for every kind of trace, with the statistics that they claim."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from quadrat import BadInput
from studies.lambda_hat.made import SECONDS, chains, write_trace

from quadrat_studies.lambda_hat import estimates, style  # isort: skip - after `made`, which skips without ArviZ
from quadrat_studies.lambda_hat.arviz_quietly import import_arviz  # isort: skip
from quadrat_studies.lambda_hat.diagnostics import draw  # isort: skip

NAMES = ["trace", "rank", "energy", "acf", "running_llc", "llc_convergence_combined", "wnv"]


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """The figures that are written, by name, to be looked at as objects."""
    seen: dict[str, Figure] = {}
    write = style.write

    def keep(figure: Figure, stem: Path, *args: Any, **options: Any) -> list[Path]:
        seen[stem.name] = figure
        return write(figure, stem, *args, **options)

    monkeypatch.setattr(style, "write", keep)
    return seen


def words(figure: Figure) -> list[str]:
    """The texts of the legends."""
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


def test_seven_figures_with_labels(tmp_path: Path, figures: dict[str, Figure]) -> None:
    settings = dict(mpl.rcParams)
    paths = draw(write_trace(tmp_path / "trace.nc", chains(), diverging=9), tmp_path / "diagnostics")
    assert {name: path.relative_to(tmp_path).as_posix() for name, path in paths.items()} == {
        name: f"diagnostics/{name}.png" for name in NAMES
    }
    assert dict(mpl.rcParams) == settings
    for name, path in paths.items():
        picture = imread(path)
        assert picture.shape[1] == 1050, name  # 7 inches at 150 dots
        assert (picture[..., :3].min(axis=2) < 0.9).mean() > 0.01, f"{name} is blank"
        for axes in figures[name].axes:
            assert axes.get_xlabel(), name
        assert "9 divergences" in figures[name].get_suptitle()
    labels = [axes.get_ylabel() for name in NAMES for axes in figures[name].axes]
    assert "MCSE² × FGE (FGE)" in labels
    assert "MCSE² × time (s)" in labels
    assert "density (1/nat)" in labels


def test_the_numbers_in_the_legends_are_those_of_arviz(tmp_path: Path, figures: dict[str, Figure]) -> None:
    llc = chains()
    file = write_trace(tmp_path / "trace.nc", llc, diverging=9)
    draw(file, tmp_path)
    az, energy = import_arviz(), estimates.read(file).energy
    assert "divergence (9)" in words(figures["trace"])
    for chain in range(4):
        assert f"chain {chain + 1}: BFMI {az.bfmi(energy)[chain]:.2f}" in words(figures["energy"])
        assert f"chain {chain + 1}: ESS {az.ess(llc[[chain]], method='mean'):.0f}" in words(figures["acf"])
    pooled = f"all chains: {llc.mean():.2f} ± {1.959964 * az.mcse(llc):.2f}"
    assert pooled in words(figures["running_llc"])
    assert pooled in words(figures["llc_convergence_combined"])


def test_chains_differ_in_more_than_colour(tmp_path: Path, figures: dict[str, Figure]) -> None:
    draw(write_trace(tmp_path / "trace.nc", chains(12)), tmp_path)
    for name in ("trace", "acf", "running_llc"):
        lines = [line for line in figures[name].axes[0].lines if str(line.get_label()).startswith("chain ")]
        assert len(lines) == 12
        assert len({line.get_marker() for line in lines}) >= 10
        assert len({(line.get_color(), line.get_marker(), str(line.get_linestyle())) for line in lines}) == 12


def with_nan() -> Any:
    llc = chains()
    llc[1, 50:] = np.nan
    return llc


def with_infinity() -> Any:
    llc = chains()
    llc[2, 10:] = np.inf
    return llc


@pytest.mark.parametrize(
    ("llc", "options"),
    [
        pytest.param(chains(1), {}, id="one chain"),
        pytest.param(np.full((4, 100), 3.0), {}, id="constant"),
        pytest.param(np.full((1, 100), 3.0), {"energy": np.full((1, 100), 1.0)}, id="constant energy"),
        pytest.param(chains(4, 4), {"diverging": 1}, id="four draws"),
        pytest.param(chains(4, 3), {}, id="three draws"),
        pytest.param(chains(1, 1), {}, id="one draw"),
        pytest.param(chains(1, rho=0), {"sampler": "vi"}, id="vi"),
        pytest.param(chains(1, rho=0), {"sampler": "vi", "fge": np.zeros((1, 200))}, id="vi without gradients"),
        pytest.param(chains(16), {"diverging": 500}, id="many chains and divergences"),
        pytest.param(with_nan(), {"diverging": 3}, id="nan"),
        pytest.param(with_infinity(), {}, id="infinity"),
        pytest.param(chains(mean=1.6e14), {"energy": None}, id="huge, no energy"),
    ],
)
def test_every_kind_of_trace_is_drawn(tmp_path: Path, llc: Any, options: dict[str, Any]) -> None:
    paths = draw(write_trace(tmp_path / "trace.nc", llc, **options), tmp_path)
    assert list(paths) == NAMES
    for path in paths.values():
        assert imread(path)[..., :3].min() < 0.6


def test_a_variational_fit_shows_its_bound(tmp_path: Path, figures: dict[str, Figure]) -> None:
    draw(write_trace(tmp_path / "trace.nc", chains(1, rho=0), sampler="vi"), tmp_path)
    left, right = figures["llc_convergence_combined"].axes
    assert left.get_ylabel() == "ELBO (nats)"
    assert left.get_ylim()[0] > -1000  # the first steps, at -1e5, do not press the rest flat
    assert right.get_ylabel() == style.LLC


def test_the_same_trace_gives_the_same_files(tmp_path: Path) -> None:
    file = write_trace(tmp_path / "trace.nc", chains(2, 50))
    first, again = draw(file, tmp_path / "one"), draw(file, tmp_path / "two")
    for name in NAMES:
        assert first[name].read_bytes() == again[name].read_bytes()


def test_running_estimates_end_with_those_of_the_whole(tmp_path: Path) -> None:
    llc = chains()
    trace = estimates.read(write_trace(tmp_path / "trace.nc", llc, diverging=5))
    assert (trace.sampler, trace.chains, trace.draws, trace.diverging.sum()) == ("hmc", 4, 200, 5)
    along = estimates.running(trace)
    assert along.draws[-1] == 200
    assert np.all(np.diff(along.draws) > 0)
    assert along.mean[-1] == pytest.approx(llc.mean())
    assert along.mean[0] == pytest.approx(llc[:, : along.draws[0]].mean())
    assert along.mcse[-1] == pytest.approx(import_arviz().mcse(llc))
    assert along.fge[-1] == 4 * 200 * 10
    assert along.seconds[-1] == pytest.approx(SECONDS)
    assert along.seconds == pytest.approx(SECONDS * along.fge / along.fge[-1])


@pytest.mark.parametrize(
    ("value", "half", "text"),
    [
        (7.48123, 0.0912, "7.481 ± 0.091"),
        (7.48123, 1.96, "7.5 ± 2.0"),
        (123.4, 45.6, "123 ± 46"),
        (7.48123, 0.0996, "7.48 ± 0.10"),
        (1.6e14, 1e13, "1.6e+14 ± 1e+13"),
        (7.5, 0.0, "7.5 ± 0"),
        (7.48123, None, "7.481"),
        (float("nan"), 1.0, "unknown"),
    ],
)
def test_a_value_has_the_digits_of_its_error(value: float, half: float | None, text: str) -> None:
    assert estimates.with_error(value, half) == text


def test_a_bad_trace_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.nc").write_text("no netCDF")
    with pytest.raises(BadInput, match=r"text\.nc: cannot be read as a trace"):
        draw(tmp_path / "text.nc", tmp_path)
    with pytest.raises(BadInput, match="cannot be read as a trace"):
        draw(tmp_path / "missing.nc", tmp_path)
    with pytest.raises(BadInput, match=r"lacks something: .*fge"):
        draw(write_trace(tmp_path / "trace.nc", chains(), fge=None), tmp_path)
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.parametrize("cache", ["a new folder", "no folder"])
def test_arviz_is_imported_without_its_notice(tmp_path: Path, cache: str) -> None:
    (tmp_path / "file").touch()
    place = tmp_path / "cache" if cache == "a new folder" else tmp_path / "file" / "below"
    code = "import os; from quadrat_studies.lambda_hat.arviz_quietly import import_arviz as i; i().ess; i()"
    code += "; print(os.environ['XDG_CACHE_HOME'])"
    done = subprocess.run(
        [sys.executable, "-W", "error::FutureWarning", "-c", code],
        env=os.environ | {"XDG_CACHE_HOME": str(place), "MPLCONFIGDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{place}\n")
