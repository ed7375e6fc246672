"""What is trained: the encoder, decoder and discriminator of a domain. Read:

latent         the plug between encoder and decoder, and the ids of latent spaces
encoder        image -> latent and skip maps
decoder        latent and skip maps -> image
noise          what a decoder makes texture of
discriminator  image -> scores
features       image -> maps of a frozen, pretrained network
feature_heads  those maps -> scores: the part of a discriminator that sees features
adapter        between two latent spaces: the maps of one become maps of the other
shared         blocks that all domains share, and a half together with them
blocks         norms, activations, padding, dropout, the residual block, first weights
cpu            the layers that are fast on a CPU
"""
