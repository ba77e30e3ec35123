"""`python -m app`."""

import sys

from app.loading import loading

with loading():
    from app.cli import main

try:
    main()
except KeyboardInterrupt:
    sys.exit(130)
