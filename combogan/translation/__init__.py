"""What it is used for: pictures of one domain in, pictures of others out."""
