"""Every kind of bad input, one command each."""

from __future__ import annotations

from dataclasses import dataclass

STUDY = """\
from typing import Annotated, Any, Literal
import pydantic
import quadrat as qd

study = qd.Study("s")

class HMC(qd.Params):
    name: Literal["hmc"] = "hmc"
    draws: int = 1000

class SGLD(qd.Params):
    name: Literal["sgld"] = "sgld"
    step_size: float = 1e-6

class Seeded(qd.Params):
    seed: int = 0

class Training(Seeded):
    lr: float = pydantic.Field(default=0.1, gt=0)
    size: int = 1
    sampler: Annotated[HMC | SGLD, pydantic.Field(discriminator="name")] = HMC()
    tags: list[int] = []

class Attack(Seeded):
    eps: float = 1.0
    size: int = 1
    kind: Literal["pixel", "clamp"] = "pixel"

@study.task
def train(params: Training) -> dict: ...

@study.task
def attack(params: Attack, train: qd.Done[Training, Any]) -> dict: ...
"""
HEAD = "import quadrat as qd\nfrom typing import Annotated, Any\n"
START = HEAD + 'study = qd.Study("s")\n'


@dataclass(frozen=True)
class Case:
    """A command, and the files of the folder in which it is given."""

    command: tuple[str, ...]
    files: dict[str, str]


def on(config: str, *args: str) -> Case:
    """`quadrat plan study.py` with a configuration."""
    return Case(("plan", "study.py", *args), {"study.py": STUDY, **({"conf/config.yaml": config} if config else {})})


def ask(*args: str) -> Case:
    """`quadrat plan study.py …`."""
    return on("", *args)


def study(text: str, *args: str) -> Case:
    """`quadrat plan study.py` of another study."""
    return Case(("plan", "study.py", *args), {"study.py": text})


CASES = {
    "which study": [
        Case(("plan", "mnist_fgms"), {}),
        Case(("plan", "none.py"), {}),
        Case(("plan", "./folder"), {"folder/other.py": "x = 1\n"}),
        study("x = 1\n"),
        study(HEAD + "one = qd.Study('one')\ntwo = qd.Study('two')\n"),
        study("import nonsense_module\n"),
        study("def f(:\n    pass\n"),
        study("def f():\n    return 1 / 0\n\nf()\n"),
        Case(("plan", "study.py"), {"study.py": "import oops\n", "oops.py": "\nraise ValueError('no')\n"}),
    ],
    "how a study is declared": [
        study(START + "@study.task\ndef a(b: qd.Done[Any, Any]) -> dict: ...\n"
              "@study.task\ndef b(a: qd.Done[Any, Any]) -> dict: ...\n"),
        study(START + "@study.task\ndef train() -> dict: ...\n"
              "@study.task\ndef use(trian: qd.Done[Any, Any]) -> dict: ...\n"),
        study(START + "@study.task\ndef train() -> dict: ...\n@study.task(name='train')\ndef again() -> dict: ...\n"),
        study(START + "@study.task\ndef train(params: Paramz) -> dict: ...\n"),
        study(START + "class R(qd.Result):\n    rows: list[float]\n@study.task\ndef train() -> R: ...\n"),
        study(START + "@study.task\ndef mean(train: qd.Many[Any, Any]) -> dict: ...\n"),
        study(START + "@study.task\ndef train(**more: int) -> dict: ...\n"),
        study(START + "@study.task(cpus=0)\ndef train() -> dict: ...\n"),
        study(START + "@study.task(memory='2 apples')\ndef train() -> dict: ...\n"),
        study(START + "@study.task(retries={'kiled': 1})\ndef train() -> dict: ...\n"),
        study(START + "@study.task(extends='epochs')\ndef train(lr: float = 0.1) -> dict: ...\n"),
        study(START + "class P(qd.Params):\n    lr: float = 'fast'\n"),
        study(START + "@study.task\ndef train(lr: float = 'fast') -> dict: ...\n"),
        study(START + "@study.task\ndef one(lr: float = 0.1) -> dict: ...\n"
              "@study.task\ndef mean(one: Annotated[qd.Many[Any, Any], qd.over('sed')]) -> dict: ...\n"),
        study(START + "@study.task\ndef one(lr: float = 0.1) -> dict: ...\n"
              "@study.task\ndef two(one: qd.Done[Any, Any], x: Annotated[int, qd.follow('lrr')] = 0) -> dict: ...\n"),
        study(START + "@study.task\ndef one(lr: float = 0.1) -> dict: ...\n@study.task\ndef two(kind: int = 0, "
              "one: Annotated[qd.Done[Any, Any] | None, qd.when(lambda p: p.knd)] = None) -> dict: ...\n"),
    ],
    "the space function of a study": [
        study(START + "@study.space\ndef space(n: int):\n    return {}\n@study.task\ndef train() -> dict: ...\n"),
        study(START + "@study.space\ndef space(n: int = 2):\n    return {'trian': qd.grid()}\n"
              "@study.task\ndef train() -> dict: ...\n"),
        study(START + "@study.space\ndef space(n: int = 2):\n    return {'train': qd.grid(lr=[])}\n"
              "@study.task\ndef train(lr: float = 0.1) -> dict: ...\n"),
        study(START + "@study.space\ndef space(n: int = 2):\n    return {'train': qd.grid(lr=['x'])}\n"
              "@study.task\ndef train(lr: float = 0.1) -> dict: ...\n"),
        study(START + "@study.space\ndef space(n: int = 2):\n    return {'train': {}['x']}\n"
              "@study.task\ndef train(lr: float = 0.1) -> dict: ...\n"),
        study(START + "@study.space\ndef space(n: int = 2):\n    return {}\n"
              "@study.task\ndef train() -> dict: ...\n", "n=x"),
    ],
    "names": [
        on("lrr: 1\n"),
        ask("lrr=1"),
        ask("draw=1"),
        ask("size=1"),
        ask("train.seed=1"),
        ask("train=1"),
        ask("zzz=1"),
        on("train: {lrr: 1}\n"),
        on("train: 3\n"),
        on("sampler: {drows: 1}\n"),
        on("lr: 1\ntrain: {lr: 2}\n"),
        ask("--where", "lrr=1"),
        ask("--only", "trian"),
        ask("--to", "trian"),
        ask("--rerun", "outdatd"),
    ],
    "values": [
        on("lr: abc\n"),
        ask("lr=abc"),
        ask("lr=-1"),
        ask("seed=1.5"),
        ask("seed=true"),
        ask("seed='1'"),
        ask("lr=nan"),
        ask("kind=pixle"),
        ask("tags=3"),
        on("tags:\n  - 1\n  - x\n"),
        on("sweep:\n  lr:\n    - 1\n    - x\n"),
        ask("lr=1,x"),
        ask("sampler.name=hcm"),
        ask("step_size=1"),
        on("sweep:\n  sampler:\n    - {name: hmc}\n    - {name: sgld, step_size: x}\n"),
        on("sweep:\n  sampler: [{name: sgld}]\n", "draws=5"),
        on("sampler: {name: sgld, draws: 3}\n"),
        on("sampler: 3\n"),
        on("lr: x\n", "lr=y"),
        on("sweep:\n  - {lr: 1}\n  - {lr: x}\n"),
        study(START + "@study.task\ndef train(lr: float) -> dict: ...\n"),
        study(START + "@study.task\ndef train(file: qd.File) -> dict: ...\n", "file=none.txt"),
    ],
    "axes": [
        on("sweep: {lr: []}\n"),
        on("sweep: {lr: [1, 1]}\n"),
        on("sweep: 3\n"),
        on("sweep: [1, 2]\n"),
        on("sweep: {}\n"),
        on("sweep: {lrr: [1]}\n"),
        on("train:\n  sweep: {lr: [1]}\n"),
        ask("lr=1,1"),
        ask("lr=0.3,0.30000000000000004"),
        ask("seed=range(1,1)"),
        ask("lr=interval(0,1)"),
        on("sweep:\n  - {lr: 1}\n  - {lr: 2}\n", "lr=3"),
        ask("~lr"),
        ask("--where", "lr=7"),
        ask("--where", "lr"),
    ],
    "how it is written": [
        on("a: [1\nb: 2\n"),
        on("lr: 1\nlr: 2\n"),
        on("seed: 0010\n"),
        on("- 1\n"),
        ask("seed=0010"),
        ask("lr"),
        ask("lr="),
        ask("lr=[1"),
        ask("--config", "none.yaml"),
        on("defaults: [_self_, {data: large}]\n"),
        Case(("plan", "study.py", "data=larg"), {"study.py": STUDY, "conf/data/large.yaml": "lr: 1\n"}),
        on("lr: ${nope}\n"),
        on("lr: ${sed}\nseed: 1\n"),
        on("lr: ${seed}\nseed: ${lr}\n"),
        on("lr: ${eps}\n"),
        on("vars: 3\n"),
    ],
    "settings of the library": [
        on("jobs: x\n"),
        on("executor: slrum\n"),
        on("resources: {trian: {cpus: 2}}\n"),
        on("resources: {train: {cpu: 2}}\n"),
        on("resources: {train: {cpus: 0}}\n"),
    ],
}  # fmt: skip
