"""A domain's state and how training moves it. Read:

losses          what is minimised: tensors in, one number out
group           networks that are updated together: their state in flat tensors, which networks are bound to
architecture    what a domain's networks are built from
domain          a domain as one unit: weights, averages, moments, fake pool; and its networks, while it has any
step            one iteration on two domains
schedule        which domains meet when, for how long, at which rates, and what is due then
building        settings -> networks with their first weights
slots           networks that domains use in turn
residents       which domains are ready: on the device, where not all have room there, and with networks
engine          trains meetings, several at the same time
cluster         the processes of Ray that a run can be spread over
workers         trains meetings in them
trainer         the loop: train, log, validate, save, publish, sample
autoencoder     the mathematics of the autoencoder that halves can start from
pretraining     what happens before the first iteration
checkpoint      checkpoints on disk: written so that a kill loses nothing, found again
run_state       what a run saves and restores
halves          the halves that packs are made from
best            validations, and which is the best so far
publishing      packs out of a run
samples         the sample grid
journal         log, history, samples: what a run records
loggers         the protocol for what records runs elsewhere, and those that are chosen
board           TensorBoard
wandb_logger    Weights & Biases
mlflow_logger   MLflow
aim_logger      Aim
report          the listener protocol for training progress
folder          the run's folder: settings, log, history, lock
"""
