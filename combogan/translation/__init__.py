"""What packs are used for: pictures and films of one domain in, those of others out. Read:

translator   pictures or images: encoded once, decoded into one domain or many
large_pictures   translates a picture as a whole, or in tiles where it is too large for the memory
memory       how much memory a translation takes, and how much is free
tiled_maps   maps that networks compute a box at a time
map_files    where such maps are kept, and what that takes
directions   which domain is translated into which, from the words of a command
sources      the pictures to translate, and the names of what is written
files        translates files and folders, and draws the contact sheet
moving       films and animations as one kind of source
film         a film file: its frames, their times, how they are stored
segments     a film that is being written: a file per second, joined at the end
films        translates films; one that was stopped goes on at the last whole second
animations   translates animated GIF and WebP
frames       translates pictures that follow each other, and measures their flicker
steady       the statistics of instance norms as averages over time
motion       motion between two frames, and what it does not explain
"""
