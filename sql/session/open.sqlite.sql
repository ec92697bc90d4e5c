-- Looks at a new session: how the file encodes texts, which decides what a text is as bytes.
SELECT encoding FROM pragma_encoding
