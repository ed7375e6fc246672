"""Pictures in: files and drawn scenes become batches of images."""
