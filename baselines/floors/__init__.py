"""The floors: what is known of an image without any pretraining, which a pretrained network has to beat.

Statistics of pixels, hand-crafted features of three levels, spectral indices and random filters. Formulas that
somebody wrote down, or filters that are drawn or taken from unlabelled images; nothing here was trained on anything.
"""
