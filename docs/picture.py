"""Turns what a terminal showed (ANSI text on standard input) into docs/terminal.svg. Needs `rich`, which the local AWS's
Python has:  … | python docs/picture.py > docs/terminal.svg"""
import io
import re
import sys

from rich.console import Console
from rich.text import Text

console = Console(record=True, width=124, file=io.StringIO(), force_terminal=True)
console.print(Text.from_ansi(sys.stdin.read().rstrip()))
picture = console.export_svg(title="stack")
# No fonts from elsewhere: a picture asks nobody for anything.
sys.stdout.write(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.S))
