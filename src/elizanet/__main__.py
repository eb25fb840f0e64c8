"""`python -m elizanet` is the command `elizanet`."""

import sys

from elizanet.cli import main

if __name__ == "__main__":
    sys.exit(main())
