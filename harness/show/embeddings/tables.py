"""Numbers of embedding spaces as a table: what a picture alone does not say."""

from rich.console import Group
from rich.text import Text

from harness.show.embeddings.look import Look
from harness.show.tables import FittedTable
from harness.show.visible_text import plain


def agreement_table(look: Look) -> Group:
    """A row a backbone, colouring that was asked for, and space: the full one first, then its pictures."""
    k = look.spaces[0].neighbours.shape[1]
    title = f"{look.dataset}, {len(look.names)} images of {look.split}, {k} nearest neighbours"
    table = FittedTable()
    for head in ("backbone", "neighbours in", "alike in"):
        table.add_column(head)
    for head in ("agreement", "95 % interval", "chance", "trustworthiness"):
        table.add_column(head, justify="right")
    for space in look.spaces:
        trust = {picture.name: f"{picture.trustworthiness:.3f}" for picture in space.pictures}
        for colouring in look.chosen:
            for where, found in look.agreements(colouring, space):
                interval = "" if found.low is None else f"{found.low:.3f} to {found.high:.3f}"
                table.add_row(
                    plain(space.backbone),
                    where,
                    plain(colouring.name),
                    _number(found.value),
                    interval,
                    _number(found.chance),
                    trust.get(where, ""),
                )
    return Group(Text(title), table)


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
