"""`quadrat new`: a study that runs at once, to be changed into your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def new(
    name: Annotated[str, typer.Argument(help="What the study is called; the folder is made here.")],
    folder: Annotated[Path, typer.Option("--in", metavar="DIR", help="Where.")] = Path(),
    source: Annotated[str, typer.Option("--from", metavar="STUDY", help="The study that is copied.")] = "mnist_fgsm",
) -> None:
    """Make a new study: a copy of one that works, to be changed into your own.

    Examples:
      quadrat new noise_study

      quadrat run noise_study/
    """
    from quadrat.templating import make_study

    made = make_study(name, folder, source)
    print(f"made {made}")
    for file in sorted(made.rglob("*")):
        if file.is_file():
            print(f"  {file.relative_to(made.parent)}")
    print(f"run it: quadrat run {made}/")
