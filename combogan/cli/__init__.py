"""The command `combogan`: words in, words out, no logic. Read:

main            finds the subcommand, turns a mistake into one sentence and exit code 2
options         options that several commands have
train           train a new run, or go on with one
add_domain      one more domain
bridge          connect two runs
running         carries out a run: messages before and after it, exit codes of signals
progress        the plan, live progress on a terminal, plain lines elsewhere
translate       translate pictures
evaluate        score a run
domains         list, show, check, fetch domains
packs           list, show, verify, copy packs
packs_import    make packs from published checkpoints
tables          tables for terminals and pipes
"""
