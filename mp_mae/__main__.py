"""`python -m mp_mae`: see `mp_mae.cli.app`."""

import sys

from mp_mae.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
