"""Where packs go next; each is an extra. Read:

network_card    what an exported file says about its network
program         halves, or one direction, as programs of torch.export for images of any size
program_files   those programs as files, ONNX or .pt2, and such files opened again
export          exports the packs of several domains to a folder
comparison      exported files beside the packs they came from: the largest difference
export_readme   the README beside the files, with the lines of Python that translate a picture
remote          a folder anywhere that fsspec opens
listing         the files of shared packs, with sizes and hashes; what is not trusted of them
push            packs to a folder anywhere
model_card      the page that goes with them
pull            packs from a folder anywhere, checked; a broken transfer is taken up
"""
