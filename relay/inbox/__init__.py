"""Inboxes: directories that people and sticks put bundles into.

Events of the file system are hints that something may have happened; what is true is said by listing
the directories. :mod:`relay.inbox.readiness` decides, purely; the other modules see and act.
"""
