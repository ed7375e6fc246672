"""`python -m combogan`: the command line."""

from combogan.cli.main import main

main()
