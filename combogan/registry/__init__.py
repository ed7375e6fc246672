"""What comes out: packs, found by name and composed into generators."""
