"""Drawn landscapes in four seasons, with the same things at the same pixels in each. Read:

scene    draws a whole scene in a season, or its label map
layout   what stands where, the same in all seasons
colours  the colours of everything in each season
land     sky, mountains, hills and meadow
things   lake, house, path, stones, tufts; all things far to near
trees    trees and bushes
canvas   shapes on a picture
labels   the class of every pixel
figure   one thing drawn alone, at any angle and in any hue
"""
