"""Images for training and tests: acquired into class folders, linked into groups, packed into one file, drawn in
batches.

`acquire → link_subset → link_group → pack → open_images → Batches`. Only `augment` and `batches` import torch.
"""
