"""What others trained: ComboGAN and CycleGAN checkpoints become packs. Read:

checkpoint       reads a checkpoint as our networks, with the names given for its domains
combogan_folder  the files of one epoch in ComboGAN's folder, and opt.txt
layouts          which network a file holds, and our network with its weights
state_file       reads the state dict in a .pth file safely
packs            writes the packs
"""
