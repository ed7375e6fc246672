"""From words to a trained run. Read:

prepare          settings, pictures and folder of a run, resolved and checked; nothing is written
changes          which settings follow from changed ones, and which may change when a run goes on
plan             what a run will do, and what it needs
run              composes the trainer, starts or resumes a run, trains to the end
trainer_parts    what differs between the trainings of all domains, of an added one and of a bridge
all_domains      the training of all domains of a run
progress         how training is shown: live on a terminal and in a notebook, plain lines elsewhere
signals          Ctrl-C and SIGTERM stop a run after saving
add_domain       prepares one more domain for a run or for packs
growth_card      growth.json: what a domain is added to
added_domain     the training of an added domain, and its pack
frozen_packs     the packs that must not change, where a domain is added or a bridge is built
frozen_domains   their domains: frozen halves, and discriminators copied from their runs
bridge           prepares a bridge between two runs
bridge_card      bridging.json: which runs a bridge connects
bridged_domains  the training of a bridge, and what it writes
from_published   a run that goes on from a published checkpoint
"""
