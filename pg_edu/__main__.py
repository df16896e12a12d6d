"""Run the command line, `python -m pg_edu`; see `pg_edu.runs.commands`."""

import sys

from pg_edu.runs.commands import main
from pg_edu.runs.commands.user_modules import remove_working_folder

if __name__ == "__main__":
    remove_working_folder()
    sys.exit(main())
