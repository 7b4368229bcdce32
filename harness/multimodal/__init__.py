"""What an embedding space that several modalities share is good for: retrieval, missing modalities, transfer.

A run asks one question of one vector an image, so none of this is a run. The *towers* of a contrastive model see each
image once a modality, and once more for each channel that they have to do without (`towers`); all else is arithmetic on
the stored vectors (`vectors`). A *question* is which modalities and channels are there at test (`questions`); an
*answer* is a number with its interval and what it lost against everything (`answers`).
"""
