"""What a notebook types (docs/notebooks.md): `harness` itself hands these out, each imported when it is first named."""
