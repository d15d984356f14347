# The sweep of the study `mnist_fgsm`, written by `quadrat snakefile`.
#
#   snakemake -n                                what would be done
#   snakemake -j4                               do it, four jobs at a time
#   snakemake -j4 all_summary --config seed="[1,2]"
#   snakemake -j100 --profile slurm             on a cluster
#
# What is in the sweep is looked up when this file is read: a list after --config is an axis. Runs are kept in
# /data/runs/.quadrat; the names below are links to their files, and come back when they are deleted.

from quadrat.snakefiles import Sweep

sweep = Sweep(
    workflow,
    study="mnist_fgsm",
    store="/data/runs",
    overrides=["dataset=mnist"],
    chunk=20,
)

# No wildcard reaches over a slash.
wildcard_constraints:
    point="[^/]*",
    dataset="[^/]*",
    num_epochs="[^/]*",
    dropout_prob="[^/]*",
    seed="[^/]*",
    id="[^/]*",


onstart:
    sweep.start()


rule all:
    """Every run of the sweep."""
    input:
        sweep.chunked(),


rule data:
    """Read the images (MNIST's files from $QUADRAT_DATA/mnist, downloaded where they are missing)."""
    input:
        sweep.reads("data"),
    output:
        "/data/runs/data/{point}.json",
    log:
        "logs/data/{point}.log",
    benchmark:
        "benchmarks/data/{point}.tsv"
    threads: 1
    shell:
        "{sweep.run} data {output:q} --log {log:q}"


rule train:
    """Train one classifier, on from the nearest finished shorter training of the same settings."""
    input:
        data=sweep.reads("train", "data"),
        shorter=sweep.shorter("train"),
    output:
        "/data/runs/train/{point}.json",
    log:
        "logs/train/{point}.log",
    benchmark:
        "benchmarks/train/{point}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    shell:
        "{sweep.run} train {output:q} --log {log:q}"


rule attack:
    """Attack one classifier on the whole test set."""
    input:
        train=sweep.reads("attack", "train"),
        data=sweep.reads("attack", "data"),
    output:
        "/data/runs/figures/examples/{dataset}_epochs{num_epochs}_dropout{dropout_prob}_seed{seed}_{id}.png",
    log:
        "logs/attack/figures/examples/{dataset}_epochs{num_epochs}_dropout{dropout_prob}_seed{seed}_{id}.log",
    benchmark:
        "benchmarks/attack/figures/examples/{dataset}_epochs{num_epochs}_dropout{dropout_prob}_seed{seed}_{id}.tsv"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=5,
    shell:
        "{sweep.run} attack {output:q} --log {log:q}"


rule seed_average:
    """Average one combination of everything but the seed, over the seeds that there are."""
    input:
        attack=sweep.reads("seed_average", "attack"),
        train=sweep.reads("seed_average", "train"),
    output:
        "/data/runs/seed_average/{point}.json",
    log:
        "logs/seed_average/{point}.log",
    benchmark:
        "benchmarks/seed_average/{point}.tsv"
    threads: 1
    shell:
        "{sweep.run} seed_average {output:q} --log {log:q}"


rule summary:
    """Write the table of all averages, and draw accuracy against dropout and attack."""
    input:
        seed_average=sweep.reads("summary", "seed_average"),
    output:
        "/data/runs/analysis/output_avg_std_of_seed_txt_filename.txt",
        "/data/runs/figures/accuracy.pdf",
        "/data/runs/figures/accuracy.png",
        "/data/runs/figures/attack.pdf",
        "/data/runs/figures/attack.png",
    log:
        "logs/summary/analysis/output_avg_std_of_seed_txt_filename.log",
    benchmark:
        "benchmarks/summary/analysis/output_avg_std_of_seed_txt_filename.tsv"
    threads: 1
    shell:
        "{sweep.run} summary {output:q} --log {log:q}"


rule part_1_initialize_signac_command:
    """A part that has no runs of its own."""
    input:
        [],


rule part_2_download_data_command:
    """Every run of `data`."""
    input:
        sweep.chunked("part_2_download_data_command"),


rule part_3_train_and_test_command:
    """Every run of `train`."""
    input:
        sweep.chunked("part_3_train_and_test_command"),


rule part_4_fgsm_attack_command:
    """Every run of `attack`."""
    input:
        sweep.chunked("part_4_fgsm_attack_command"),


rule part_5_seed_analysis_command:
    """Every run of `seed_average` and `summary`."""
    input:
        sweep.chunked("part_5_seed_analysis_command"),


rule all_data:
    """Every run of `data`."""
    input:
        sweep.chunked("all_data"),


rule all_train:
    """Every run of `train`."""
    input:
        sweep.chunked("all_train"),


rule all_attack:
    """Every run of `attack`."""
    input:
        sweep.chunked("all_attack"),


rule all_seed_average:
    """Every run of `seed_average`."""
    input:
        sweep.chunked("all_seed_average"),


rule all_summary:
    """Every run of `summary`."""
    input:
        sweep.chunked("all_summary"),


rule matching:
    """What the patterns of `quadrat make` stand for."""
    input:
        sweep.matching,


rule chunk:
    """Several runs in one job. It succeeds when all have been tried: what depends on one that failed is left out."""
    input:
        sweep.chunks_before,
    output:
        "/data/runs/.quadrat/plans/{plan}/{chunk}.done",
    log:
        "logs/chunk/{plan}/{chunk}.log",
    threads: sweep.chunk_threads
    resources:
        mem_mb=sweep.chunk_needs("mem_mb"),
        runtime=sweep.chunk_needs("runtime"),
    shell:
        "{sweep.run} {wildcards.chunk:q} {output:q} --chunk --log {log:q}"


rule tried:
    """Whether all chunks of a target went well: it fails where one of their runs has failed."""
    input:
        sweep.chunks,
    output:
        "/data/runs/.quadrat/plans/{plan}/{target}.tried",
    localrule: True
    shell:
        "{sweep.run} {wildcards.target:q} {output:q} --tried"
