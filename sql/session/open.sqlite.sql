-- Looks at a new session: how the file encodes texts, which decides what a text is as bytes.
-- Twin: what a session can be set to has nothing in common on the two.
SELECT encoding FROM pragma_encoding
