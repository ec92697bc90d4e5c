"""A bar chart as SVG."""

from __future__ import annotations

from html import escape

_ROW, _TEXT, _WIDTH = 22, 330, 760


def draw(title: str, bars: list[tuple[str, str, float]]) -> str:
    """Draw bars, each with its group and its name; a line marks 1."""
    scale = (_WIDTH - _TEXT - 60) / max(1.0, *(value for _, _, value in bars))
    parts, y, group_before = [], 40, ""
    for group, name, value in bars:
        if group != group_before:
            y += _ROW
            parts.append(f'<text x="10" y="{y}" font-weight="bold">{escape(group)}</text>')
            y, group_before = y + 8, group
        colour = "#888" if value == 1 else "#1f77b4"
        parts.append(f'<text x="{_TEXT - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<rect x="{_TEXT}" y="{y + 2}" width="{value * scale:.1f}" height="{_ROW - 6}" fill="{colour}"/>')
        parts.append(f'<text x="{_TEXT + value * scale + 6:.1f}" y="{y + 14}">{value:.2f}</text>')
        y += _ROW
    one = _TEXT + scale
    height = y + 10
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"',
            ' font-family="sans-serif" font-size="12">',
            f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
            f'<text x="10" y="24" font-size="15">{escape(title)}</text>',
            f'<line x1="{one:.1f}" y1="40" x2="{one:.1f}" y2="{height - 8}" stroke="#c33" stroke-dasharray="4 3"/>',
            *parts,
            "</svg>\n",
        ]
    )
