"""The pages as a reader uses them: links lead somewhere, commands and imports exist."""

import ast
import importlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from typer.main import get_command

ROOT = Path(__file__).resolve().parent.parent
# Made when the documentation is built, and not part of the source.
MADE = ("docs/_build/", "docs/gallery/", "docs/reference/api/", "docs/reference/generated/")
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    if not path.relative_to(ROOT).as_posix().startswith(MADE)
)
PROGRAMS = {"auroral_stats": "auroral_stats.cli", "auroral_classifier": "classifier.cli"}
MODULES = {"auroral_stats": "auroral_stats", "classifier": "auroral_classifier"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def fences(text: str) -> Iterator[tuple[str, str]]:
    """Language and content of each fenced block."""
    pattern = r"^ *(`{3,})(?:\{code-block\} )?(\S*)[^\n]*\n(.*?)^ *\1 *$"
    for match in re.finditer(pattern, text, re.MULTILINE | re.DOTALL):
        yield match[2], match[3]


def prose(text: str) -> str:
    """What is left without fenced blocks and `code`."""
    text = re.sub(r"^ *(`{3,}).*?^ *\1 *$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]+`", "", text)


def anchors(path: Path) -> set[str]:
    """Headings as GitHub and MyST spell their anchors, and targets such as ``(name)=``."""
    text = path.read_text(encoding="utf-8")
    without = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#{1,6} +(.+?) *$", without, re.MULTILINE)
    plain = (re.sub(r"[`*]", "", heading).lower() for heading in headings)
    slugs = {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}
    return slugs | set(re.findall(r"^\(([\w-]+)\)=$", text, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_within_the_source_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)|<img[^>]+src=\"([^\"]+)\"", prose(text))
    wrong = []
    for link in (unquote(found or image) for found, image in links):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if name_of(target).startswith(MADE):
            continue
        if not target.exists() or (
            anchor and target.suffix == ".md" and anchor not in anchors(target)
        ):
            wrong.append(link)
    assert wrong == []


def test_pages_of_the_documentation_are_in_a_table_of_contents():
    listed = set()
    for page in PAGES:
        for block in re.findall(
            r"^```\{toctree\}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
        ):
            names = (line for line in block.split() if not line.startswith(":"))
            listed |= {(page.parent / f"{name}.md").resolve() for name in names}
    docs = {page for page in PAGES if name_of(page).startswith("docs/")}
    assert docs - listed == {ROOT / "docs" / "index.md"}


def shell_lines(page: Path) -> Iterator[list[str]]:
    """Commands of a page as words, one for each program that is run."""
    for language, block in fences(page.read_text(encoding="utf-8")):
        joined = block.replace("\\\n", " ")
        if language == "console":
            lines = re.findall(r"^ *\$ (.+)$", joined, re.MULTILINE)
        else:
            lines = joined.splitlines() if language in {"sh", "bash"} else []
        for line in lines:
            words: list[str] = []
            for word in [*shlex.split(line, comments=True), "&&"]:
                if word in {"&&", "|", ";", ">"}:
                    if words:
                        yield words
                    words = []
                else:
                    words.append(word)


def called(words: list[str]) -> tuple[str, list[str]] | None:
    """Which of our programs is called, and with what."""
    if words[:1] and words[0] in PROGRAMS:
        return words[0], words[1:]
    if "-m" in words[:-1] and (module := words[words.index("-m") + 1]) in MODULES:
        return MODULES[module], words[words.index("-m") + 2 :]
    return None


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_on_the_pages_can_be_given(page):
    for words in shell_lines(page):
        if words[0].endswith("python") and "/" in words[1] and words[1].endswith(".py"):
            assert (ROOT / words[1]).is_file(), " ".join(words)
        if words[0] == "make":
            targets = re.findall(
                r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE
            )
            assert set(words[1:]) <= set(targets), " ".join(words)
        if (found := called(words)) is None:
            continue
        program, arguments = found
        if program == "auroral_classifier":
            pytest.importorskip("torch")
        command = get_command(importlib.import_module(PROGRAMS[program]).app)
        if arguments[0].startswith("-"):
            assert arguments[0] in {name for option in command.params for name in option.opts}
            continue
        assert arguments[0] in command.commands, " ".join(words)
        command = command.commands[arguments[0]]
        context = command.context_class(command, info_name=program)
        # Raises for an option that is unknown or lacks its value.
        values, _, _ = command.make_parser(context).parse_args(arguments[1:])
        missing = [p.name for p in command.params if p.required and values.get(p.name) is None]
        assert missing == [], " ".join(words)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_on_the_pages_can_be_parsed_and_its_imports_exist(page):
    for language, block in fences(page.read_text(encoding="utf-8")):
        if language != "python":
            continue
        for node in ast.walk(ast.parse(block)):
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            if node.module.split(".")[0] == "classifier":
                pytest.importorskip("torch")
            if node.module.split(".")[0] in MODULES:
                module = importlib.import_module(node.module)
                assert [a.name for a in node.names if not hasattr(module, a.name)] == []


def test_scripts_of_the_gallery_that_are_run_exist_and_need_no_torch():
    source = (ROOT / "docs/_ext/gallery.py").read_text(encoding="utf-8")
    table = re.search(r"^RUN:.*?^\}", source, re.MULTILINE | re.DOTALL)[0]
    names = re.findall(r'^    "(\w+)":', table, re.MULTILINE)
    assert names
    imports = []
    for name in names:
        code = ast.parse((ROOT / "analyses" / f"{name}.py").read_text(encoding="utf-8"))
        imports += [ast.unparse(n) for n in code.body if isinstance(n, ast.Import | ast.ImportFrom)]
    imports += ["import sys", "sys.exit('torch' in sys.modules)"]
    subprocess.run([sys.executable, "-c", "\n".join(imports)], check=True)
