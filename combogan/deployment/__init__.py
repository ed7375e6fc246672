"""Where packs go next; each is an extra. Read:

remote       a folder anywhere that fsspec opens
listing      the files of shared packs, with sizes and hashes; what is not trusted of them
push         packs to a folder anywhere
model_card   the page that goes with them
pull         packs from a folder anywhere, checked; a broken transfer is taken up
"""
