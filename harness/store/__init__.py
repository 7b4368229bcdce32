"""The cache on disk: whatever is expensive to make and can be made again. docs/caches.md says what is checked when.

An entry is a folder of arrays with a manifest. It is there whole or not at all, its rows are checked against checksums
before anybody sees them, and one process makes it while others wait.
"""
