"""Contrastive multimodal embeddings: a tower a modality, one shared space, any subset of modalities and channels."""
