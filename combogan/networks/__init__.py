"""What is trained: encoder, decoder and discriminator of a domain."""
