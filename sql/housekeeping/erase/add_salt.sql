-- What this database mixes into the digests of names, drawn once: without it nobody can try names.
INSERT INTO erased_salt (salt) VALUES (:salt) ON CONFLICT DO NOTHING
