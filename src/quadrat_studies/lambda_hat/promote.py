"""The command `lambda-hat-promote`: copies of the plots that a report shows, out of the runs' folders.

Runs are looked for as `<runs-root>/targets/tgt_*/run_<sampler>_*` with an `analysis.json`, their plots in their
`diagnostics/`. A copy is a file of its own: it can be written and kept when the runs are archived or deleted.
"""

from __future__ import annotations

import argparse
import difflib
import json
import math
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

from quadrat import BadInput

_RUN = re.compile(r"run_(?P<sampler>.+)_[^_]+")
_EXAMPLES = """\
examples:
  lambda-hat-promote gallery --runs-root runs --samplers hmc,sgld,mclmc \\
      --outdir results/sweep_2024_01 --snippet-out results/sweep_2024_01/README.md
  lambda-hat-promote gallery --runs-root runs --samplers hmc --outdir results --plot-name wnv.png --json
  lambda-hat-promote single --runs-root runs --samplers hmc,nuts --outdir figures --plot-name rank.png
  lambda-hat-promote single --runs-root runs --samplers hmc --outdir figures --run tgt_0123456789ab/run_hmc_0a1b
"""


@dataclass(frozen=True)
class _Found:
    """A finished run: its folder, its sampler, and when its analysis was written."""

    folder: Path
    sampler: str
    time: int

    @property
    def name(self) -> str:
        return f"{self.folder.parent.name}/{self.folder.name}"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see {self.prog} --help)\n")


def main(argv: list[str] | None = None) -> int:
    """Run the command line with `argv` (else the process's); returns the exit code.

    0: done. 2: the request cannot be met, told in one line on the standard error stream; nothing was written.
    """
    try:
        asked = _parser().parse_args(argv)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    try:
        promoted = _promote(asked)
    except BadInput as error:
        return _fail(error.message)
    except OSError as error:
        return _fail(f"{error.filename or 'a file'}: {error.strerror or error}")
    if asked.json:
        sys.stdout.write(json.dumps(promoted, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(f"{each['file']}  from {each['run']}\n" for each in promoted)
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    return 2


def _parser() -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    about = "Copy the newest diagnostic plot of each sampler out of the runs, to keep and to show."
    parser = _Parser("lambda-hat-promote", description=about, epilog=_EXAMPLES, formatter_class=layout)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="{gallery,single}", parser_class=_Parser)
    kinds = (
        (
            "gallery",
            "llc_convergence_combined.png",
            "copy a plot of each sampler and write a Markdown page that shows them",
        ),
        ("single", "trace.png", "copy a plot of each sampler"),
    )
    for name, plot, words in kinds:
        verb = verbs.add_parser(name, help=words, description=words, epilog=_EXAMPLES, formatter_class=layout)
        verb.add_argument("--runs-root", type=Path, default=Path("runs"), metavar="DIR", help="store of runs (runs)")
        verb.add_argument("--samplers", required=True, metavar="A,B", help="names of samplers, with commas")
        verb.add_argument(
            "--outdir", type=Path, required=True, metavar="DIR", help="for <sampler>.png; made if need be"
        )
        verb.add_argument("--plot-name", default=plot, metavar="FILE", help=f"which plot ({plot})")
        words = "take the runs whose name begins so, not the newest of all; may be given several times"
        verb.add_argument("--run", action="append", default=[], metavar="TGT/RUN", help=words)
        verb.add_argument("--json", action="store_true", help="tell what was copied as JSON")
        if name == "gallery":
            words = "the Markdown page (README.md in the outdir)"
            verb.add_argument("--snippet-out", type=Path, metavar="FILE", help=words)
    return parser


def _promote(asked: argparse.Namespace) -> list[dict[str, Any]]:
    samplers = list(dict.fromkeys(filter(None, (name.strip() for name in asked.samplers.split(",")))))
    if not samplers:
        raise BadInput("--samplers names no sampler")
    runs = _finished(asked.runs_root)
    chosen = _choose(runs, samplers, asked.run, asked.runs_root)
    plots = [_plot(run, asked.plot_name) for run in chosen]
    told = [_told(run, asked.outdir, plot) for run, plot in zip(chosen, plots, strict=True)]
    for plot, each in zip(plots, told, strict=True):
        _write(Path(each["file"]), plot.read_bytes())
    if asked.verb == "gallery":
        page = asked.snippet_out or asked.outdir / "README.md"
        _write(page, _snippet(told, page).encode())
    return told


def _finished(root: Path) -> list[_Found]:
    """Every run with an analysis, in the order of names."""
    if not (root / "targets").is_dir():
        raise BadInput(f"{root} holds no runs: there is no folder {root / 'targets'}")
    found = []
    for folder in sorted((root / "targets").glob("tgt_*/run_*")):
        name = _RUN.fullmatch(folder.name)
        if name and (folder / "analysis.json").is_file():
            found.append(_Found(folder, name["sampler"], (folder / "analysis.json").stat().st_mtime_ns))
    return found


def _choose(runs: Sequence[_Found], samplers: Sequence[str], wanted: Sequence[str], root: Path) -> list[_Found]:
    """The newest run of each sampler, of those that `wanted` prefixes allow; of equally old ones the last by name."""
    known = sorted({run.sampler for run in runs})
    for sampler in samplers:
        if sampler not in known:
            raise BadInput(f"no finished run of sampler '{sampler}' in {root}{_instead(sampler, known)}")
    for prefix in wanted:
        if not any(run.name.startswith(prefix) for run in runs):
            raise BadInput(f"no finished run is called '{prefix}…'{_instead(prefix, [run.name for run in runs])}")
    chosen = []
    for sampler in samplers:
        mine = [run for run in runs if run.sampler == sampler]
        prefixes = [prefix for prefix in wanted if _concerns(prefix, sampler)]
        fit = [run for run in mine if not prefixes or run.name.startswith(tuple(prefixes))]
        if not fit:
            asked = "', '".join(prefixes)
            raise BadInput(
                f"no finished run of '{sampler}' is called '{asked}…'; there is {_list(r.name for r in mine)}"
            )
        chosen.append(max(fit, key=lambda run: (run.time, run.name)))
    return chosen


def _concerns(prefix: str, sampler: str) -> bool:
    """Whether a run of `sampler` could be meant by `prefix`: one of a target alone means all samplers."""
    run, mine = prefix.partition("/")[2], f"run_{sampler}_"
    return run.startswith(mine) or mine.startswith(run)


def _plot(run: _Found, name: str) -> Path:
    """The plot of a run, which may be named without its suffix."""
    folder = run.folder / "diagnostics"
    known = sorted(file.name for file in folder.iterdir() if file.is_file()) if folder.is_dir() else []
    for each in (name, f"{name}.png"):
        if each in known:
            return folder / each
    raise BadInput(f"{run.name} has no plot '{name}'{_instead(name, known)}")


def _instead(name: str, known: Sequence[str]) -> str:
    if not known:
        return "; there is none at all"
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f": did you mean '{near[0]}'?" if near else ""
    return f"{hint or ';'} there is {_list(known)}"


def _list(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:12]) + (f" and {len(every) - 12} more" if len(every) > 12 else "")


def _told(run: _Found, outdir: Path, plot: Path) -> dict[str, Any]:
    """What is said of a promoted run."""
    try:
        analysis = json.loads((run.folder / "analysis.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"{run.folder / 'analysis.json'} is no JSON: {error}") from error
    if not isinstance(analysis, dict):
        raise BadInput(f"{run.folder / 'analysis.json'} is no mapping")
    numbers = ("llc_mean", "llc_sem", "r_hat", "ess", "divergences", "converged")
    names = {"sampler": run.sampler, "run": run.name, "plot": plot.name}
    file = outdir / f"{run.sampler}{plot.suffix}"
    return names | {"file": file.as_posix()} | {name: analysis.get(name) for name in numbers}


def _snippet(told: Sequence[dict[str, Any]], page: Path) -> str:
    """A Markdown page with the plots, whose links hold from where `page` is."""
    parts = [f"# {told[0]['plot']} by sampler\n"]
    for each in told:
        link = quote(Path(os.path.relpath(each["file"], page.parent)).as_posix())
        numbers = f"λ̂ = {_number(each['llc_mean'])} ± {_number(each['llc_sem'])} (standard error)"
        numbers += f", r̂ {_number(each['r_hat'])}, ESS {_number(each['ess'])}"
        if each["converged"] is False:
            numbers += ", **not converged**"
        parts.append(f"## {each['sampler']}\n\n`{each['run']}`: {numbers}\n\n![{each['sampler']}]({link})\n")
    return "\n".join(parts)


def _number(value: Any) -> str:
    known = isinstance(value, int | float) and math.isfinite(value)
    return f"{value:.4g}" if known else "unknown"


def _write(path: Path, content: bytes) -> None:
    """Put a new file in the place of `path`: what was there, perhaps a link to a run's own file, is not written to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(dir=path.parent, prefix=".promote-"))
    try:
        (staged / path.name).write_bytes(content)
        (staged / path.name).replace(path)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
