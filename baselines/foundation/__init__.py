"""Pretrained models of other libraries, each a declared input contract: a record, and a way to build and call it."""
