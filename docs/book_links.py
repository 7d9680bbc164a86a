#!/usr/bin/env python3
"""A preprocessor for mdBook: links that leave docs/ lead to the repository, or become plain text while its address is not set.

The address is `repository` below `[preprocessor.links-outside]` in book.toml: what a path from the root is appended to.
"""

import json
import re
import sys

OUTSIDE = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(\.\./([^()\s]+)\)")


def rewrite(text: str, repository: str) -> str:
    """Returns the text of a page with its links to files outside of docs/ rewritten."""
    return OUTSIDE.sub(lambda link: f"[{link[1]}]({repository}/{link[2]})" if repository else link[1], text)


def walk(items: list, repository: str) -> None:
    for item in items:
        if isinstance(item, dict) and "Chapter" in item:
            chapter = item["Chapter"]
            chapter["content"] = rewrite(chapter["content"], repository)
            walk(chapter["sub_items"], repository)


def main() -> int:
    if sys.argv[1:2] == ["supports"]:
        return 0
    context, book = json.load(sys.stdin)
    settings = context["config"]["preprocessor"]["links-outside"]
    walk(book.get("items") or book.get("sections") or [], settings.get("repository", "").rstrip("/"))
    json.dump(book, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
