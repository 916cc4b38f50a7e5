"""Relabelling, slowly and plainly: what each action does to a dict, after Prometheus' documentation."""

from __future__ import annotations

import hashlib
import re

Rule = tuple[list[str], str, str, int, str, str, str]


def expand(template: str, match: re.Match[str]) -> str:
    """Go's `Expand`: `$1`, `${1}`, `$name` (the longest name), `$$`; groups that there are not are empty."""

    def group(found: re.Match[str]) -> str:
        name = found[1] or found[2] or ""
        if found[0] == "$$":
            return "$"
        try:
            return match[int(name) if name.isdigit() else name] or ""
        except (IndexError, re.error):
            return ""

    return re.sub(r"\$\$|\$\{(\w+)\}|\$(\w+)", group, template)


def step(rule: Rule, labels: dict[str, str]) -> dict[str, str] | None:
    """The labels after one rule, None when they are dropped."""
    sources, separator, regex, modulus, target, replacement, action = rule
    labels = {name: value for name, value in labels.items() if value}
    value = separator.join(labels.get(name, "") for name in sources)
    pattern = re.compile(f"(?s:{regex})\\Z")
    match action:
        case "keep" | "drop":
            return labels if bool(pattern.match(value)) == (action == "keep") else None
        case "keepequal" | "dropequal":
            return labels if (labels.get(target, "") == value) == (action == "keepequal") else None
        case "replace":
            found = pattern.match(value)
            if found and (name := expand(target, found)):
                labels[name] = expand(replacement, found)
        case "lowercase":
            labels[target] = value.lower()
        case "uppercase":
            labels[target] = value.upper()
        case "hashmod":
            labels[target] = str(int.from_bytes(hashlib.md5(value.encode()).digest()[8:], "big") % modulus)
        case "labelmap":
            copies = [(expand(replacement, found), labels[name]) for name in labels if (found := pattern.match(name))]
            for name, copied in sorted(copies):
                if name:
                    labels[name] = copied
        case "labeldrop" | "labelkeep":
            labels = {name: value for name, value in labels.items() if bool(pattern.match(name)) == (action == "labelkeep")}
    return {name: value for name, value in labels.items() if value}
