"""`python -m app`."""

import sys

try:
    from app.cli import main

    main()
except KeyboardInterrupt:
    sys.exit(130)
