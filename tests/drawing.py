# SPDX-FileCopyrightText: 2026 The safetensors C++ authors
# SPDX-License-Identifier: MIT
"""Draws which headers include which: a column for each room, and every line leads up to what is included.

An include that others bring along is left out, or nobody could follow the lines. house.py calls this.
"""
import functools

WIDTH, HEIGHT = 82, 26  # of a box
ACROSS, DOWN = 92, 52  # from box to box
LEFT, TOP = 16, 56
COLOURS = {"base": "#0072b2", "detail": "#8a8a8a", "read": "#009e73", "write": "#d55e00"}

STYLE = """
.paper { fill: #ffffff } .ink { fill: #1f2328 } .faint { fill: #59636e } .line { stroke: #8c959f }
.column { fill: #f6f8fa } .box { fill: #ffffff }
@media (prefers-color-scheme: dark) {
  .paper { fill: #0d1117 } .ink { fill: #f0f6fc } .faint { fill: #9198a1 } .line { stroke: #656c76 }
  .column { fill: #151b23 } .box { fill: #0d1117 }
}
"""


def reduced(graph):
    """The graph without the edges that follow from others."""
    @functools.cache
    def reached(name):
        return set().union(*({other} | reached(other) for other in graph[name]))
    return {name: {other for other in others if not any(other in reached(between) for between in others)}
            for name, others in graph.items()}


def rows(graph, hidden):
    """The row of each header, below what it includes. Hidden ones are just above what includes them."""
    @functools.cache
    def row(name):
        return max((row(other) + 1 for other in graph[name]), default=0)
    found = {name: row(name) for name in graph}
    for name in filter(hidden.__contains__, reversed(graph)):
        found[name] = min((found[other] - 1 for other in graph if name in graph[other]), default=found[name])
    return found


def room_of(name):
    return name.rpartition("/")[0] or "base"  # a header beside the rooms belongs to all


class Places:
    """Where the boxes are, in boxes from the left and from the top."""

    def __init__(self, graph, hidden):
        self.row = rows(graph, hidden)
        self.edges = [(name, other) for name, others in graph.items() for other in sorted(others)]
        self.rooms = list(dict.fromkeys(map(room_of, graph)))
        self.start, self.size, self.at = {}, {}, {}
        left = 0
        for room in self.rooms:
            in_row = {}
            for name in graph:
                if room_of(name) == room:
                    in_row.setdefault(self.row[name], []).append(name)
            self.start[room], self.size[room] = left, max(map(len, in_row.values()))
            for names in in_row.values():
                for place, name in enumerate(names):
                    self.at[name] = left + place
            left += self.size[room]
        self.width, self.depth = left, max(self.row.values()) + 1
        while self.improve():
            pass

    def cost(self):
        """Long lines cost, and so does each box that a line passes behind, and each crossing."""
        total = 0.0
        for name, other in self.edges:
            x, y, to_x, to_y = self.at[name], self.row[name], self.at[other], self.row[other]
            total += abs(x - to_x) + 0.02 * (x - to_x) ** 2
            for row in range(to_y + 1, y):
                x_there = to_x + (x - to_x) * (row - to_y) / (y - to_y)
                total += sum(4 * max(0.0, 0.6 - abs(x_there - self.at[box])) for box in self.boxes[row])
        for i, (a, b) in enumerate(self.edges):
            for c, d in self.edges[:i]:
                if self.row[a] == self.row[c] and self.row[b] == self.row[d]:
                    total += 1.5 * ((self.at[a] - self.at[c]) * (self.at[b] - self.at[d]) < 0)
        return total

    def improve(self):
        """Moves boxes within their row and room as long as that helps."""
        self.boxes = {}
        for name, row in self.row.items():
            self.boxes.setdefault(row, []).append(name)
        before = best = self.cost()
        for name in self.at:
            room = room_of(name)
            for place in range(self.start[room], self.start[room] + self.size[room]):
                old = self.at[name]
                other = next((box for box in self.boxes[self.row[name]] if self.at[box] == place), None)
                self.at[name] = place
                if other is not None:
                    self.at[other] = old
                cost = self.cost()
                if cost < best - 1e-9:
                    best = cost
                else:
                    if other is not None:
                        self.at[other] = place
                    self.at[name] = old
        return best < before - 1e-9


def draw(graph, bodies, hidden, faces):
    """Returns the picture as SVG.

    graph: each header with the headers that it includes; bodies: each header with its .ipp files; hidden: headers that
    only bodies include; faces: each face with its rooms.
    """
    places = Places(reduced(graph), hidden)
    width = 2 * LEFT + places.width * ACROSS + (len(places.rooms) - 1) * 8
    bottom = TOP + places.depth * DOWN
    height = bottom + 48

    def x_of(place, room):
        return LEFT + place * ACROSS + places.rooms.index(room) * 8

    def centre(name):
        return x_of(places.at[name], room_of(name)) + ACROSS / 2, TOP + places.row[name] * DOWN + HEIGHT / 2

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
           "<!-- SPDX-FileCopyrightText: 2026 The safetensors C++ authors -->",
           "<!-- SPDX-License-Identifier: MIT -->",
           "<!-- Made by tests/house.py, which also compares it with the tree. -->",
           f"<style>{STYLE}</style>",
           '<rect class="paper" width="100%" height="100%"/>']
    for room in places.rooms:
        x, wide = x_of(places.start[room], room), places.size[room] * ACROSS
        out.append(f'<rect class="column" x="{x}" y="{TOP - 40}" width="{wide}" height="{bottom - TOP + 36}" rx="8"/>')
        out.append(f'<text x="{x + wide / 2:g}" y="{TOP - 20}" text-anchor="middle" font-size="15" font-weight="bold" '
                   f'fill="{COLOURS.get(room, "#8a8a8a")}">{room}/</text>')
    for name, other in places.edges:
        (x, y), (to_x, to_y) = centre(name), centre(other)
        y, to_y = y - HEIGHT / 2, to_y + HEIGHT / 2
        bend = min(DOWN, (y - to_y) / 2) if x != to_x else 0
        out.append(f'<path class="line" d="M{x:g} {y:g}C{x:g} {y - bend:g} {to_x:g} {to_y + bend:g} {to_x:g} {to_y:g}" '
                   f'fill="none" stroke-width="1.3"/>')
    for name in graph:
        x, y = centre(name)
        room, title = room_of(name), name.rpartition("/")[2]
        dashes = ' stroke-dasharray="4 3"' if name in hidden else ""
        own = bodies.get(name, [])
        out.append(f'<g><title>{" ".join([name, *own])}</title>'
                   f'<rect class="box" x="{x - WIDTH / 2:g}" y="{y - HEIGHT / 2:g}" width="{WIDTH}" height="{HEIGHT}" rx="5" '
                   f'stroke="{COLOURS.get(room, "#8a8a8a")}" stroke-width="1.5"{dashes}/>'
                   f'<text class="ink" x="{x:g}" y="{y + 4:g}" text-anchor="middle">{title.removesuffix(".hpp")}</text>')
        for number, _ in enumerate(own):
            out.append(f'<rect x="{x + WIDTH / 2 - 8 - 7 * number:g}" y="{y + HEIGHT / 2 - 2.5:g}" width="5" height="5" '
                       f'fill="{COLOURS.get(room, "#8a8a8a")}"/>')
        out.append("</g>")
    for face, rooms in faces.items():
        x = x_of(places.start[rooms[0]], rooms[0]) + 4
        to_x = x_of(places.start[rooms[-1]] + places.size[rooms[-1]], rooms[-1]) - 4
        out.append(f'<path class="line" d="M{x} {bottom + 4}v8H{to_x}v-8" fill="none" stroke-width="1.3"/>')
        out.append(f'<text class="ink" x="{(x + to_x) / 2:g}" y="{bottom + 30}" text-anchor="middle" font-size="13" '
                   f'font-weight="bold">{face}</text>')
    for line, text in enumerate(("A line leads from a header up", "to one that it includes. What", "others bring along is not drawn.", "",
                                 "\u25a0 a body (.ipp) of the header", "Dashed: only bodies include it.")):
        out.append(f'<text class="faint" x="{LEFT + 16}" y="{bottom - 150 + 18 * line}">{text}</text>')
    return "\n".join(out) + "\n</svg>\n"
