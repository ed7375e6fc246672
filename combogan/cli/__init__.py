"""The command `combogan`: words in, words out, no logic. Read:

main            finds the subcommand, turns a mistake into one sentence and exit code 2
options         options that several commands have
train           train a new run, or go on with one
add_domain      one more domain
bridge          connect two runs
running         carries out a run: messages before and after it, exit codes of signals
progress        the plan of a run
translate       translate pictures
translate_any   pictures of which a classifier says the domain
serve           a page to drop pictures on
evaluate        score a run
domains         list, show, check, fetch domains
packs           list, show, verify, copy packs
packs_share     push and pull packs
packs_import    make packs from published checkpoints
export          packs as files for other programs
tables          tables for terminals and pipes
transfer_bar    a progress bar of files
completion      completion for shells
"""
