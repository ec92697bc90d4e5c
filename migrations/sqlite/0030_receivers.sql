-- depends: 0027_keys

-- Whom notifications are for: who tells each just now, and why it did not take the last message.
CREATE TABLE IF NOT EXISTS receivers (
    -- the SHA-256 of its URL, which is a secret
    receiver text NOT NULL PRIMARY KEY,
    -- what may be seen of it: scheme and host
    shown text NOT NULL,
    -- the attempt to tell it that is under way; who is killed meanwhile leaves it, and others take it over
    attempt text,
    -- why the last message was not taken; null if it was
    because text
) WITHOUT ROWID;
