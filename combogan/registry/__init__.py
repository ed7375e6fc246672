"""What comes out: packs on disk, looked up by name; any encoder with any decoder of its latent space. Read:

pack       a domain's halves on disk: written, opened, loaded, verified
bridge     the adapters between two latent spaces on disk
card       pack.json, shared.json and bridge.json
weights    networks <-> safetensors files, and their hashes
registry   packs looked up by name and composed
generator  an encoder and a decoder, for images of any size
notebook   how packs show themselves in notebooks
copies     packs copied to another folder
swap       replaces a whole folder so that a kill loses nothing
"""
