import sys

from properties.command import main

sys.exit(main())
