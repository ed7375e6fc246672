"""What packs are used for: pictures of one domain in, pictures of others out. Read:

translator   pictures or images: encoded once, decoded into one domain or many
directions   which domain is translated into which, from the words of a command
sources      the pictures to translate, and the names of what is written
memory       how much memory a translation takes, and how much is free
tiled_maps   maps that networks compute a box at a time
map_files    where such maps are kept, and what that takes
large_pictures   translates a picture in tiles, where it is too large for the memory
files        translates files and folders, and draws the contact sheet
"""
