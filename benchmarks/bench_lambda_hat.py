"""Local learning coefficients from nothing, eight runs in one batch against eight processes, and on an accelerator.

    python benchmarks/bench_lambda_hat.py [--only sweep|batch|steps|device] [--out FILE]

The target is the preset `small` with 100 examples: p = 45, 4 chains, float64 but for SGLD and VI. What the system that
the study replaces took for such a target on two cores is quoted beside, not measured here. All caches and stores are in
a temporary folder.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from measuring import Bench, NotMeasuredError, clean_environment, machine

PACKAGES = ("quadrat", "jax", "blackjax", "optax", "arviz", "snakemake")
LIMIT = 600.0
RUNS = 8
AT_A_TIME = 2
CHAINS, DRAWS = 4, 1000
SAMPLERS = ("hmc", "sgld", "mclmc", "vi")
QUOTED = {"sweep": "92", "nothing": "12", "hmc": "14", "sgld": "18", "start": "5 to 9"}
ASKED_SWEEP, ASKED_RATIO = 23.0, 20.0
NOTES = [
    "a fresh process for every row; seconds of wall clock, best of the times said",
    "empty: no compiled code is kept from before; warm: that of the same command is (the store is empty again)",
    "a call for one run computes as many lanes as one for four: its numbers must not depend on what runs beside it",
    "quoted: seconds measured earlier on the system that this study replaces, on two cores; not measured here",
]


def main() -> None:
    """Measure, and print the table; exit code 1 where something could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["sweep", "batch", "steps", "device"], help="this part")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(CHILDREN[given.child[0]](*given.child[1:])))
        return
    before = time.monotonic()
    lines = ["$ python benchmarks/bench_lambda_hat.py" + (f" --only {given.only}" if given.only else "")]
    lines += [machine({})[0], ", ".join(f"{name} {version(name)}" for name in PACKAGES), *NOTES]
    told(lines)
    folder = Path(tempfile.mkdtemp(prefix="quadrat-bench-")).resolve()
    failed = False
    try:
        bench = Bench(folder, clean_environment(), time.monotonic() + LIMIT)
        for name, part in PARTS.items():
            if given.only in (None, name):
                for line in part(bench):
                    lines += told([line])
    except NotMeasuredError as error:
        failed = True
        lines += told([f"FAILED: {error}"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    load = f"load average {os.getloadavg()[0]:.1f} after"
    lines += told(["", f"measured in {time.monotonic() - before:.0f} s, {load}"])
    if given.out:
        given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.exit(failed)


def told(lines: list[str]) -> list[str]:
    """The lines, printed."""
    print("\n".join(lines), flush=True)
    return lines


def version(name: str) -> str:
    """Of an installed package."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)
    return "not installed"


# ── (a) from nothing


def sweep(bench: Bench) -> Iterator[str]:
    """The sweep of one target and four samplers, and each sampler on a target that is there."""
    yield ""
    yield f"{'from nothing, `quadrat run lambda_hat`':<66} {'best of':>7} {'empty':>8} {'warm':>8} {'quoted':>8}"
    full = from_nothing(bench, "full", SAMPLERS, 3)
    yield row("1 target x 4 samplers, 28 figures, page (10 runs)", 3, *full, QUOTED["sweep"])
    yield row("1 target x 4 samplers, estimates only (5 runs)", 2, *from_nothing(bench, "to", SAMPLERS, 2, "sample"))
    kept = bench.folder / "full-store"
    nothing = min(run(bench, "full", SAMPLERS, kept) for _ in range(3))
    yield f"{'the same again, nothing to run':<66} {3:>7} {'':>8} {nothing:>8.1f} {QUOTED['nothing']:>8}"
    yield row("the target alone", 2, *from_nothing(bench, "target", SAMPLERS, 2, "target"))
    for name in SAMPLERS:
        found = from_nothing(bench, name, [name], 2, "sample", start=made_target(bench))
        yield row(f"{name} alone, the target is there", 2, *found, QUOTED.get(name, ""))
    yield f"asked: {ASKED_SWEEP:g} s at most for 1 target x 4 samplers: {verdict(full[0] <= ASKED_SWEEP)}"


def row(name: str, repeats: int, empty: float, warm: float, quoted: str = "") -> str:
    """A line of the table."""
    return f"{name:<66} {repeats:>7} {empty:>8.1f} {warm:>8.1f} {quoted:>8}".rstrip()


def verdict(holds: bool) -> str:
    """Whether something asked for holds."""
    return "ok" if holds else "MISSED"


def from_nothing(
    bench: Bench, key: str, samplers: Iterable[str], repeats: int, to: str = "", start: Path | None = None
) -> tuple[float, float]:
    """Seconds with nothing compiled, and with everything; the store holds nothing, or what `start` holds."""
    store, cache = bench.folder / f"{key}-store", bench.folder / f"{key}-cache"
    empty, warm = [], []
    for _ in range(repeats):
        shutil.rmtree(cache, ignore_errors=True)
        for found in (empty, warm):
            shutil.rmtree(store, ignore_errors=True)
            if start:
                shutil.copytree(start, store, symlinks=True)
            found.append(run(bench, key, list(samplers), store, to, cache))
    return min(empty), min(warm)


def run(
    bench: Bench,
    key: str,
    samplers: Iterable[str | dict[str, Any]],
    store: Path,
    to: str = "",
    cache: Path | None = None,
) -> float:
    """Seconds of one `quadrat run`."""
    file = bench.folder / f"{key}.yaml"
    file.write_text(json.dumps(experiments(samplers)), encoding="utf-8")
    bench.environment["JAX_COMPILATION_CACHE_DIR"] = str(cache or bench.folder / f"{key}-cache")
    return bench.quadrat("run", "lambda_hat", "--config", file, "--store", store, *(["--to", to] if to else []))


def experiments(samplers: Iterable[str | dict[str, Any]]) -> dict[str, Any]:
    """An experiment file."""
    entries = [one if isinstance(one, dict) else {"name": one} for one in samplers]
    return {"targets": [{"model": "small", "data": {"n_data": 100}, "seed": 42}], "samplers": entries}


def made_target(bench: Bench) -> Path:
    """A store that holds the target and nothing else."""
    store = bench.folder / "made-store"
    if not store.exists():
        run(bench, "made", SAMPLERS, store, "target")
    return store


# ── (b) eight runs


def batch(bench: Bench) -> Iterator[str]:
    """Eight runs of HMC that differ in seed and step size: in one batch, one by one, and each in a process."""
    files = [str(next((made_target(bench) / "targets").glob(f"*/{name}.safetensors"))) for name in ("params", "data")]
    cache = bench.folder / "batch-cache"
    own = child(bench, cache, "warm", *files)
    draws = RUNS * CHAINS * DRAWS
    separate = {"a compile cache of its own, empty": [], "one compile cache, warm": []}
    starts: dict[str, list[dict[str, float]]] = {name: [] for name in separate}
    for number in range(2):
        for place, (name, found) in enumerate(separate.items()):
            caches = [bench.folder / f"own-{number}-{each}" if place == 0 else cache for each in range(RUNS)]
            seconds, parts = processes(bench, caches, files)
            found.append(seconds)
            starts[name] += parts
    best = {name: min(found) for name, found in separate.items()}
    yield ""
    title = f"{RUNS} runs of HMC, {CHAINS} x {DRAWS} draws each after 500 of warm-up"
    yield f"{title:<66} {'best of':>7} {'seconds':>8} {'draws/s':>8}"
    yield line("side by side, two calls of four runs, in a warm process", 5, own["fused"], draws)
    yield line("  the two calls at the same time, one on each core", 5, own["two"], draws)
    yield line("one by one in a warm process", 3, own["single"], draws)
    for name, seconds in best.items():
        yield line(f"{RUNS} processes, {AT_A_TIME} at a time, {name}", 2, seconds, draws)
    entry = {"name": "hmc", "overrides": {"seed": list(range(RUNS))}}
    whole = from_nothing(bench, "eight", [entry], 2, "sample", start=made_target(bench))
    for name, seconds in zip(("empty", "warm"), whole, strict=True):
        yield line(f"one `quadrat run --to sample`, compile cache {name}", 2, seconds, draws)
    for name, parts in starts.items():
        told_parts = ", ".join(f"{part} {min(one[part] for one in parts):.1f}" for part in parts[0])
        yield f"  a process, {name}: {told_parts} s" + (f" ({QUOTED['start']} quoted)" if "own" in name else "")
    same = "the same bits" if own["same"] else "OTHER BITS"
    yield f"  alone and in a batch the runs have {same}; first call of the batch, with compiling: {own['first']:.1f} s"
    for name, seconds in best.items():
        on_both, on_one = seconds / own["two"], seconds / own["fused"]
        yield f"  throughput of a batch to {RUNS} processes, {name}: {on_both:.1f} x, on one core {on_one:.1f} x"
    yield f"  throughput of a batch to one by one in a warm process: {own['single'] / own['fused']:.1f} x"
    ratio = best["a compile cache of its own, empty"] / own["two"]
    met = verdict(ratio >= ASKED_RATIO)
    yield f"asked: {ASKED_RATIO:g} x that of {RUNS} processes at least, on as many cores: {met}"


def line(name: str, repeats: int, seconds: float, draws: int) -> str:
    """A line of the table."""
    return f"{name:<66} {repeats:>7} {seconds:>8.2f} {draws / seconds:>8,.0f}"


def processes(bench: Bench, caches: list[Path], files: list[str]) -> tuple[float, list[dict[str, float]]]:
    """Seconds of a process for each run, two at a time, and what each took for what."""
    before = time.perf_counter()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        jobs = [pool.submit(child, bench, cache, "one", *files, str(each)) for each, cache in enumerate(caches)]
        parts = [job.result() for job in jobs]
    return time.perf_counter() - before, parts


def child(bench: Bench, cache: Path, *arguments: str) -> Any:
    """What another process of this script answers."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", *arguments],
        env={**bench.environment, "JAX_COMPILATION_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=False,
        timeout=max(1.0, bench.ends - time.monotonic()),
    )
    if done.returncode:
        raise NotMeasuredError(f"{' '.join(arguments[:1])}: {done.stderr[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])


# ── (c) steps of SGLD


def steps(bench: Bench) -> Iterator[str]:
    """Steps of SGLD a second, compiled, by batch size."""
    files = [str(next((made_target(bench) / "targets").glob(f"*/{name}.safetensors"))) for name in ("params", "data")]
    found = child(bench, bench.folder / "steps-cache", "steps", *files)
    yield ""
    yield f"{'SGLD, 4 chains x 50,000 steps, compiled, float32':<66} {'best of':>7} {'seconds':>8} {'steps/s':>8}"
    for name, seconds in found.items():
        yield f"{name:<66} {3:>7} {seconds:>8.2f} {CHAINS * 50_000 / seconds:>8,.0f}"
    yield "  of all chains together; quoted: 28,000 in a run, 56,000 (minibatches) and 180,000 (all) in a warm process"


# ── (d) an accelerator


def device(bench: Bench) -> Iterator[str]:
    """Gradients a second of HMC on a target of each size: on one thread of the processor, and on the accelerator."""
    cache = bench.folder / "device-cache"
    yield ""
    where = child(bench, cache, "where")
    if where["platform"] == "cpu":
        yield "no accelerator here: not measured"
        return
    yield f"HMC, float64, 4 chains a run; one worker's gradients on all data a second; {where['name']}"
    yield f"{'target':<44} {'on':>5} {'runs a call':>11} {'compile s':>10} {'call s':>8} {'FGE/s':>10} {'of cpu':>8}"
    for name in TARGETS:
        base = 0.0
        for platform in ("cpu", where["platform"]):
            bench.environment["JAX_PLATFORMS"] = platform if platform == "cpu" else ""
            one = child(bench, cache, "device", name)
            base = base or one["rate"]
            yield (
                f"{one['target']:<44} {platform:>5} {one['runs']:>11} {one['compile']:>10.1f} {one['seconds']:>8.2f}"
                f" {one['rate']:>10,.0f} {one['rate'] / base:>7.1f}x"
            )
    bench.environment.pop("JAX_PLATFORMS", None)


PARTS: dict[str, Callable[[Bench], Iterator[str]]] = {"sweep": sweep, "batch": batch, "steps": steps, "device": device}


# ── what the other processes do


def one(params: str, data: str, number: str) -> dict[str, float]:
    """One run of HMC in a process of its own; what it took."""
    before = time.perf_counter()
    from quadrat_studies.lambda_hat.runtime import both_precisions
    from quadrat_studies.lambda_hat.samplers import hamiltonian

    with both_precisions():
        problem = opened(params, data)
        import blackjax  # noqa: F401 - its import counts as one

        imported = time.perf_counter()
        (found,) = hamiltonian.sample(problem, hmc_jobs(problem)[int(number) :][:1])
        sampling = found.seconds + found.warmup_seconds
    return {"import": imported - before, "compile": found.compile_seconds, "sampling": sampling}


def warm(params: str, data: str) -> dict[str, Any]:
    """Eight runs of HMC as the study computes them, and one by one; the first call is timed apart."""
    from quadrat_studies.lambda_hat.runtime import both_precisions
    from quadrat_studies.lambda_hat.samplers import hamiltonian

    with both_precisions():
        problem = opened(params, data)
        jobs = hmc_jobs(problem)
        size = hamiltonian.width(problem, jobs[0].options)

        blocks = [jobs[first : first + size] for first in range(0, len(jobs), size)]

        def fused() -> list[Any]:
            return [each for block in blocks for each in hamiltonian.sample(problem, block)]

        def single() -> list[Any]:
            return [each for job in jobs for each in hamiltonian.sample(problem, [job])]

        def spread() -> list[Any]:
            def inside(block: list[Any]) -> list[Any]:
                with both_precisions():  # it holds for a thread
                    return hamiltonian.sample(problem, block)

            with ThreadPoolExecutor(AT_A_TIME) as pool:
                return [each for found in pool.map(inside, blocks) for each in found]

        first, _ = timed(fused, 1)
        together, many = timed(fused, 5)
        two, apart = timed(spread, 5)
        alone, ones = timed(single, 3)
        same = all(
            (a.loss == b.loss).all() and (a.loss == c.loss).all() for a, b, c in zip(many, ones, apart, strict=True)
        )
    return {"first": first, "fused": together, "two": two, "single": alone, "same": bool(same)}


def sgld_steps(params: str, data: str) -> dict[str, float]:
    """Seconds of SGLD by batch size, compiled before."""
    from quadrat_studies.lambda_hat.params import SGLD
    from quadrat_studies.lambda_hat.runtime import both_precisions
    from quadrat_studies.lambda_hat.samplers import sgld

    found = {}
    with both_precisions():
        problem = opened(params, data)
        for name, size in (("minibatches of 32", 32), ("all 100 examples", None)):
            jobs = lanes(problem, [SGLD(batch_size=size)])
            sgld.sample(problem, jobs)
            found[name], _ = timed(lambda jobs=jobs: sgld.sample(problem, jobs), 3)
    return found


TARGETS: dict[str, dict[str, Any]] = {
    "small": {"model": {"widths": (4, 4)}, "n": 100, "draws": {"cpu": 1000, "gpu": 1000}},
    "wide": {
        "model": {"in_dim": 32, "depth": 2, "target_params": 20_000},
        "n": 2_000,
        "draws": {"cpu": 4, "gpu": 100},
    },
    "huge": {
        "model": {"in_dim": 32, "depth": 6, "target_params": 100_000},
        "n": 5_000,
        "draws": {"cpu": 4, "gpu": 10},
    },
}


def where() -> dict[str, str]:
    """What JAX computes on by default."""
    from quadrat_studies.lambda_hat.runtime import prepare

    prepare()
    import jax

    return {"platform": jax.default_backend(), "name": jax.devices()[0].device_kind}


def on_device(name: str) -> dict[str, Any]:
    """A call of HMC, compiled before, of as many runs as the study computes side by side."""
    from quadrat_studies.lambda_hat.params import HMC, Data, Model, Training
    from quadrat_studies.lambda_hat.runtime import both_precisions
    from quadrat_studies.lambda_hat.samplers import hamiltonian
    from quadrat_studies.lambda_hat.targets import build, open_problem, save

    given = TARGETS[name]
    with both_precisions(), tempfile.TemporaryDirectory() as folder:
        import jax

        draws = given["draws"]["cpu" if jax.default_backend() == "cpu" else "gpu"]
        model, data = Model(**given["model"]), Data(n_data=given["n"])
        training = Training(steps=20, grad_tol=1e9)  # where a chain begins costs nothing less or more
        files = Path(folder, "params"), Path(folder, "data")
        save(build(model, data, None, training, 42, "float64"), *files)
        problem = open_problem(*files, model, data, training)
        options = HMC(draws=draws, warmup=0, adapt_step_size=False, step_size=1e-4, chains=CHAINS)
        width = hamiltonian.width(problem, options)
        jobs = lanes(problem, [options.model_copy(update={"seed": each}) for each in range(width)])
        compiled = hamiltonian.sample(problem, jobs)[0].compile_seconds * width
        seconds, several = timed(lambda: hamiltonian.sample(problem, jobs), 1 if jax.default_backend() == "cpu" else 2)
        work = sum(float(one.fge[:, -1].sum()) for one in several)
        about = f"{name}: n = {problem.n:,}, p = {problem.d:,}"
    return {"target": about, "runs": width, "compile": compiled, "seconds": seconds, "rate": work / seconds}


def timed(call: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """The shortest of some calls, and what the last one gave."""
    best, value = float("inf"), None
    for _ in range(repeats):
        before = time.perf_counter()
        value = call()
        best = min(best, time.perf_counter() - before)
    return best, value


def opened(params: str, data: str) -> Any:
    """The target of all parts."""
    from quadrat_studies.lambda_hat.params import Data, Model, Training
    from quadrat_studies.lambda_hat.targets import open_problem

    return open_problem(Path(params), Path(data), Model(widths=(4, 4)), Data(n_data=100), Training())


def hmc_jobs(problem: Any) -> list[Any]:
    """Runs that differ in seed and step size."""
    from quadrat_studies.lambda_hat.params import HMC

    return lanes(
        problem, [HMC(seed=each, step_size=0.004 * 1.25**each, draws=DRAWS, chains=CHAINS) for each in range(RUNS)]
    )


def lanes(problem: Any, options: list[Any]) -> list[Any]:
    """Runs of a sampler on the default posterior."""
    from quadrat_studies.lambda_hat.params import Posterior
    from quadrat_studies.lambda_hat.problem import temper
    from quadrat_studies.lambda_hat.samplers.lanes import Job

    beta, gamma = temper(Posterior(), problem.n, problem.d)
    return [Job(each, problem.n * beta, gamma, each.seed) for each in options]


CHILDREN: dict[str, Callable[..., Any]] = {
    "one": one,
    "warm": warm,
    "steps": sgld_steps,
    "where": where,
    "device": on_device,
}


if __name__ == "__main__":
    main()
