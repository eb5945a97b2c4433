"""A large file and many small ones: our verified download against curl's plain one of the same bytes.

Over http, or with `--tls` over https. The large file is verified by its signed block digests and, to compare,
by the sha256 of the whole.
"""

from __future__ import annotations

import shutil

from results import Row, arguments, report
from side_by_side import Run, compare, console, machine, speed_by, timed
from stage import BIN, Stage, in_memory, serving
from static_server import trusted_certificate


def download(stage: Stage, model: str, *, verify: bool = False) -> Run:
    """First load: an empty cache. Listing, transfer, digests of every byte, and the snapshot.

    With `verify` no block digests are trusted.
    """
    out = stage.folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    environment = stage.recipient()
    return timed([*_snapshot(model, verify=verify)], environment)


def again(stage: Stage, model: str) -> Run:
    """Second load: the cache has it all."""
    environment = stage.recipient()
    timed(_snapshot(model), environment)
    return timed(_snapshot(model), environment)


def curl(stage: Stage, model: str, *options: str) -> Run:
    """curl, one process for all files, each to a fresh file of its own."""
    out = stage.folder / "curl"
    shutil.rmtree(out, ignore_errors=True)
    config = stage.folder / "curl.config"
    lines = [f'url = "{url}"\noutput = "{out / path}"' for path, url in stage.urls(model).items()]
    config.write_text("\n".join(lines))
    return timed(["curl", "-sS", "--fail", "--create-dirs", *options, "-K", str(config)])


def _snapshot(model: str, *, verify: bool = False) -> list[str]:
    reference = f"models:/vendor.bench.{model}@Champion"
    program = (
        f"import model_sharing; model_sharing.catalog('vendor').snapshot('{reference}', verify={verify})"
    )
    return [str(BIN / "python"), "-c", program]


def main() -> None:
    parser = arguments(__doc__, rounds=5)
    parser.add_argument("--size", type=int, default=2 * 2**30, help="bytes of the large file")
    parser.add_argument("--files", type=int, default=5000, help="how many small files of 20 KiB")
    parser.add_argument("--tls", action="store_true", help="over https")
    options = parser.parse_args()
    models = {
        "large": {"weights.bin": options.size},
        "small": {f"part{n % 50}/{n}.bin": 20 * 1024 for n in range(options.files)},
    }
    console.print(machine() + "\n")
    with (
        in_memory(4 * options.size) as folder,
        serving(folder, models, trusted_certificate(folder) if options.tls else None) as stage,
    ):
        runs = compare(
            f"One file of {options.size / 2**30:.1f} GiB, over loopback",
            options.size,
            {
                "first load, verified": lambda: download(stage, "large"),
                "first load, whole sha256": lambda: download(stage, "large", verify=True),
                "second load": lambda: again(stage, "large"),
                "curl": lambda: curl(stage, "large"),
            },
            options.rounds,
        )
        if options.tls:
            title = f"First load over https, verified: one file of {options.size / 2**30:g} GiB"
            speed = speed_by(runs, "first load, verified", "curl")
            report([Row.at_least(title, speed, "x", 0.75, "curl")], keep=options.save)
        compare(
            f"{options.files} files of 20 KiB, over loopback",
            options.files * 20 * 1024,
            {
                "first load, verified": lambda: download(stage, "small"),
                "second load": lambda: again(stage, "small"),
                "curl -Z": lambda: curl(stage, "small", "-Z"),
                "curl": lambda: curl(stage, "small"),
            },
            options.rounds,
        )


if __name__ == "__main__":
    main()
