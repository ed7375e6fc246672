"""Pictures in: a name becomes a set of pictures, and its pictures become batches of images. Read:

catalog           a name -> a folder, a fetched collection, or drawn scenes
cards             what is known about the collections, and their folders
pictures          picture sets; file <-> picture <-> image; listing, scaling, saving
animation         animated GIF and WebP: frames, durations, loop
decoding          formats of picture files, orientation, damage
pixel_kinds       gray or colour, of 8 bits, 16 bits or floats; and gray at its own depth
colour_profiles   colours of any file -> sRGB, and transparency
scenes            the drawn scenes of a season as a set of pictures
things            the drawings of a thing alone as a set of pictures
test_split        which pictures of a folder are held out to test with
checking          unreadable, duplicate, small and suspicious pictures
kind_checks       whether the pictures of domains are of one kind
validation_split  which training pictures are held out to validate with
moved             the pictures of a run, found again after they have moved
alignment         which pictures of two domains show the same thing, by their names
paired_split      the truth of aligned folders, and what of them is held out to test with
side_by_side      pictures of two domains in one file -> a folder for each
batches           the random crops of an iteration, loaded ahead
export            a domain -> PNG files, with label maps where they are known
sheets            contact sheets of labelled pictures
fetching          downloads published collections
archives          what is in a downloaded zip or tar.gz
unpacking         a downloaded archive -> a folder per domain
"""
