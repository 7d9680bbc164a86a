#!/usr/bin/env python3
"""Checks the relative links of the Markdown files: every file exists, every anchor is a heading. No link leaves the repository.

`python3 docs/check_links.py` prints each broken link with its place and exits with 1 if there is one.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILES = ["*.md", "docs/*.md", "localstack/README.md", "fuzz/README.md", ".github/*.md", ".github/ISSUE_TEMPLATE/*.md"]
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
CODE = re.compile(r"(?<!`)(`+)(?!`)((?!\n\n).)+?(?<!`)\1(?!`)", re.DOTALL)
FENCE = re.compile(r"^ {0,3}(```|~~~)")
HEADING = re.compile(r"^#{1,6} +(.*?) *#*$")


def lines(path: pathlib.Path) -> list[str]:
    """Returns the lines of a file; those of code blocks are empty."""
    found, fenced = [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        fence = FENCE.match(line) is not None
        fenced ^= fence
        found.append("" if fence or fenced else line)
    return found


def links(path: pathlib.Path) -> list[tuple[int, str]]:
    """Returns the targets of a file's links, each with its line. What is code is no link, but a link's text may be code."""
    text = CODE.sub(lambda code: "code" + "\n" * code[0].count("\n"), "\n".join(lines(path)))
    return [(text.count("\n", 0, link.end()) + 1, link[1]) for link in LINK.finditer(text)]


def anchors(path: pathlib.Path) -> set[str]:
    """Returns the anchors of a file's headings, as GitHub and mdBook spell them: a repeated one gets a number."""
    found: set[str] = set()
    for line in lines(path):
        if heading := HEADING.match(line):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower().strip()
            anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            again = 0
            while (f"{anchor}-{again}" if again else anchor) in found:
                again += 1
            found.add(f"{anchor}-{again}" if again else anchor)
    return found


def problem(path: pathlib.Path, target: str) -> str | None:
    """Returns what is wrong with a link, if anything."""
    if re.match(r"[a-z][a-z0-9+.-]*:", target):
        return None
    name, _, anchor = target.partition("#")
    file = (path.parent / name).resolve() if name else path
    if not file.is_relative_to(ROOT):
        return "leads out of the repository"
    if not file.exists():
        return "does not exist"
    if anchor and file.suffix == ".md" and anchor not in anchors(file):
        return "has no such heading"
    return None


def main() -> int:
    paths = sorted({path for pattern in FILES for path in ROOT.glob(pattern)})
    checked, broken = 0, []
    for path in paths:
        for line, target in links(path):
            checked += 1
            if why := problem(path, target):
                broken.append(f"{path.relative_to(ROOT)}:{line}: {target} {why}")
    # Every page is in the book.
    listed = set(re.findall(r"\]\(([^)]+)\)", (ROOT / "docs/SUMMARY.md").read_text(encoding="utf-8")))
    for page in ROOT.glob("docs/*.md"):
        if page.name != "SUMMARY.md" and page.name not in listed:
            broken.append(f"docs/SUMMARY.md: {page.name} is not listed")
    print("\n".join(broken) if broken else f"{checked} links in {len(paths)} files are right")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
