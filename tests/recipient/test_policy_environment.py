"""Environments: a model's files may name packages, and nothing that says where else to find them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model_sharing.policy import environment_findings
from support.boosting_models import CATBOOST


def problems(folder: Path, **files: str | bytes) -> list[str]:
    """Problems found in `requirements`, `conda` and so on."""
    names = {"conda": "conda.yaml", "python_env": "python_env.yaml"}
    written = {}
    for key, content in files.items():
        name = names.get(key, f"{key}.txt")
        written[name] = content
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return [str(finding) for finding in environment_findings(folder, frozenset(written))]


def test_what_mlflow_writes_passes(tmp_path: Path) -> None:
    for name in ("conda.yaml", "python_env.yaml", "requirements.txt"):
        (tmp_path / name).write_text(CATBOOST[name])
    assert not list(environment_findings(tmp_path, frozenset(CATBOOST)))


@pytest.mark.parametrize(
    "line",
    [
        "scikit-learn==1.9.1",
        "scikit-learn",
        "numpy<3,>=1.24",
        "Pillow ~= 10.0",
        "torch==2.1.0+cu121",
        "mlflow[gateway,extras]==3.17.2",
        "zope.interface != 5.*",
        "pywin32==306 ; sys_platform == 'win32' and python_version >= \"3.11\"",
        "uvloop;(sys_platform != 'win32' and ( os_name == 'posix' )) or 'x' in platform_version",
        "  numpy==1!2.0.post1  ",
        "numpy\r\npandas\r\n",
        "numpy\n\n\npandas",
        "",
    ],
)
def test_packages_by_name_and_version_pass(tmp_path: Path, line: str) -> None:
    assert not problems(tmp_path, requirements=line)


HOSTILE_LINES = [
    *("-e .", "--editable=.", "-r other.txt", "-rother.txt", "-c other.txt", "-r requirements.txt"),
    *(
        "--index-url http://x/",
        "-i http://x/",
        "--extra-index-url=http://x",
        "-f .",
        "--find-links .",
        "--pre",
    ),
    *("--no-binary :all:", "--trusted-host x", "--use-feature=x", "numpy --config-settings=a=b"),
    *(
        "numpy==1.0 --global-option=x",
        "numpy==1.0 --hash=sha256:0",
        "numpy;a -e .",
        "numpy;",
        "numpy; python_version",
        "numpy[a, -e .]",
        "numpy == -e",
    ),
    *(
        "evil @ file:///tmp/evil",
        "evil@http://x/evil.zip",
        "git+http://x/y",
        "http://x/evil.whl",
        "file:evil",
    ),
    *(
        ".",
        "./evil",
        "../evil",
        "/tmp/evil",
        "evil/",
        "C:\\evil",
        "~/evil",
        "evil.whl",
        "evil.zip[a]",
        "a==1.tar.gz",
    ),
    *("numpy ===1.0", "${EVIL}", "numpy==${EVIL}", "%EVIL%", "numpy\\\n-e .", "\\\n-e .", "numpy # x", "# x"),
    *(
        "# coding: utf-7",
        "#!coding=utf-16\nnumpy",
        "numpy\r-e .",
        "numpy\x0b-e .",
        "numpy\x0c-e .",
        "numpy\x1c-e .",
    ),
    *(
        "numpy\x85-e .",
        "numpy\u2028-e .",
        "numpy\u2029-e .",
        "\ufeffnumpy",
        "numpy\x00",
        "num\u200bpy",
        "n\u0443mpy",
    ),
    *("numpy\u00a0-e .", "numpy >= 1 -e .", "numpy>=1\t-e\t.", "-", "--", "a" * 600, "numpy==", "numpy=1"),
    "-c constraints.txt",  # which is not there
]


@pytest.mark.parametrize("line", HOSTILE_LINES)
def test_whatever_says_where_else_to_look_does_not_pass(tmp_path: Path, line: str) -> None:
    assert problems(tmp_path, requirements=f"pandas==2.0.0\n{line}\nscipy\n")
    assert problems(tmp_path, requirements=line)


@pytest.mark.parametrize("line", HOSTILE_LINES)
@pytest.mark.parametrize("file", ["pip", "build", "dependencies"])
def test_nor_does_it_in_lists(tmp_path: Path, line: str, file: str) -> None:
    quoted = line.encode("unicode_escape").decode().replace('"', '\\"')
    if file == "pip":
        assert problems(tmp_path, conda=f'dependencies:\n- pip:\n  - "{quoted}"\n')
    else:
        key = {"build": "build_dependencies"}.get(file, file)
        assert problems(tmp_path, python_env=f'{key}: ["{quoted}"]\n')


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7", "cp037"])
def test_an_encoding_that_hides_a_line_is_refused(tmp_path: Path, encoding: str) -> None:
    assert problems(tmp_path, requirements="numpy\n-e .\u00e9\n".encode(encoding, errors="replace"))
    assert problems(tmp_path, conda="dependencies: ['http://x/\u00e9']\n".encode(encoding, errors="replace"))


def test_constraints_are_lines_too(tmp_path: Path) -> None:
    assert not problems(tmp_path, requirements="numpy\n-c constraints.txt", constraints="numpy<3\n")
    assert problems(tmp_path, requirements="numpy\n-c constraints.txt", constraints="-c constraints.txt")
    assert problems(tmp_path, requirements="numpy\n-c constraints.txt", constraints="numpy @ file:///x")


@pytest.mark.parametrize(
    "text",
    [
        "channels: [http://127.0.0.1:9/]",
        "channels: [evil]",
        "channels: evil",
        "channels: ['file:///tmp/evil']",
        "dependencies: ['evil::numpy']",
        "dependencies: ['http://x/evil.tar.bz2']",
        "dependencies: ['evil.conda']",
        "dependencies: ['numpy[url=http://x]']",
        "dependencies: [{npm: [evil]}]",
        "dependencies: [{pip: [numpy], npm: [evil]}]",
        "dependencies: [{pip: '-e .'}]",
        "dependencies: [{pip: [[-e .]]}]",
        "dependencies: {pip: ['-e .']}",
        "dependencies: [['-e .']]",
        "prefix: /tmp/evil",
        "variables: {PIP_INDEX_URL: http://x}",
        "name: ../../evil",
        "dependencies: [numpy]\ndependencies: ['-e .']",
        "dependencies: &a [numpy]\nchannels: *a",
        "<<: {dependencies: [numpy]}",
        "dependencies: !!python/tuple [numpy]",
        "dependencies: [numpy]\n---\ndependencies: ['-e .']",
        "%YAML 1.2\n---\ndependencies: [numpy]",
        "- numpy",
        "",
        "dependencies: [" + "[" * 2000,
    ],
)
def test_conda_may_only_use_the_usual_channels(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, conda=text)


def test_conda_may_name_its_own_packages(tmp_path: Path) -> None:
    lines = "python=3.11.7\n- pip<=23.2.1\n- pip\n- numpy>=1.2,<2\n- scipy=1.11=py311_0\n- setuptools 65.5"
    assert not problems(tmp_path, conda=f"channels:\n- conda-forge\ndependencies:\n- {lines}\n")


@pytest.mark.parametrize(
    "text",
    [
        "python: ./evil/python",
        "python: /tmp/evil",
        "python: pypy3.9",
        "python: '3.11 --x'",
        "python: 3.11",  # a number, for YAML, and no version for MLflow
        "python: [3.11.7]",
        "dependencies: [-r other.txt]",
        "dependencies: [-r requirements.txt]",  # which is not there
        "build_dependencies: [-r requirements.txt]",
        "dependencies: '-e .'",
        "surprise: 1",
    ],
)
def test_python_may_be_a_version_only(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, python_env=text)


def test_files_that_are_read_as_these_on_some_file_systems_are_refused(tmp_path: Path) -> None:
    for name in ("Requirements.txt", "CONDA.YAML", "Python_Env.yaml"):
        (tmp_path / name).write_text("numpy")
        assert list(environment_findings(tmp_path, frozenset({name})))


@given(st.text(max_size=40))
@example(";")
@example("<A")
@example("<1.*")
@example("~=1")
@example("==1.*+local")
@example("; python_version > '3' and (os_name in 'posix nt' or extra == \"x\")")
def test_what_passes_is_one_package_a_line_for_every_reader(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    from packaging.requirements import Requirement

    if not problems(tmp_path_factory.getbasetemp(), requirements=f"numpy{text}"):
        for line in f"numpy{text}".splitlines():  # as pip does, which knows more ends of lines than files do
            assert not line.strip() or Requirement(line).url is None
