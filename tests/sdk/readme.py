"""Tables of the README that tests write: between `<!-- grid:NAME -->` and `<!-- /grid:NAME -->`."""
import re, sys

from stand import ROOT

README = ROOT / "README.md"


def settle(name, lines):
    """With --write the README gets the table; else whether it has it."""
    text = README.read_text()
    marked = re.compile(rf"(<!-- grid:{name} -->\n).*?(<!-- /grid:{name} -->)", re.S)
    wanted = marked.sub(lambda found: found[1] + "\n".join(lines) + "\n" + found[2], text)
    if "--write" in sys.argv:
        README.write_text(wanted)
    return marked.search(text) is not None and (wanted == text or "--write" in sys.argv)
