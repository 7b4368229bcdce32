"""Numbers of embedding spaces as a table: what a picture alone does not say."""

from rich.table import Table

from harness.show.embeddings.look import Look
from harness.show.visible_text import plain


def agreement_table(look: Look) -> Table:
    """A row a backbone, colouring that was asked for, and space: the full one first, then its pictures."""
    k = look.spaces[0].neighbours.shape[1]
    table = Table(title=plain(f"{look.dataset}, {len(look.names)} images of {look.split}, {k} nearest neighbours"))
    for head in ("backbone", "neighbours in", "alike in"):
        table.add_column(head, overflow="fold")
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
    return table


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
