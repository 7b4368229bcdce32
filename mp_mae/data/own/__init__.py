"""Somebody's own unlabelled images, written anew in MMEarth's layout (docs/pretrain.md, "Your own images")."""
