"""How good translations are: scored against truth and baselines, and shown on a page. Read:

metrics          images in, one number per picture out: PSNR, SSIM, kept edges
images           square images of a picture set, and a fixed choice of its pictures
colour_matching  the colour-matching baseline, and the share of a change that it does not explain
texture          distance of small patches from real ones: sliced Wasserstein distance
image_features   features of images to score with, of a pretrained network that no discriminator looks through
kid              kernel inception distance, on those features or on those of a torchvision classifier
arrival          a linear classifier of domains on features: which translations it takes for the target
classifier       the same as a run's file, which says of which domain a picture is
content          distance of a translation's features from its source's, place by place
truth            which test pictures of two domains show the same thing
scores           scores as values, their means, and their JSON
scoring          scores the translations between all domains
run              opens a run on disk and scores it
validation       a fast subset of the scores during training, and the best validation
run_log          reads a run's log.jsonl
table            scores as a table for a terminal
examples         the best, the median and the worst translation of every direction
page             the HTML page of an evaluation
page_measures    the measures on the page: their numbers, format and colours
page_curves      charts of losses and validations over the iterations
"""
