-- Nodes plan by what they know of it: else each row would be sought by itself.
ANALYZE :"kept_changes"
